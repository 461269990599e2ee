import KMSAccess
package import KMSModel

/// What keeps a plan from being carried out: a sentence for each field that has to be changed.
package typealias PlanProblems = [String: String]

extension KeyPlan {
    /// What is wrong with the answers of a step.
    ///
    /// The API decides in the end; this is to say it where it can be put right.
    package func problems(at step: Step, in realm: Realm) -> PlanProblems {
        switch step {
        case .kind: kindProblems(in: realm.region.partition)
        case .labels: labelProblems
        case .administrators: PlanProblems("administrator", Self.problem(with: administrators, in: realm))
        case .users:
            PlanProblems("user", Self.problem(with: users, in: realm))
                .merging(PlanProblems("account", accountProblem(in: realm))) { first, _ in first }
        case .review:
            PlanProblems(
                "policy",
                hasBlankPolicy ? "A key has a policy. Nothing was created: this is what was chosen, as a policy." : nil)
        }
    }

    /// The first step that has a problem, up to one.
    package func firstProblem(upTo last: Step, in realm: Realm) -> (step: Step, problems: PlanProblems)? {
        for step in Step.allCases where step.rawValue <= last.rawValue {
            let problems = problems(at: step, in: realm)
            if !problems.isEmpty { return (step, problems) }
        }
        return nil
    }

    private func kindProblems(in partition: Partition) -> PlanProblems {
        var problems: PlanProblems = [:]
        if let spec, let usage {
            if !Self.specs(isSymmetric: spec.isSymmetric, for: usage, in: partition).contains(spec) {
                problems["spec"] = "Keys of \(spec.rawValue) cannot be made for \(usage.rawValue) here."
            } else if origin == .external, spec.isMLDSA {
                problems["origin"] = "Material of \(spec.rawValue) cannot be imported."
            }
        } else {
            problems["spec"] = "Choose a usage and a key spec."
        }
        if origin == nil { problems["origin"] = "Choose where the key material comes from." }
        if isInKeyStore { problems.merge(keyStoreProblems) { $1 } }
        return problems
    }

    private var keyStoreProblems: PlanProblems {
        let isUsual = spec == .symmetricDefault && usage == .encryptDecrypt && !isMultiRegion
        let isNamed = origin != .externalKeyStore || ExternalKeyID(externalKey) != nil
        return PlanProblems(
            "origin",
            isUsual ? nil : "A custom key store has symmetric keys for encryption only, which are of one region."
        )
        .merging(PlanProblems("store", keyStore == nil ? "Choose a custom key store." : nil)) { $1 }
        .merging(PlanProblems("external", isNamed ? nil : "1 to 128 letters, digits, hyphens, underscores or periods."))
        {
            $1
        }
    }

    private var labelProblems: PlanProblems {
        PlanProblems("alias", aliasProblem)
            .merging(PlanProblems("tags", tagProblem)) { first, _ in first }
            .merging(
                PlanProblems(
                    "description",
                    description.unicodeScalars.count > 8192 ? "At most 8192 characters." : nil)
            ) { first, _ in first }
    }

    private var aliasProblem: String? {
        guard !alias.isEmpty else { return nil }
        guard let name = AliasName(AliasName.prefix + alias) else {
            return "An alias has letters, digits, slashes, hyphens and underscores, 250 at most."
        }
        return name.isReserved ? "Names that begin with aws/ are reserved for AWS managed keys." : nil
    }

    private var tagProblem: String? {
        for tag in tags {
            if tag.key.isEmpty { return "The value \(tag.value) has no key." }
            if tag.key.unicodeScalars.count > 128 { return "A key has at most 128 characters." }
            if tag.value.unicodeScalars.count > 256 { return "The value of \(tag.key) has more than 256 characters." }
            if tag.key.hasPrefix("aws:") { return "Keys that begin with aws: are reserved." }
        }
        if Set(tags.map { Array($0.key.utf8) }).count < tags.count { return "Two tags have the same key." }
        return tags.count > Self.mostTags ? "A key has at most \(Self.mostTags) tags." : nil
    }

    /// The most tags of a key (KMS Developer Guide, "Resource quotas").
    static let mostTags = 50

    private static func problem(with names: [String], in realm: Realm) -> String? {
        if names.count > mostNamed { return "No more than \(mostNamed) can be named." }
        for name in names {
            switch try? PolicyPrincipal(aws: name, in: realm.region.partition) {
            case .user(let account, _, _), .role(let account, _, _), .roleSession(let account, _, _):
                if account == realm.account { continue }
                return "\(name) is of another account. Name it in the policy, in the last step."
            default: return "\(name) is not the ARN of a user, a role or a role's session."
            }
        }
        return nil
    }

    private func accountProblem(in realm: Realm) -> String? {
        if accounts.count > Self.mostNamed { return "No more than \(Self.mostNamed) can be named." }
        for text in accounts {
            guard let account = AccountID(text) else { return "\(text) is no account: those have 12 digits." }
            if account == realm.account { return "\(text) is this account; give only others." }
        }
        return nil
    }
}

extension PlanProblems {
    fileprivate init(_ field: String, _ problem: String?) {
        self = problem.map { [field: $0] } ?? [:]
    }
}
