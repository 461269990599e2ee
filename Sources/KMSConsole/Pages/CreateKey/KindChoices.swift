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

    /// Custom key stores of one type, as an origin.
    struct KeyStores: Sendable {
        let value: String
        let name: String
        let note: String
        let isChosen: Bool
        let stores: [Choice]
        /// What has been typed for the key behind the proxy; nil where there is none.
        let externalKey: String?

        /// Nil when there are no stores of this type, and none was asked for.
        init?(_ origin: KeyOrigin, _ note: String, _ plan: KeyPlan, of found: [JSONObject]) {
            let own = found.filter { $0.text("CustomKeyStoreType") == origin.rawValue }
            guard !own.isEmpty || plan.origin == origin else { return nil }
            (value, name, self.note) = (origin.rawValue, Wording.origin(origin.rawValue), note)
            isChosen = plan.origin == origin
            stores = Choice.list(
                own.map { ($0.text("CustomKeyStoreId") ?? "", Self.name(of: $0)) },
                chosen: plan.keyStore?.description)
            externalKey = origin == .externalKeyStore ? plan.externalKey : nil
        }

        private static func name(of store: JSONObject) -> String {
            let name = store.text("CustomKeyStoreName") ?? ""
            return store.text("ConnectionState") == "CONNECTED" ? name : "\(name) (not connected)"
        }
    }

    let types: [KeyType]
    let origins: [Choice]
    let keyStores: [KeyStores]
    let regions: [Choice]

    /// - Parameter found: The custom key stores that whoever asks may see.
    init(_ plan: KeyPlan, in partition: Partition, keyStores found: [JSONObject]) {
        types = [
            Self.type("symmetric", "Symmetric", "One secret key, which never leaves this server.", plan, partition),
            Self.type("asymmetric", "Asymmetric", "A key pair; anybody can have the public key.", plan, partition),
        ]
        let notes: [(KeyOrigin, String)] = [
            (.awsKMS, "This server makes the key material."),
            (.external, "You import key material of your own, after this."),
        ]
        origins = notes.map { origin, note in
            Choice(
                value: origin.rawValue, name: Wording.origin(origin.rawValue), isChosen: plan.origin == origin,
                note: note)
        }
        keyStores = [
            KeyStores(.awsCloudHSM, "An HSM makes the key, and never lets it out.", plan, of: found),
            KeyStores(.externalKeyStore, "A key elsewhere is needed too, each time.", plan, of: found),
        ].compactMap(\.self)
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
