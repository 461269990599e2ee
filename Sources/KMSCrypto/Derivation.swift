import Crypto

/// Key derivation.
enum Derivation {
    /// 32 bytes by HKDF-SHA-256 (RFC 5869): one block of output.
    ///
    /// No salt is the same as an empty one.
    static func hkdf(_ secret: UnsafeRawBufferPointer, salt: [UInt8] = [], info: [UInt8]) -> SymmetricKey {
        let extracted = unsafe salt.withUnsafeBytes { salt in unsafe HMACSHA256.key(from: secret, key: salt) }
        return HMACSHA256.key(from: info + [1], key: extracted)
    }

    /// 32 bytes by the KDF in counter mode of NIST SP 800-108r1 with HMAC-SHA-256: one block, whose fixed input is the
    /// label, a zero byte, the context and the length of the output in bits as a 32-bit number.
    static func counterMode(
        _ secret: UnsafeRawBufferPointer, label: StaticString, context: ArraySlice<UInt8>
    ) -> SymmetricKey {
        var fixedInput: [UInt8] = []
        fixedInput.reserveCapacity(label.utf8CodeUnitCount + 1 + context.count + 4)
        unsafe fixedInput.append(
            contentsOf: UnsafeBufferPointer(start: label.utf8Start, count: label.utf8CodeUnitCount)
        )
        fixedInput.append(0)
        fixedInput.append(contentsOf: context)
        fixedInput.append(contentsOf: [0, 0, 1, 0])
        return unsafe counterMode(secret, fixedInput: fixedInput)
    }

    /// The first block for `fixedInput`, which the counter as a 32-bit number precedes.
    static func counterMode(_ secret: UnsafeRawBufferPointer, fixedInput: [UInt8]) -> SymmetricKey {
        var block: [UInt8] = [0, 0, 0, 1]
        block.reserveCapacity(4 + fixedInput.count)
        block.append(contentsOf: fixedInput)
        return unsafe block.withUnsafeBytes { block in unsafe HMACSHA256.key(from: block, key: secret) }
    }
}
