import KMSAccess
import KMSModel
import KMSStore

/// An operation that changes a custom key store that is there.
protocol OneKeyStoreOperation: AccountOperation {
    /// The member that names it.
    static func identifier(in input: Input) -> String

    /// What changes of this store are in turn at.
    static func turns(of store: CustomKeyStoreID, in realm: Realm) -> [String]

    /// - Returns: What becomes of it, or nothing when it is so already; and the answer.
    static func change(
        _ store: KeyStore, _ input: Input, in context: RequestContext
    ) async throws(KMSError) -> (Change?, Output)
}

extension OneKeyStoreOperation {
    static func turns(of store: CustomKeyStoreID, in realm: Realm) -> [String] { [store.turn] }

    static func turns(for input: Input, in context: RequestContext) -> [String] {
        CustomKeyStoreID(identifier(in: input)).map { turns(of: $0, in: context.realm) } ?? []
    }

    static func dependence(_ input: Input) -> KeyStoreDependence { .one }

    static func perform(
        _ input: Input, under permit: Permit<Void>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<Output> {
        let store = try context.keyStore(identifier(in: input))
        let (change, output) = try await change(store, input, in: context)
        var outcome = Outcome(output, change: change)
        outcome.additionalEventData = store.record.eventData
        return outcome
    }
}

extension RequestContext {
    /// The custom key store of this identifier.
    ///
    /// - Throws: ``KMSError`` with `CustomKeyStoreNotFoundException`.
    func keyStore(_ text: String) throws(KMSError) -> KeyStore {
        guard let id = CustomKeyStoreID(text), let store = keyStores.store(id, in: realm) else {
            throw KMSError(.customKeyStoreNotFound, "Custom key store \(text) does not exist.")
        }
        return store
    }

    /// Refuses a name that another custom key store of the account and region has.
    func checkName(_ name: String) throws(KMSError) {
        guard keyStores.store(named: name, in: realm) == nil else {
            throw KMSError(.customKeyStoreNameInUse, "The name of the custom key store is in use: \(name)")
        }
    }
}

extension CustomKeyStoreRecord {
    /// The cluster behind it, if it is one.
    var cluster: String? { if case .cluster(let id, _) = backing { id } else { nil } }

    /// What audit records show of it beside its identifier.
    fileprivate var eventData: JSONObject {
        JSONObject(
            [JSONObject.Member(name: "customKeyStoreName", value: .string(name))]
                + (cluster.map { [JSONObject.Member(name: "clusterId", value: .string($0))] } ?? []))
    }

    /// The record after `edit`, as a change of the store.
    func change(_ edit: (inout CustomKeyStoreRecord) -> Void) -> Change {
        var edited = self
        edit(&edited)
        edited.version = version + 1
        return Change([.updateKeyStore(edited, expecting: version)])
    }
}

extension KMSError {
    /// What AWS answers where the connection of a custom key store is not what the operation needs.
    static func invalidState(of store: KeyStore) -> KMSError {
        KMSError(
            .customKeyStoreInvalidState,
            "Custom key store \(store.record.id) is \(store.condition.name), which is not valid for this operation.")
    }
}

/// The certificate that a cluster is told by.
enum TrustAnchor {
    private static let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")

    /// Whether a text is a certificate in PEM (RFC 7468); nothing here asks what it says, for a token has none to show.
    static func isCertificate(_ text: String) -> Bool {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingSpaces }
        guard let first = lines.firstIndex(of: begin), let last = lines.lastIndex(of: end), first < last else {
            return false
        }
        let content = lines[(first + 1)..<last].joined()
        // A sequence of ASN.1.
        guard let bytes = Base64.decode(content), bytes.first == 0x30 else { return false }
        return true
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
