import KMSModel

// What the wizard's steps show.
extension CreateKeyPage {
    /// What all steps have, and the one's own.
    private struct Content<Own: Sendable>: Sendable {
        let here: String
        let base: String
        let number: Int
        let steps: [StepName]
        let hidden: [KeyPlan.Field]
        let isFirst: Bool
        let isLast: Bool
        /// Sentences by the fields that they are about.
        let problems: PlanProblems
        let own: Own
    }

    private struct StepName: Sendable {
        let name: String
        let isCurrent: Bool
    }

    /// The page of a step.
    func show(
        _ step: KeyPlan.Step, _ plan: KeyPlan, _ problems: PlanProblems = [:], alert: ConsoleFailure? = nil
    ) async -> ConsoleResponse {
        switch step {
        case .kind:
            page(
                .createKind, step, plan, problems, alert,
                KindChoices(plan, in: realm.region.partition, keyStores: await visit.keyStores()))
        case .labels: page(.createLabels, step, plan, problems, alert, Labels(plan, visit.request.form))
        case .administrators:
            page(
                .createAdministrators, step, plan, problems, alert,
                Administrators(
                    people: await IdentityChoices(
                        visit, step, chosen: plan.administrators, field: "administrator", problems),
                    mayDelete: plan.administratorsMayDelete))
        case .users:
            page(
                .createUsers, step, plan, problems, alert,
                Users(
                    people: await IdentityChoices(visit, step, chosen: plan.users, field: "user", problems),
                    accounts: plan.accounts.joined(separator: "\n")))
        case .review:
            page(
                .createReview, step, plan, problems, alert, Review(plan, standard: plan.standardPolicy(in: realm) ?? "")
            )
        }
    }

    private func page(
        _ template: Templates.Name, _ step: KeyPlan.Step, _ plan: KeyPlan, _ problems: PlanProblems,
        _ alert: ConsoleFailure?, _ own: some Sendable
    ) -> ConsoleResponse {
        let content = Content(
            here: "\(visit.base)/create", base: visit.base, number: step.rawValue,
            steps: KeyPlan.Step.allCases.map { StepName(name: $0.name, isCurrent: $0 == step) },
            hidden: plan.fields(beside: step), isFirst: step == .kind, isLast: step == .review, problems: problems,
            own: own)
        return visit.page(template, "Create key: \(step.name)", at: .keys, alert: alert, content)
    }
}

extension KeyPlan.Step {
    fileprivate var name: String {
        switch self {
        case .kind: "Configure key"
        case .labels: "Add labels"
        case .administrators: "Key administrators"
        case .users: "Key users"
        case .review: "Review"
        }
    }
}

extension Visit {
    /// The custom key stores that the visitor may see; none for who may not.
    fileprivate func keyStores() async -> [JSONObject] {
        do throws(ConsoleFailure) {
            return try await kms(.describeCustomKeyStores).objects("CustomKeyStores")
        } catch {
            return []
        }
    }
}

// MARK: What the other steps ask

private struct Labels: Sendable {
    struct Row: Sendable {
        let number: Int
        let key: String
        let value: String
    }

    let alias: String
    let description: String
    let rows: [Row]
    let hasRoom: Bool

    /// At least three rows, one of them empty, and as many as there were; the button gives three more.
    init(_ plan: KeyPlan, _ form: FormFields) {
        alias = plan.alias
        description = plan.description
        let more = max(3, form.all("tag-key").count) + (form["go"] == "rows" ? 3 : 0)
        let count = max(plan.tags.count, min(max(plan.tags.count + 1, more), KeyPlan.mostTags))
        rows = (0..<count).map { index in
            let tag = index < plan.tags.count ? plan.tags[index] : KeyPlan.Tag(key: "", value: "")
            return Row(number: index + 1, key: tag.key, value: tag.value)
        }
        hasRoom = count < KeyPlan.mostTags
    }
}

private struct Administrators: Sendable {
    let people: IdentityChoices
    let mayDelete: Bool
}

private struct Users: Sendable {
    let people: IdentityChoices
    let accounts: String
}

private struct Review: Sendable {
    let type: String
    let usage: String
    let spec: String
    let origin: String
    let keyStore: String?
    let externalKey: String?
    let regions: String
    let alias: String?
    let description: String?
    let tags: [KeyPlan.Tag]
    let administrators: [String]
    /// Nothing to be said when there are no administrators.
    let deletion: String?
    let users: [String]
    let accounts: [String]
    let policy: String
    let isEdited: Bool

    init(_ plan: KeyPlan, standard: String) {
        type = plan.spec?.isSymmetric == true ? "Symmetric" : "Asymmetric"
        usage = Wording.usage(plan.usage?.rawValue ?? "")
        spec = plan.spec?.rawValue ?? ""
        origin = Wording.origin(plan.origin?.rawValue ?? "")
        keyStore = plan.keyStore?.description
        externalKey = plan.externalKey.isEmpty ? nil : plan.externalKey
        regions = plan.isMultiRegion ? "Multi-Region key" : "Single-Region key"
        alias = plan.alias.isEmpty ? nil : AliasName.prefix + plan.alias
        description = plan.description.isEmpty ? nil : plan.description
        tags = plan.tags
        administrators = plan.administrators
        deletion =
            plan.administrators.isEmpty
            ? nil
            : plan.administratorsMayDelete ? "Administrators may delete the key" : "Administrators may not delete it"
        users = plan.users
        accounts = plan.accounts
        policy = plan.policy ?? standard
        isEdited = plan.policy != nil
    }
}
