package import KMSModel

/// A ciphertext for a key store elsewhere, in the parts that the External Key Store Proxy API has, version 1.
///
/// `docs/formats.md` explains it. Source: AWS KMS External Key Store Proxy API Specification 1.0.2, Encrypt and Decrypt.
package struct ExternalCiphertext: Sendable, Equatable {
    static let version: UInt8 = 1
    static let saltByteCount = 16
    /// How much of the material's identifier stands in the metadata: what is left of the 20 bytes that there may be.
    private static let hintByteCount = 3
    /// The length of the metadata, in bytes.
    package static let metadataByteCount = 1 + saltByteCount + hintByteCount
    /// The most additional data that there can be, in bytes: its length is bound as two of them.
    package static let mostAdditionalData = Int(UInt16.max)

    /// Version, salt and the beginning of the material's identifier.
    package let metadata: [UInt8]
    /// The nonce of AES-GCM.
    package let initializationVector: [UInt8]
    /// As long as the plaintext.
    package let text: [UInt8]
    /// The tag of AES-GCM.
    package let tag: [UInt8]

    /// What somebody sends back; it is not believed before it has been opened.
    package init(metadata: [UInt8], initializationVector: [UInt8], text: [UInt8], tag: [UInt8]) {
        self.metadata = metadata
        self.initializationVector = initializationVector
        self.text = text
        self.tag = tag
    }

    /// Whether the metadata says that the material can be this one; several may be.
    package func canBeOf(_ material: KeyMaterialID) -> Bool {
        metadata.count == Self.metadataByteCount
            && metadata.suffix(Self.hintByteCount).elementsEqual(Self.hint(material))
    }

    /// What stands in front of a ciphertext of this material.
    static func metadata(salt: ArraySlice<UInt8>, _ material: KeyMaterialID) -> [UInt8] {
        [version] + salt + hint(material)
    }

    private static func hint(_ material: KeyMaterialID) -> ArraySlice<UInt8> { material.bytes.prefix(hintByteCount) }

    var salt: ArraySlice<UInt8> { metadata[1..<1 + Self.saltByteCount] }

    /// Refuses what cannot be a ciphertext of this version.
    ///
    /// - Throws: ``CryptoFailure/malformed``, ``CryptoFailure/unknownVersion``.
    func checkLayout() throws(CryptoFailure) {
        guard metadata.count == Self.metadataByteCount, initializationVector.count == Sealing.nonceByteCount,
            tag.count == Sealing.tagByteCount
        else { throw .malformed }
        guard metadata[0] == Self.version else { throw .unknownVersion }
    }

    /// What AES-GCM is given as additional data: both lengths are in it, so that nothing of one passes for the other.
    ///
    /// Source: the specification, `ciphertextMetadata`.
    ///
    /// - Throws: ``CryptoFailure/tooLong``.
    static func binding(_ additionalData: [UInt8], _ metadata: [UInt8]) throws(CryptoFailure) -> [UInt8] {
        guard additionalData.count <= mostAdditionalData, metadata.count <= metadataByteCount else { throw .tooLong }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 + additionalData.count + 1 + metadata.count)
        bytes += [UInt8(additionalData.count >> 8), UInt8(additionalData.count & 0xFF)]
        bytes += additionalData
        bytes.append(UInt8(metadata.count))
        bytes += metadata
        return bytes
    }
}
