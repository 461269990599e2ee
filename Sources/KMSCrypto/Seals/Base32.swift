/// Base32 (RFC 4648, section 6) in lower-case letters and without padding: what people can read out and type.
enum Base32 {
    /// Appends the base32 of `bytes` to `output`, which has room for it.
    static func encode(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var (bits, count): (UInt32, UInt32) = (0, 0)
        for index in bytes.indices {
            bits = unsafe bits << 8 | UInt32(bytes[index])
            count += 8
            while count >= 5 {
                count -= 5
                output.append(letter(UInt8(truncatingIfNeeded: bits >> count) & 31))
            }
        }
        if count > 0 { output.append(letter(UInt8(truncatingIfNeeded: bits << (5 - count)) & 31)) }
    }

    /// Decodes all of `text` into all of `output`.
    ///
    /// Answers false, with `output` partly written, for another length, another letter, and unused bits that are not zero.
    static func decode(_ text: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
        guard text.count == (8 * output.count + 4) / 5 else { return false }
        var (bits, count, position): (UInt32, UInt32, Int) = (0, 0, 0)
        for index in text.indices {
            guard let value = unsafe value(of: text[index]) else { return false }
            bits = bits << 5 | UInt32(value)
            count += 5
            guard count >= 8 else { continue }
            count -= 8
            unsafe output[position] = UInt8(truncatingIfNeeded: bits >> count)
            position += 1
        }
        return position == output.count && bits & (1 << count - 1) == 0
    }

    private static func letter(_ value: UInt8) -> UInt8 {
        value < 26 ? UInt8(ascii: "a") + value : UInt8(ascii: "2") + value - 26
    }

    private static func value(of letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): letter - UInt8(ascii: "a")
        case UInt8(ascii: "2")...UInt8(ascii: "7"): letter - UInt8(ascii: "2") + 26
        default: nil
        }
    }
}
