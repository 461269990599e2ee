package import KMSModel

/// The layout of a ciphertext of a key in an external key store, version 3: what was encrypted here, encrypted again by the key
/// elsewhere.
///
/// `docs/formats.md` explains it. Source: KMS Developer Guide, "Double encryption".
package struct DoubleCiphertext: Sendable, Equatable {
    /// What the other side may answer as `initializationVector`, in bytes.
    package static let vectorByteCounts: Set = [12, 16]
    /// The most bytes of `ciphertextMetadata`.
    package static let mostMetadata = 20
    private static let commitmentByteCount = 32
    /// The most bytes that the other side has to take as a plaintext, and the most that a ciphertext may have.
    package static let mostText = 4300

    /// SHA-256 of what was encrypted here: what the other side is bound to, and what it has to decrypt to.
    package let commitment: [UInt8]
    /// The parts that the key elsewhere needs.
    package let outer: ExternalCiphertext

    /// Takes what the other side made; nil for what the specification does not let it make.
    ///
    /// - Parameter inner: What it was given, which has the length of its ciphertext.
    ///
    /// Source: AWS KMS External Key Store Proxy API Specification 1.0.2, Encrypt.
    package init?(_ outer: ExternalCiphertext, of inner: [UInt8]) {
        guard outer.text.count == inner.count, Self.isAdmitted(outer) else { return nil }
        commitment = Self.commitment(to: inner)
        self.outer = outer
    }

    /// Reads a ciphertext whose key is the one that `material` is of.
    ///
    /// - Throws: ``CryptoFailure/malformed``; ``CryptoFailure/notAuthentic`` for one of another key or material.
    package init(_ ciphertext: [UInt8], of material: MaterialRecord) throws(CryptoFailure) {
        guard ciphertext.begins(with: SymmetricCiphertext.header(.external, for: material)) else { throw .notAuthentic }
        let body = ciphertext.dropFirst(SymmetricCiphertext.headerByteCount)
        guard body.count > Self.commitmentByteCount else { throw .malformed }
        commitment = Array(body.prefix(Self.commitmentByteCount))
        var rest = body.dropFirst(Self.commitmentByteCount)
        guard let vector = Self.field(&rest), let metadata = Self.field(&rest), rest.count >= Sealing.tagByteCount
        else {
            throw .malformed
        }
        let tag = rest.prefix(Sealing.tagByteCount)
        outer = ExternalCiphertext(
            metadata: Array(metadata), initializationVector: Array(vector),
            text: Array(rest.dropFirst(Sealing.tagByteCount)), tag: Array(tag))
        guard Self.isAdmitted(outer) else { throw .malformed }
    }

    /// The ciphertext as callers get it.
    package func bytes(for material: MaterialRecord) -> [UInt8] {
        var output = SymmetricCiphertext.header(.external, for: material) + commitment
        for field in [outer.initializationVector, outer.metadata] {
            output.append(UInt8(field.count))
            output += field
        }
        return output + outer.tag + outer.text
    }

    /// What ``commitment`` is of this.
    ///
    /// - Returns: 32 bytes.
    package static func commitment(to inner: [UInt8]) -> [UInt8] { Digest.sha256(inner) }

    /// Whether this is what was encrypted here.
    package func isOf(_ inner: [UInt8]) -> Bool { Digest.areEqual(commitment, Self.commitment(to: inner)) }

    /// What the other side binds its ciphertext to: a hash of the key, the material, the encryption context, which it is not told,
    /// and what was encrypted here, so that the answer to one request is none to another.
    ///
    /// - Returns: 32 bytes.
    package static func binding(
        _ commitment: [UInt8], for material: MaterialRecord, _ context: EncryptionContext
    ) -> [UInt8] {
        var encoding = CanonicalEncoding(
            after: SymmetricCiphertext.header(.external, for: material) + commitment, capacity: 128)
        encoding.append(context)
        return unsafe encoding.withBytes { unsafe Digest.sha256($0) }
    }

    private static func isAdmitted(_ outer: ExternalCiphertext) -> Bool {
        vectorByteCounts.contains(outer.initializationVector.count) && outer.metadata.count <= mostMetadata
            && outer.tag.count == Sealing.tagByteCount && (1...mostText).contains(outer.text.count)
    }

    /// A part with its length in front.
    private static func field(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let count = rest.popFirst(), rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(Int(count)) }
        return rest.prefix(Int(count))
    }
}
