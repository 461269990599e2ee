import KMSModel

extension Visit {
    /// What is wrong with the answers of a step by what there is already: at the last step, of all of them.
    func problem(
        with plan: KeyPlan, at step: KeyPlan.Step
    ) async -> (step: KeyPlan.Step, problems: PlanProblems)? {
        let isLast = step == .review
        if isLast || step == .labels, let problem = await aliasProblem(plan.alias) {
            return (.labels, ["alias": problem])
        }
        let asked: [(KeyPlan.Step, String, [String])] = [
            (.administrators, "administrator", plan.administrators), (.users, "user", plan.users),
        ]
        let named = asked.filter { (isLast || step == $0.0) && !$0.2.isEmpty }
        guard !named.isEmpty else { return nil }
        let known = await KnownIdentities(self)
        for (step, field, names) in named {
            guard let name = names.first(where: { known.has($0) == false }) else { continue }
            return (step, [field: "There is no \(name) in this account."])
        }
        return nil
    }

    /// Whether the name is another key's, as far as the visitor may know it: CreateAlias decides in the end.
    private func aliasProblem(_ alias: String) async -> String? {
        guard !alias.isEmpty else { return nil }
        let name = AliasName.prefix + alias
        let found = try? await kms(.describeKey, JSONObject(["KeyId": .string(name)]))
        return found?.object("KeyMetadata")?.text("KeyId").map {
            "\(name) is the name of the key \($0). Choose another."
        }
    }
}
