import Crypto
import KMSModel

// What the server lets callers keep of the audit log, version 1: they give it back, and cannot read, make or change it.

extension AuditChain {
    /// Seals `content`, so that it can be opened with the same `binding` alone.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package func seal(_ content: [UInt8], binding: [UInt8]) throws(CryptoFailure) -> [UInt8] {
        let nonce = try randomness.bytes(Sealing.nonceByteCount)
        var sealed: [UInt8] = []
        let result: Result<Void, CryptoFailure> = unsafe content.withUnsafeBytes { content in
            Result { () throws(CryptoFailure) in
                try unsafe Sealing.seal(content, under: sealingKey, nonce: nonce[...], binding: binding, to: &sealed)
            }
        }
        try result.get()
        return sealed
    }

    /// What was sealed with this `binding`; nil for anything else.
    package func open(_ sealed: [UInt8], binding: [UInt8]) -> [UInt8]? {
        try? unsafe Sealing.open(sealed[...], under: sealingKey, binding: binding) { unsafe Array($0) }
    }

    private var sealingKey: SymmetricKey {
        var encoding = CanonicalEncoding(label: "chatelaine audit lookup")
        encoding.append([1])
        return unsafe encoding.withBytes { message in
            unsafe key.withBytes { key in unsafe HMACSHA256.key(from: message, key: key) }
        }
    }
}
