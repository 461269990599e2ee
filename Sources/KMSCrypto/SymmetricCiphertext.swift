package import KMSModel

/// The layout of a ciphertext of a symmetric encryption key.
///
/// `docs/formats.md` explains it.
package enum SymmetricCiphertext {
    private static let magic: [UInt8] = Array("cht".utf8)
    /// What stands behind the header.
    enum Version: UInt8 {
        /// What was encrypted here.
        case local = 1
        /// What a token encrypted, which has no salt.
        case token = 2
        /// What was encrypted here, and again by a key elsewhere (``DoubleCiphertext``).
        case external = 3
    }

    static let saltByteCount = 16
    /// Magic, version, form of the key identifier, key identifier, material identifier.
    static let headerByteCount = 3 + 1 + 1 + 16 + KeyMaterialID.byteCount
    /// The header and the salt, which the per-message key is derived with.
    static let prefixByteCount = headerByteCount + saltByteCount
    /// What a ciphertext is longer than its plaintext.
    package static let overhead = prefixByteCount + Sealing.overhead

    /// Which key a ciphertext needs.
    package struct Header: Sendable, Equatable {
        /// The key, which is of the region that the ciphertext is opened in.
        package let keyID: KeyID
        /// The generation of its material.
        package let materialID: KeyMaterialID
    }

    /// What `ciphertext` says of its key.
    ///
    /// It is true only once the ciphertext has been opened.
    ///
    /// - Throws: ``CryptoFailure/malformed``, ``CryptoFailure/unknownVersion``.
    package static func header(of ciphertext: [UInt8]) throws(CryptoFailure) -> Header {
        if isElsewhere(ciphertext) {
            guard ciphertext.count >= headerByteCount + Sealing.overhead, ciphertext[4] <= 1 else { throw .malformed }
        } else {
            try checkLayout(of: ciphertext)
        }
        guard let keyID = KeyID(bytes: ciphertext[5..<21], isMultiRegion: ciphertext[4] == 1),
            let materialID = KeyMaterialID(bytes: ciphertext[21..<headerByteCount])
        else { throw .malformed }
        return Header(keyID: keyID, materialID: materialID)
    }

    /// Refuses what cannot be a ciphertext that was made here, whichever key it names.
    ///
    /// - Throws: ``CryptoFailure/malformed``, ``CryptoFailure/unknownVersion``.
    static func checkLayout(of ciphertext: [UInt8]) throws(CryptoFailure) {
        guard ciphertext.count >= overhead, ciphertext.begins(with: magic) else { throw .malformed }
        guard ciphertext[3] == Version.local.rawValue else { throw .unknownVersion }
        guard ciphertext[4] <= 1 else { throw .malformed }
    }

    /// Whether the bytes begin as what only a token, or a key elsewhere, opens.
    private static func isElsewhere(_ ciphertext: [UInt8]) -> Bool {
        guard ciphertext.count > 4, ciphertext.begins(with: magic), let version = Version(rawValue: ciphertext[3])
        else {
            return false
        }
        return version != .local
    }

    /// The header of a ciphertext that is made with this material.
    static func header(_ version: Version, for material: MaterialRecord) -> [UInt8] {
        var header: [UInt8] = []
        header.reserveCapacity(headerByteCount)
        appendHeader(for: material, version, to: &header)
        return header
    }

    /// Appends the header of a ciphertext that is made with this material.
    static func appendHeader(for material: MaterialRecord, _ version: Version = .local, to output: inout [UInt8]) {
        let keyID = material.key.keyID
        output.append(contentsOf: magic)
        output.append(version.rawValue)
        output.append(keyID.isMultiRegion ? 1 : 0)
        keyID.append(to: &output)
        material.id.append(to: &output)
    }
}
