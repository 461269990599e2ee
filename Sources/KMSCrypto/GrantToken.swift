import Crypto
package import KMSModel

// What CreateGrant hands out so that a grant can be named before everybody has heard of it, version 1.

extension Keyring {
    /// Magic, version, form of the key identifier.
    private static let prefixByteCount = 5
    private static let saltByteCount = 16
    private static let codeByteCount = 16
    private static let keyIDByteCount = 16
    private static let tokenByteCount =
        prefixByteCount + keyIDByteCount + GrantID.byteCount + saltByteCount + codeByteCount

    /// A new token for a grant: no secret, and different each time.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package func makeGrantToken(for grant: GrantID, on key: KeyARN) throws(CryptoFailure) -> String {
        var token: [UInt8] = Array("chg".utf8) + [1, key.keyID.isMultiRegion ? 1 : 0]
        token += key.keyID.bytes + grant.bytes
        token += try randomness.bytes(Self.saltByteCount)
        return Base64.encode(token + Self.code(of: token, in: key.region, under: domains))
    }

    /// The grant that a token of this server in `region` names, and the key that it is on, whether or not they are still
    /// there; nil for any other text.
    package func grant(ofToken text: String, in region: Region) -> (id: GrantID, keyID: KeyID)? {
        guard let token = Base64.decode(text), token.count == Self.tokenByteCount,
            token.starts(with: Array("chg".utf8) + [1]), token[4] <= 1
        else { return nil }
        let content = Array(token.dropLast(Self.codeByteCount))
        let grantStart = Self.prefixByteCount + Self.keyIDByteCount
        let codes = roots.ofTokens.map { Self.code(of: content, in: region, under: $0.domains) }
        guard codes.contains(where: { Digest.areEqual(Array(token.suffix(Self.codeByteCount)), $0) }),
            let keyID = KeyID(bytes: Array(content[Self.prefixByteCount..<grantStart]), isMultiRegion: token[4] == 1),
            let id = GrantID(bytes: Array(content[grantStart..<grantStart + GrantID.byteCount]))
        else { return nil }
        return (id, keyID)
    }

    /// A new random identifier.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package func makeGrantID() throws(CryptoFailure) -> GrantID {
        guard let id = GrantID(bytes: try randomness.bytes(GrantID.byteCount)) else { throw .unavailable }
        return id
    }

    private static func code(of token: [UInt8], in region: Region, under domains: DomainKeys) -> [UInt8] {
        let code = HMACSHA256.key(from: token, key: domains.grantTokens(of: region))
        return unsafe code.withUnsafeBytes { unsafe Array($0.prefix(codeByteCount)) }
    }
}
