import KMSModel

/// A key that is to be deleted, as whoever confirms that has to know it.
struct DoomedKey: Sendable {
    /// How many of its names are shown.
    private static let mostAliases = 5

    let id: String
    let href: String
    let aliases: [String]
    let hasMoreAliases: Bool
    /// Nil for a key that the visitor may not look at, or that is not there.
    let metadata: Metadata?
    let lastUse: LastUse?
    /// Whether the visitor may know when it was used, if it was.
    let isUseShown: Bool

    struct Metadata: Sendable {
        let description: String
        let state: String
        let creation: Moment?
    }

    /// Asks for what the visitor may see of it.
    init(_ id: String, _ visit: Visit) async {
        let key = JSONObject(["KeyId": .string(id)])
        self.id = id
        href = "\(visit.base)/keys/\(id.inPath)"
        let found = (try? await visit.kms(.describeKey, key))?.object("KeyMetadata")
        metadata = found.map { found in
            Metadata(
                description: found.text("Description") ?? "", state: found.text("KeyState") ?? "",
                creation: found.date("CreationDate").map(Moment.init))
        }
        let limited = JSONObject(["KeyId": .string(id), "Limit": .number(String(Self.mostAliases))])
        let names = found == nil ? nil : try? await visit.kms(.listAliases, limited)
        aliases = names?.objects("Aliases").compactMap { $0.text("AliasName") } ?? []
        hasMoreAliases = names?.flag("Truncated") ?? false
        let use = found == nil ? nil : try? await visit.kms(.getKeyLastUsage, key)
        lastUse = use.flatMap(LastUse.init)
        isUseShown = use != nil
    }
}
