import Crypto
import KMSModel

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
        unsafe counterMode(secret) { fixedInput in
            fixedInput.append(label)
            fixedInput.append(0)
            fixedInput.append(context)
            fixedInput.append("\0\0\u{1}\0" as StaticString)
        }
    }

    /// The first block for what `writeFixedInput` writes, which the counter as a 32-bit number precedes.
    static func counterMode(
        _ secret: UnsafeRawBufferPointer, _ writeFixedInput: (inout ByteWriter) -> Void
    ) -> SymmetricKey {
        var block = ByteWriter(capacity: 128)
        block.append("\0\0\0\u{1}" as StaticString)
        writeFixedInput(&block)
        return unsafe block.withBytes { block in unsafe HMACSHA256.key(from: block, key: secret) }
    }
}
