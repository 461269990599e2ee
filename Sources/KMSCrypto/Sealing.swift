import CSodium
import Crypto
import Foundation
import KMSModel

/// AES-256-GCM (NIST SP 800-38D) with a 96-bit nonce and a 128-bit tag, as `nonce ‖ ciphertext ‖ tag`.
enum Sealing {
    static let nonceByteCount = 12
    static let tagByteCount = 16
    /// What a sealed text is longer than its plaintext.
    static let overhead = nonceByteCount + tagByteCount

    /// Appends the sealed `plaintext` to `output`.
    ///
    /// - Throws: ``CryptoFailure/unavailable``: the primitive refuses only what it was given wrong.
    static func seal(
        _ plaintext: UnsafeRawBufferPointer, under key: SymmetricKey, nonce: ArraySlice<UInt8>,
        binding additionalData: [UInt8], to output: inout [UInt8]
    ) throws(CryptoFailure) {
        do {
            let box = try unsafe AES.GCM.seal(
                plaintext, using: key, nonce: AES.GCM.Nonce(data: nonce), authenticating: additionalData
            )
            guard let sealed = box.combined else { throw CryptoFailure.unavailable }
            unsafe sealed.withUnsafeBytes { unsafe output.append(contentsOf: $0) }
        } catch {
            throw .unavailable
        }
    }

    /// Opens `sealed` and lends the plaintext to `body`; the memory that held it is zeroed afterwards.
    ///
    /// - Throws: ``CryptoFailure/notAuthentic`` when anything was changed; what `body` throws.
    static func open<Result>(
        _ sealed: ArraySlice<UInt8>, under key: SymmetricKey, binding additionalData: [UInt8],
        _ body: (UnsafeRawBufferPointer) throws(CryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        guard sealed.count >= overhead else { throw .malformed }
        var plaintext: Data
        do {
            // Copied by its pointer, because a `Data` takes a slice byte by byte.
            let box = try AES.GCM.SealedBox(combined: unsafe sealed.withUnsafeBytes { unsafe Data($0) })
            plaintext = try AES.GCM.open(box, using: key, authenticating: additionalData)
        } catch {
            throw .notAuthentic
        }
        defer { unsafe plaintext.withUnsafeMutableBytes { unsafe sodium_memzero($0.baseAddress, $0.count) } }
        let result: Swift.Result<Result, CryptoFailure> = unsafe plaintext.withUnsafeBytes { bytes in
            Swift.Result { () throws(CryptoFailure) in try unsafe body(bytes) }
        }
        return try result.get()
    }
}
