import KMSModel

/// What kinds of key the first step offers, and which of them is chosen.
struct KindChoices: Sendable {
    /// Symmetric keys or key pairs.
    struct KeyType: Sendable {
        let id: String
        let name: String
        let note: String
        let isChosen: Bool
        let usages: [Usage]
    }

    struct Usage: Sendable {
        let value: String
        let name: String
        let isChosen: Bool
        let specs: [Choice]
    }

    let types: [KeyType]
    let origins: [Choice]
    let regions: [Choice]

    init(_ plan: KeyPlan, in partition: Partition) {
        types = [
            Self.type("symmetric", "Symmetric", "One secret key, which never leaves this server.", plan, partition),
            Self.type("asymmetric", "Asymmetric", "A key pair; anybody can have the public key.", plan, partition),
        ]
        let notes = ["This server makes the key material.", "You import key material of your own, after this."]
        origins = zip(KeyPlan.origins, notes).map { origin, note in
            Choice(
                value: origin.rawValue, name: Wording.origin(origin.rawValue), isChosen: plan.origin == origin,
                note: note)
        }
        regions = [
            Choice(
                value: "single", name: "Single-Region key", isChosen: !plan.isMultiRegion,
                note: "It is of this region for ever."),
            Choice(
                value: "multi", name: "Multi-Region key", isChosen: plan.isMultiRegion,
                note: "It can get replicas with the same key material in other regions."),
        ]
    }

    /// In a type that is not chosen, and in a usage, what comes first is chosen.
    private static func type(
        _ id: String, _ name: String, _ note: String, _ plan: KeyPlan, _ partition: Partition
    ) -> KeyType {
        let isSymmetric = id == "symmetric"
        let isChosen = plan.spec.map { $0.isSymmetric == isSymmetric } ?? isSymmetric
        let offered = KeyUsage.allCases.filter {
            !KeyPlan.specs(isSymmetric: isSymmetric, for: $0, in: partition).isEmpty
        }
        let chosen = plan.usage.flatMap { isChosen && offered.contains($0) ? $0 : nil } ?? offered.first
        let usages = offered.map { usage in
            let specs = KeyPlan.specs(isSymmetric: isSymmetric, for: usage, in: partition)
            let spec = plan.spec.flatMap { specs.contains($0) ? $0 : nil } ?? specs.first
            return Usage(
                value: usage.rawValue, name: Wording.usage(usage.rawValue), isChosen: usage == chosen,
                specs: Choice.list(specs.map { ($0.rawValue, $0.rawValue) }, chosen: spec?.rawValue))
        }
        return KeyType(id: id, name: name, note: note, isChosen: isChosen, usages: usages)
    }
}
