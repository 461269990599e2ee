import CSodium
import Crypto
import KMSBoringSSL

/// AES-256-GCM (NIST SP 800-38D) with a 96-bit nonce and a 128-bit tag, as `nonce ‖ ciphertext ‖ tag`.
enum Sealing {
    static let nonceByteCount = AES256GCM.nonceByteCount
    static let tagByteCount = AES256GCM.tagByteCount
    /// What a sealed text is longer than its plaintext.
    static let overhead = nonceByteCount + tagByteCount

    /// Appends the sealed `plaintext` to `output`.
    ///
    /// - Throws: ``CryptoFailure/unavailable``: the primitive refuses only what it was given wrong.
    static func seal(
        _ plaintext: UnsafeRawBufferPointer, under key: SymmetricKey, nonce: ArraySlice<UInt8>,
        binding additionalData: [UInt8], to output: inout [UInt8]
    ) throws(CryptoFailure) {
        let isSealed = unsafe additionalData.withUnsafeBytes { additionalData in
            unsafe seal(plaintext, under: key, nonce: nonce, binding: additionalData, to: &output)
        }
        guard isSealed else { throw .unavailable }
    }

    /// As ``seal(_:under:nonce:binding:to:)``.
    static func seal(
        _ plaintext: UnsafeRawBufferPointer, under key: SymmetricKey, nonce: ArraySlice<UInt8>,
        binding additionalData: borrowing CanonicalEncoding, to output: inout [UInt8]
    ) throws(CryptoFailure) {
        let isSealed = unsafe additionalData.withBytes { additionalData in
            unsafe seal(plaintext, under: key, nonce: nonce, binding: additionalData, to: &output)
        }
        guard isSealed else { throw .unavailable }
    }

    private static func seal(
        _ plaintext: UnsafeRawBufferPointer, under key: SymmetricKey, nonce: ArraySlice<UInt8>,
        binding additionalData: UnsafeRawBufferPointer, to output: inout [UInt8]
    ) -> Bool {
        let start = output.count
        output.append(contentsOf: nonce)
        output.append(contentsOf: repeatElement(0, count: plaintext.count + tagByteCount))
        let isSealed = unsafe output.withUnsafeMutableBytes { output in
            let sealed = unsafe UnsafeMutableRawBufferPointer(rebasing: output[(start + nonceByteCount)...])
            return unsafe nonce.withUnsafeBytes { nonce in
                unsafe key.withUnsafeBytes { key in
                    unsafe AES256GCM.seal(plaintext, key: key, nonce: nonce, binding: additionalData, to: sealed)
                }
            }
        }
        if !isSealed { output.removeLast(output.count - start) }
        return isSealed
    }

    /// Opens `sealed` and lends the plaintext to `body`; the memory that held it is zeroed afterwards.
    ///
    /// - Throws: ``CryptoFailure/notAuthentic`` when anything was changed; what `body` throws.
    static func open<Result>(
        _ sealed: ArraySlice<UInt8>, under key: SymmetricKey, binding additionalData: [UInt8],
        _ body: (UnsafeRawBufferPointer) throws(CryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        let result: Swift.Result<Result, CryptoFailure> = unsafe additionalData.withUnsafeBytes { additionalData in
            Swift.Result { () throws(CryptoFailure) in
                try unsafe open(sealed, under: key, binding: additionalData, body)
            }
        }
        return try result.get()
    }

    /// As ``open(_:under:binding:_:)``.
    static func open<Result>(
        _ sealed: ArraySlice<UInt8>, under key: SymmetricKey, binding additionalData: borrowing CanonicalEncoding,
        _ body: (UnsafeRawBufferPointer) throws(CryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        try unsafe additionalData.withBytes { additionalData throws(CryptoFailure) in
            try unsafe open(sealed, under: key, binding: additionalData, body)
        }
    }

    private static func open<Result>(
        _ sealed: ArraySlice<UInt8>, under key: SymmetricKey, binding additionalData: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) throws(CryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        guard sealed.count >= overhead else { throw .malformed }
        let count = sealed.count - overhead
        let result: Swift.Result<Result, CryptoFailure> = unsafe withUnsafeTemporaryAllocation(
            byteCount: count, alignment: 16
        ) { memory in
            defer { unsafe sodium_memzero(memory.baseAddress, memory.count) }
            let isGenuine = unsafe sealed.withUnsafeBytes { sealed in
                let text = unsafe UnsafeRawBufferPointer(rebasing: sealed[nonceByteCount...])
                let nonce = unsafe UnsafeRawBufferPointer(rebasing: sealed[..<nonceByteCount])
                return unsafe key.withUnsafeBytes { key in
                    unsafe AES256GCM.open(text, key: key, nonce: nonce, binding: additionalData, to: memory)
                }
            }
            guard isGenuine else { return .failure(.notAuthentic) }
            return Swift.Result { () throws(CryptoFailure) in try unsafe body(UnsafeRawBufferPointer(memory)) }
        }
        return try result.get()
    }
}
