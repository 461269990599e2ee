import Crypto
import KMSModel

/// Encrypts a backup piece by piece, so that none of it is in the clear outside, and a piece that was changed, moved, left
/// out or added is found.
///
/// Each backup has a key of its own, derived from the root key and a random salt, so the number of a piece is its nonce.
package struct BackupCipher: Sendable {
    /// The bytes of each piece but the last, which has as many or fewer.
    package static let pieceByteCount = 1 << 16
    /// What a sealed piece is longer than its plaintext.
    package static let overhead = Sealing.overhead
    /// The bytes of the salt.
    package static let saltByteCount = 32
    private static let version: UInt8 = 1

    private let key: SymmetricKey
    private let headerHash: [UInt8]

    /// - Parameters:
    ///   - salt: Random, and in the header.
    ///   - header: All that stands before the first piece.
    package init(rootKey: RootKey, salt: [UInt8], header: [UInt8]) {
        let domain = DomainKeys(rootKey: rootKey).backups
        key = HMACSHA256.key(from: salt, key: domain)
        headerHash = Digest.sha256(header)
    }

    /// A new salt.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package static func makeSalt() throws(CryptoFailure) -> [UInt8] { try SystemRandomness().bytes(saltByteCount) }

    /// The mark by which the root key of a backup is recognised; it reveals nothing about it.
    package static func check(of rootKey: RootKey) -> [UInt8] { DomainKeys(rootKey: rootKey).check }

    /// - Parameter number: The place of the piece, from 0; each only once.
    /// - Throws: ``CryptoFailure/unavailable``.
    package func seal(_ piece: [UInt8], number: UInt64, isLast: Bool) throws(CryptoFailure) -> [UInt8] {
        var sealed: [UInt8] = []
        sealed.reserveCapacity(piece.count + Self.overhead)
        let nonce = [0, 0, 0, 0] + Self.bytes(of: number)
        let result: Result<Void, CryptoFailure> = unsafe piece.withUnsafeBytes { bytes in
            Result { () throws(CryptoFailure) in
                try unsafe Sealing.seal(
                    bytes, under: key, nonce: nonce[...], binding: binding(number, isLast), to: &sealed)
            }
        }
        try result.get()
        return sealed
    }

    /// - Throws: ``CryptoFailure/notAuthentic`` or ``CryptoFailure/malformed`` for anything but the piece of this place.
    package func open(_ sealed: ArraySlice<UInt8>, number: UInt64, isLast: Bool) throws(CryptoFailure) -> [UInt8] {
        try unsafe Sealing.open(sealed, under: key, binding: binding(number, isLast)) { unsafe Array($0) }
    }

    private func binding(_ number: UInt64, _ isLast: Bool) -> [UInt8] {
        var encoding = CanonicalEncoding(label: "chatelaine backup")
        encoding.append([Self.version])
        encoding.append(headerHash)
        encoding.append(Self.bytes(of: number))
        encoding.append([isLast ? 1 : 0])
        return encoding.bytes
    }

    private static func bytes(of number: UInt64) -> [UInt8] {
        unsafe withUnsafeBytes(of: number.bigEndian) { unsafe Array($0) }
    }
}
