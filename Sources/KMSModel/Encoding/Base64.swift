/// Base64 with padding (RFC 4648, section 4), the form of every blob on the wire.
///
/// Written here, because a secret must be decoded straight into memory that is zeroed and encoded straight from it;
/// Foundation's coder goes through a `Data` and a `String` that nobody zeroes.
package enum Base64 {
    private static let alphabet: [UInt8] =
        Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")
    private static let invalid: UInt8 = 0xFF

    /// The six bits behind each byte of the alphabet, ``invalid`` for the others.
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: invalid, count: 256)
        for (value, byte) in alphabet.enumerated() { table[Int(byte)] = UInt8(value) }
        return table
    }()

    /// How many characters `byteCount` bytes take.
    package static func encodedCount(of byteCount: Int) -> Int { (byteCount + 2) / 3 * 4 }

    /// Appends the base64 of `bytes` to `output`.
    package static func encode(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var position = output.count
        output.reserveCapacity(position + encodedCount(of: bytes.count))
        output.append(contentsOf: repeatElement(padding, count: encodedCount(of: bytes.count)))
        output.withUnsafeMutableBufferPointer { output in
            alphabet.withUnsafeBufferPointer { alphabet in
                var index = 0
                while index + 2 < bytes.count {
                    let bits = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
                    output[position] = alphabet[Int(bits >> 18 & 63)]
                    output[position + 1] = alphabet[Int(bits >> 12 & 63)]
                    output[position + 2] = alphabet[Int(bits >> 6 & 63)]
                    output[position + 3] = alphabet[Int(bits & 63)]
                    index += 3
                    position += 4
                }
                guard index < bytes.count else { return }
                let hasTwo = index + 1 < bytes.count
                let bits = UInt32(bytes[index]) << 16 | (hasTwo ? UInt32(bytes[index + 1]) << 8 : 0)
                output[position] = alphabet[Int(bits >> 18 & 63)]
                output[position + 1] = alphabet[Int(bits >> 12 & 63)]
                if hasTwo { output[position + 2] = alphabet[Int(bits >> 6 & 63)] }
            }
        }
    }

    /// The base64 of `bytes`.
    package static func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        bytes.withUnsafeBytes { encode($0, to: &output) }
        return String(decoding: output, as: UTF8.self)
    }

    /// How many bytes `text` decodes to, or nil when its length or padding cannot be right.
    package static func decodedCount(of text: UnsafeBufferPointer<UInt8>) -> Int? {
        guard text.count.isMultiple(of: 4) else { return nil }
        guard let last = text.last else { return 0 }
        let padded = last != padding ? 0 : text[text.count - 2] == padding ? 2 : 1
        return text.count / 4 * 3 - padded
    }

    /// Decodes all of `text` into `output`, which must have room for ``decodedCount(of:)`` bytes.
    ///
    /// Answers false, with `output` partly written, for a character outside the alphabet, white space among them, and
    /// for last characters whose unused bits are not zero: no encoder writes those.
    package static func decode(_ text: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableRawBufferPointer) -> Bool {
        guard let count = decodedCount(of: text), output.count >= count else { return false }
        return values.withUnsafeBufferPointer { values in
            var position = 0
            var index = 0
            while index < text.count {
                let isLast = index + 4 == text.count
                let paddingCount = isLast ? text.count / 4 * 3 - count : 0
                var bits: UInt32 = 0
                for offset in 0..<4 {
                    if offset >= 4 - paddingCount {
                        bits <<= 6
                        continue
                    }
                    let value = values[Int(text[index + offset])]
                    guard value != invalid else { return false }
                    bits = bits << 6 | UInt32(value)
                }
                let unused: UInt32 = paddingCount == 0 ? 0 : paddingCount == 1 ? 0xFF : 0xFFFF
                guard bits & unused == 0 else { return false }
                for offset in 0..<3 - paddingCount {
                    output[position] = UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * offset))
                    position += 1
                }
                index += 4
            }
            return true
        }
    }

    /// The bytes that `text` stands for, or nil when it is not base64.
    package static func decode(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { text -> [UInt8]? in
            guard let count = decodedCount(of: text) else { return nil }
            var isValid = false
            let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
                isValid = decode(text, into: UnsafeMutableRawBufferPointer(buffer))
                initializedCount = isValid ? count : 0
            }
            return isValid ? bytes : nil
        }
    }

    /// The secret bytes that `text` stands for, or nil when it is not base64.
    package static func decodeSecret(_ text: String) -> SecretBytes? {
        var text = text
        return text.withUTF8 { text -> SecretBytes? in
            guard let count = decodedCount(of: text) else { return nil }
            var isValid = false
            let secret = SecretBytes(capacity: count) { buffer in
                isValid = decode(text, into: buffer)
                return count
            }
            return isValid ? secret : nil
        }
    }
}
