import KMSAccess
import KMSModel

/// The wizard that makes a key in five steps, as the AWS console's does.
///
/// All of it is one path: a form says which step it is of and which way to go, and brings all answers with it.
struct CreateKeyPage: Sendable {
    let visit: Visit
    let realm: Realm

    init(_ visit: Visit) {
        self.visit = visit
        realm = Realm(account: visit.caller.principal.account, region: visit.caller.region)
    }

    /// Shows the first step, or takes a step's answers.
    func respond() async -> ConsoleResponse {
        guard visit.hasForm else { return await show(.kind, KeyPlan()) }
        let form = visit.request.form
        let step = form["step"].flatMap { Int($0) }.flatMap(KeyPlan.Step.init) ?? .kind
        var plan = KeyPlan(form)
        if form["go"] == "policy" || plan.policy == plan.standardPolicy(in: realm) { plan.forgetPolicy() }
        if visit.isShownAgain { return await show(step, plan) }
        switch form["go"] {
        case "back": return await show(step.previous, plan)
        case "rows", "policy", "filter": return await show(step, plan)
        // Whoever presses the Enter key behind a name wants to see who is called so, and not the next step.
        case "enter" where form.text("filter") != form.text("filtered"): return await show(step, plan)
        case "create": return await check(plan, upTo: .review) { await create(plan) }
        default: return await check(plan, upTo: step) { await show(step.next, plan) }
        }
    }

    /// Goes on, unless a step has answers that will not do: then it is shown again.
    private func check(
        _ plan: KeyPlan, upTo step: KeyPlan.Step, then goOn: () async -> ConsoleResponse
    ) async -> ConsoleResponse {
        var found = plan.firstProblem(upTo: step, in: realm)
        if found == nil { found = await visit.problem(with: plan, at: step) }
        guard let found else { return await goOn() }
        let alert = ConsoleFailure("Not yet", "Something on this page has to be changed first.")
        return await show(found.step, plan, found.problems, alert: alert)
    }

    // MARK: The last step

    private func create(_ plan: KeyPlan) async -> ConsoleResponse {
        let id: String
        do throws(ConsoleFailure) {
            let output = try await visit.kms(.createKey, plan.request(in: realm) ?? JSONObject())
            guard let made = output.object("KeyMetadata")?.text("KeyId") else {
                throw ConsoleFailure(KMSError(.kmsInternal))
            }
            id = made
        } catch {
            return await refuse(plan, error)
        }
        let key = "\(visit.base)/keys/\(id)"
        if !plan.alias.isEmpty {
            let alias = AliasName.prefix + plan.alias
            do throws(ConsoleFailure) {
                try await visit.kms(
                    .createAlias, JSONObject(["AliasName": .string(alias), "TargetKeyId": .string(id)]))
            } catch {
                return leave(id, withoutAlias: alias, error)
            }
        }
        let name = plan.alias.isEmpty ? id : AliasName.prefix + plan.alias
        guard plan.origin == .external else { return visit.done("The key \(name) was created.", goingTo: key) }
        return visit.done(
            "The key \(name) was created. It cannot be used before its key material is imported, here.",
            goingTo: "\(key)/material")
    }

    /// The page of the key that is there, where another name can be given to it.
    private func leave(_ id: String, withoutAlias alias: String, _ failure: ConsoleFailure) -> ConsoleResponse {
        let path = "\(visit.base)/keys/\(id)/aliases"
        // The page where it is said is itself as it should be.
        let said = ConsoleFailure(failure.code, failure.message, status: 200)
        visit.session.keptForm.keep(
            KeptForm(target: path, fields: [("action", "create"), ("alias", alias)]), saying: said)
        return visit.done(
            "The key \(id) was created without its alias, because \(alias) was refused. Give it another one here.",
            goingTo: path)
    }

    /// Shows what the API says where it can be put right.
    private func refuse(_ plan: KeyPlan, _ failure: ConsoleFailure) async -> ConsoleResponse {
        let failure = await visit.locating(failure, inPolicy: plan.policy ?? plan.standardPolicy(in: realm) ?? "")
        return switch failure.code {
        case KMSError.Code.malformedPolicyDocument.rawValue, KMSError.Code.invalidArn.rawValue:
            await show(.review, plan, ["policy": failure.sentence], alert: failure)
        case KMSError.Code.tag.rawValue:
            await show(.labels, plan, ["tags": failure.message], alert: failure)
        default: await show(.review, plan, alert: failure)
        }
    }
}

extension KeyPlan.Step {
    fileprivate var previous: Self { Self(rawValue: rawValue - 1) ?? self }
    fileprivate var next: Self { Self(rawValue: rawValue + 1) ?? self }
}
