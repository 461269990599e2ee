import Foundation
package import KMSModel

/// A key that somebody is about to make: the answers so far of the wizard's five steps.
///
/// The server keeps nothing of it: each form brings all answers back, those of its own step in its fields and the others in
/// hidden ones. Nothing in here is trusted before ``problems(at:in:)`` has looked at it.
package struct KeyPlan: Sendable, Equatable {
    /// What is asked, in this order.
    package enum Step: Int, Sendable, CaseIterable {
        case kind = 1
        case labels, administrators, users, review
    }

    /// A tag as it was typed.
    package struct Tag: Sendable, Equatable {
        /// What it is called.
        package let key: String
        /// What it says; may be empty.
        package let value: String

        package init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// Nil for what this server does not know.
    package private(set) var usage: KeyUsage? = .encryptDecrypt
    /// Nil for what this server does not know.
    package private(set) var spec: KeySpec? = .symmetricDefault
    /// Nil for what this server does not know.
    package private(set) var origin: KeyOrigin? = .awsKMS
    /// The custom key store that the origin means, if it means one.
    package private(set) var keyStore: CustomKeyStoreID?
    /// What the proxy of an external key store calls the key, as it was typed.
    package private(set) var externalKey = ""
    /// Whether the key can have replicas.
    package private(set) var isMultiRegion = false
    /// The name without `alias/`; empty for none.
    package private(set) var alias = ""
    /// What the key is for.
    package private(set) var description = ""
    /// Those that have a key or a value.
    package private(set) var tags: [Tag] = []
    /// ARNs.
    package private(set) var administrators: [String] = []
    /// Whether administrators may have the key deleted.
    package private(set) var administratorsMayDelete = true
    /// ARNs.
    package private(set) var users: [String] = []
    /// Other accounts, as they were typed.
    package private(set) var accounts: [String] = []
    /// The policy, if somebody has written another than the one that the answers make.
    package private(set) var policy: String?
    /// Whether the field of the policy came back without any text.
    package private(set) var hasBlankPolicy = false

    /// The answers before anything was asked.
    package init() {}

    /// Reads what a form of the wizard has sent, whichever step it was of.
    package init(_ form: FormFields) {
        readKind(form)
        alias = form.text("alias") ?? ""
        if alias.hasPrefix(AliasName.prefix) { alias.removeFirst(AliasName.prefix.count) }
        description = form.text("description") ?? ""
        tags = zip(form.all("tag-key"), form.all("tag-value"))
            .map { Tag(key: Self.trimmed($0), value: Self.trimmed($1)) }
            .filter { !$0.key.isEmpty || !$0.value.isEmpty }.prefix(Self.mostTags + 1).map(\.self)
        administrators = Self.names(form, "administrator")
        administratorsMayDelete = form.has("deletion")
        users = Self.names(form, "user")
        accounts = Self.distinct(
            form.all("account").flatMap { Self.words($0, apart: " ,;\t\r\n") }, most: Self.mostNamed)
        policy = form.text("policy") == nil ? nil : form["policy"]
        hasBlankPolicy = policy == nil && form.has("policy")
    }

    /// In the first step each key type has its own choice of usages, and each usage its own of specs, so that whatever is
    /// chosen goes together; which of them count follows from the choices before.
    private mutating func readKind(_ form: FormFields) {
        let type = form["type"].map { "-" + $0 } ?? ""
        let usageText = form["usage" + type]
        usage = usageText.flatMap(KeyUsage.init)
        spec = (type.isEmpty ? form["spec"] : form["spec\(type)-\(usageText ?? "")"]).flatMap(KeySpec.init)
        let originText = form["origin"] ?? ""
        origin = KeyOrigin(rawValue: originText)
        if isInKeyStore {
            keyStore = (form["key-store-\(originText)"] ?? form["key-store"]).flatMap(CustomKeyStoreID.init)
        }
        if origin == .externalKeyStore { externalKey = Self.trimmed(form["external-key"] ?? "") }
        isMultiRegion = form["regions"] == "multi"
    }

    /// Whatever is ticked in a list, and whatever is typed, one after the other.
    private static func names(_ form: FormFields, _ field: String) -> [String] {
        distinct(form.all(field) + form.all("\(field)-arns").flatMap { words($0, apart: " \t\r\n") }, most: mostNamed)
    }

    private static func words(_ text: String, apart separators: String) -> [String] {
        text.unicodeScalars.split { separators.unicodeScalars.contains($0) }.map(String.init)
    }

    /// The most users, roles and accounts of one step: a policy has no room for as many.
    static let mostNamed = 1000

    /// The texts, each once; of too many one more than there may be.
    private static func distinct(_ texts: [String], most: Int) -> [String] {
        var seen: Set<String> = []
        return Array(texts.filter { seen.insert($0).inserted }.prefix(most + 1))
    }

    private static func trimmed(_ text: String) -> String { text.trimmingCharacters(in: .whitespacesAndNewlines) }

    /// Takes the policy that the answers make.
    package mutating func forgetPolicy() { (policy, hasBlankPolicy) = (nil, false) }
}

extension KeyPlan {
    /// Whether the key is to be in a custom key store.
    var isInKeyStore: Bool { origin == .awsCloudHSM || origin == .externalKeyStore }

    /// The specs of one type of key for one usage, in the partition's regions (KMS Developer Guide, "Key spec reference":
    /// SM2 is for China).
    static func specs(isSymmetric: Bool, for usage: KeyUsage, in partition: Partition) -> [KeySpec] {
        KeySpec.allCases.filter {
            $0.isSymmetric == isSymmetric && $0.usages.contains(usage) && ($0 != .sm2 || partition == .china)
        }
    }

    /// A field of a form that nobody sees.
    package struct Field: Sendable, Equatable {
        /// What it is called.
        package let name: String
        /// What it brings back.
        package let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What the form of a step has to bring back besides its own fields.
    package func fields(beside step: Step) -> [Field] {
        Step.allCases.filter { $0 != step }.flatMap { fields(of: $0) }
    }

    private func fields(of step: Step) -> [Field] {
        switch step {
        case .kind:
            Self.filled([
                ("usage", usage?.rawValue), ("spec", spec?.rawValue), ("origin", origin?.rawValue),
                ("key-store", keyStore?.description), ("external-key", externalKey.isEmpty ? nil : externalKey),
                ("regions", isMultiRegion ? "multi" : nil),
            ])
        case .labels:
            Self.filled(
                [("alias", alias), ("description", description)]
                    + tags.flatMap { [("tag-key", $0.key), ("tag-value", $0.value)] })
        case .administrators:
            Self.filled(
                administrators.map { ("administrator", $0) } + [("deletion", administratorsMayDelete ? "on" : nil)])
        case .users: Self.filled(users.map { ("user", $0) } + accounts.map { ("account", $0) })
        case .review: Self.filled([("policy", policy)])
        }
    }

    private static func filled(_ pairs: [(name: String, value: String?)]) -> [Field] {
        pairs.compactMap { name, value in value.map { Field(name: name, value: $0) } }
    }
}
