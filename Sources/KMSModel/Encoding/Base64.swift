/// Base64 with padding (RFC 4648, section 4), the form of every blob on the wire.
///
/// Written here, because a secret must be decoded straight into memory that is zeroed and encoded straight from it;
/// Foundation's coder goes through a `Data` and a `String` that nobody zeroes.
package enum Base64 {
    private static let padding = UInt8(ascii: "=")

    /// How many characters `byteCount` bytes take.
    package static func encodedCount(of byteCount: Int) -> Int { (byteCount + 2) / 3 * 4 }

    /// Appends the base64 of `bytes` to `output`.
    package static func encode(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(count: encodedCount(of: bytes.count)) { write(bytes, to: $0) }
    }

    /// Appends the base64 of `bytes` to `output`.
    package static func encode(_ bytes: UnsafeRawBufferPointer, to output: inout ByteWriter) {
        output.append(count: encodedCount(of: bytes.count)) { write(bytes, to: $0) }
    }

    /// - Parameter output: As long as ``encodedCount(of:)`` says.
    private static func write(_ bytes: UnsafeRawBufferPointer, to output: UnsafeMutableRawBufferPointer) {
        guard let source = bytes.baseAddress, let target = output.baseAddress else { return }
        var (index, position) = (0, 0)
        while index &+ 4 <= bytes.count {
            let bits = UInt32(bigEndian: (source + index).loadUnaligned(as: UInt32.self)) >> 8
            (target + position).storeBytes(of: digits(of: bits).littleEndian, as: UInt32.self)
            index &+= 3
            position &+= 4
        }
        // Up to three are left.
        guard index < bytes.count else { return }
        let left = bytes.count - index
        var bits: UInt32 = 0
        for offset in 0..<left { bits |= UInt32(bytes[index + offset]) << UInt32(16 - 8 * offset) }
        output.storeBytes(of: digits(of: bits).littleEndian, toByteOffset: position, as: UInt32.self)
        for place in left + 1..<4 { output[position + place] = padding }
    }

    /// The digits of three bytes, the first of which is the lowest of the number.
    ///
    /// Without a table, whose places in the processor's caches could tell which digits of a secret were looked up.
    @inline(__always)
    private static func digits(of bits: UInt32) -> UInt32 {
        let ones: UInt32 = 0x0101_0101
        let values = bits >> 18 | bits >> 4 & 0x3F00 | bits << 10 & 0x3F_0000 | bits << 24 & 0x3F00_0000
        // One in the place of each value that is at least so much.
        func atLeast(_ bound: UInt32) -> UInt32 { (values &+ ones &* (128 &- bound)) >> 7 & ones }
        // From A on; then from a on, from 0 on, the plus sign, the slash. No place ever overflows into the next.
        let letters = values &+ ones &* 65 &+ atLeast(26) &* 6
        return letters &- atLeast(52) &* 75 &- atLeast(62) &* 15 &+ atLeast(63) &* 3
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
        let text = UnsafeRawBufferPointer(text)
        var (index, position) = (0, 0)
        var areValid = true
        func six(_ digits: UInt64) -> UInt64 {
            let (bytes, isValid) = bytes(of: UInt64(littleEndian: digits))
            areValid = areValid && isValid
            return bytes
        }
        // Six bytes are written as eight.
        while position + 8 <= count {
            let bytes = six(text.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            output.storeBytes(of: (bytes << 16).bigEndian, toByteOffset: position, as: UInt64.self)
            index += 8
            position += 6
        }
        var unused: UInt64 = 0
        let padded = text.count / 4 * 3 - count
        while index < text.count {
            // Padding stands for nothing, as what is missing of eight does.
            var last = SIMD8(repeating: UInt8(ascii: "A"))
            for place in 0..<min(8, text.count - padded - index) { last[place] = text[index + place] }
            var bytes = six(unsafeBitCast(last, to: UInt64.self)) << 16
            for _ in 0..<min(6, count - position) {
                output[position] = UInt8(truncatingIfNeeded: bytes >> 56)
                bytes <<= 8
                position += 1
            }
            unused |= bytes
            index += 8
        }
        return areValid && unused == 0
    }

    /// The six bytes that eight digits stand for, the first of which is the lowest of the number they are in, and the highest of
    /// these; and whether they are digits.
    ///
    /// Without a table, as ``digits(of:)``.
    @inline(__always)
    private static func bytes(of digits: UInt64) -> (UInt64, isValid: Bool) {
        let ones: UInt64 = 0x0101_0101_0101_0101
        // One in the place of each digit that is at least so much. No place ever overflows into the next.
        func atLeast(_ bound: UInt64) -> UInt64 { (digits &+ ones &* (128 &- bound)) >> 7 & ones }
        let (slash, zero, upper, lower) = (atLeast(47), atLeast(48), atLeast(65), atLeast(97))
        let kinds = atLeast(43) &- atLeast(44) &+ slash &- atLeast(58) &+ upper &- atLeast(91) &+ lower &- atLeast(123)
        let values = digits &+ ones &* 19 &- slash &* 3 &- zero &* 12 &- upper &* 69 &- lower &* 6
        let first = values.byteSwapped
        let twos = first >> 2 & 0x0FC0_0FC0_0FC0_0FC0 | first & 0x003F_003F_003F_003F
        let fours = twos >> 4 & 0x00FF_F000_00FF_F000 | twos & 0x0000_0FFF_0000_0FFF
        return (fours >> 8 & 0xFFFF_FF00_0000 | fours & 0xFF_FFFF, kinds == ones && digits & ones << 7 == 0)
    }

    /// The bytes that `text` stands for, or nil when it is not base64.
    package static func decode(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { text -> [UInt8]? in
            guard let count = decodedCount(of: text) else { return nil }
            var isValid = false
            let bytes = [UInt8](count: count) { buffer in
                isValid = decode(text, into: buffer)
                if !isValid { buffer.initializeMemory(as: UInt8.self, repeating: 0) }
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
