import KMSModel

extension Pipeline {
    /// The most pairs of an encryption context, and the most bytes of all its keys and values.
    private static let (mostPairs, mostContextBytes) = (1000, 65_536)

    /// Refuses an encryption context that is longer than any use of one: policies, grants and the audit log all look at it.
    static func checkContexts(in body: JSONObject) throws(KMSError) {
        for name in ["EncryptionContext", "SourceEncryptionContext", "DestinationEncryptionContext"] {
            guard case .object(let context)? = body[name] else { continue }
            let size = context.members.reduce(0) { size, pair in
                guard case .string(let value) = pair.value else { return size }
                return size + pair.name.utf8.count + value.utf8.count
            }
            guard context.members.count <= mostPairs, size <= mostContextBytes else {
                throw KMSError(
                    .validation, "\(name) has more than \(mostPairs) pairs or \(mostContextBytes) bytes.")
            }
        }
    }
}
