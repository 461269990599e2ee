package import KMSModel

/// The layout of a ciphertext of a symmetric encryption key, version 1.
///
/// `docs/formats.md` explains it.
package enum SymmetricCiphertext {
    private static let magic: [UInt8] = Array("cht".utf8)
    static let version: UInt8 = 1
    /// That of what a token encrypts, which has no salt.
    static let tokenVersion: UInt8 = 2
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
        if isOfToken(ciphertext) {
            guard ciphertext.count >= headerByteCount + Sealing.overhead, ciphertext[4] <= 1 else { throw .malformed }
        } else {
            try checkLayout(of: ciphertext)
        }
        guard let keyID = KeyID(bytes: Array(ciphertext[5..<21]), isMultiRegion: ciphertext[4] == 1),
            let materialID = KeyMaterialID(bytes: Array(ciphertext[21..<headerByteCount]))
        else { throw .malformed }
        return Header(keyID: keyID, materialID: materialID)
    }

    /// Refuses what cannot be a ciphertext of this version, whichever key it names.
    ///
    /// - Throws: ``CryptoFailure/malformed``, ``CryptoFailure/unknownVersion``.
    static func checkLayout(of ciphertext: [UInt8]) throws(CryptoFailure) {
        guard ciphertext.count >= overhead, ciphertext.starts(with: magic) else { throw .malformed }
        guard ciphertext[3] == version else { throw .unknownVersion }
        guard ciphertext[4] <= 1 else { throw .malformed }
    }

    /// Whether the bytes begin as what a token encrypted.
    private static func isOfToken(_ ciphertext: [UInt8]) -> Bool {
        ciphertext.count > 4 && ciphertext.starts(with: magic) && ciphertext[3] == tokenVersion
    }

    /// The header of a ciphertext that a token makes with this material.
    static func tokenHeader(for material: MaterialRecord) -> [UInt8] {
        var header: [UInt8] = []
        header.reserveCapacity(headerByteCount)
        appendHeader(for: material, version: tokenVersion, to: &header)
        return header
    }

    /// Appends the header of a ciphertext that is made with this material.
    static func appendHeader(for material: MaterialRecord, version: UInt8 = version, to output: inout [UInt8]) {
        let keyID = material.key.keyID
        output.append(contentsOf: magic)
        output.append(version)
        output.append(keyID.isMultiRegion ? 1 : 0)
        keyID.append(to: &output)
        material.id.append(to: &output)
    }
}
