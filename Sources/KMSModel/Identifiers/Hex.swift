/// Lower-case hexadecimal, the only form in which this program writes or reads hex.
package enum Hex {
    /// Whether `byte` is an ASCII digit or one of `a` to `f`.
    package static func isLowerDigit(_ byte: UInt8) -> Bool { value(of: byte) != nil }

    /// The value of one lower-case hex digit, or nil for any other byte.
    package static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// The digits of four bytes, whose first is the lowest of the number, as is the first of the digits: all eight at once.
    static func digits(of bytes: UInt32) -> UInt64 {
        // A byte to each sixteen bits, then a half of it to each eight, the high one first.
        var spread = UInt64(bytes)
        spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF
        spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF
        let halves = spread >> 4 & 0x000F_000F_000F_000F | (spread & 0x000F_000F_000F_000F) << 8
        // One where it is more than nine, and so a letter.
        let letters = (halves + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        let (zeros, toLetters) = (0x3030_3030_3030_3030 as UInt64, UInt64(UInt8(ascii: "a") - 10 - UInt8(ascii: "0")))
        return halves + zeros + letters * toLetters
    }

    /// The four bytes that eight digits stand for, each in the order of ``digits(of:)``; nil when others are among them.
    static func bytes(of digits: UInt64) -> UInt32? {
        // A letter has the bit of 64, and its place in the alphabet below that.
        let letters = digits >> 6 & 0x0101_0101_0101_0101
        let halves = (digits & 0x0F0F_0F0F_0F0F_0F0F) &+ letters &* 9
        let spread = (halves << 4 | halves >> 8) & 0x00FF_00FF_00FF_00FF
        let pairs = (spread | spread >> 8) & 0x0000_FFFF_0000_FFFF
        let bytes = UInt32(truncatingIfNeeded: pairs | pairs >> 16)
        // What these bytes are written as is not what stands there, if that were no digits.
        return Self.digits(of: bytes) == digits ? bytes : nil
    }

    /// Writes two digits for each byte.
    ///
    /// - Parameter output: Twice as long.
    static func write(_ bytes: UnsafeRawBufferPointer, to output: UnsafeMutableRawBufferPointer) {
        var index = 0
        while index + 4 <= bytes.count {
            let four = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
            output.storeBytes(of: digits(of: four).littleEndian, toByteOffset: 2 * index, as: UInt64.self)
            index += 4
        }
        while index < bytes.count {
            let two = UInt16(truncatingIfNeeded: digits(of: UInt32(bytes[index])))
            output.storeBytes(of: two.littleEndian, toByteOffset: 2 * index, as: UInt16.self)
            index += 1
        }
    }

    /// Two digits for each byte.
    package static func encode(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { encode($0) } }

    /// Two digits for each byte.
    static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
        String(unsafeUninitializedCapacity: 2 * bytes.count) { buffer in
            write(
                bytes,
                to: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<(2 * bytes.count)])
            )
            return 2 * bytes.count
        }
    }

    /// The bytes that `text` stands for, or nil when it is anything but an even number of lower-case hex digits.
    package static func decode(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { decode($0) }
    }

    /// The bytes that `text` stands for, or nil when it is anything but an even number of lower-case hex digits.
    package static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        var isValid = true
        let bytes = [UInt8](count: text.count / 2) { output in
            let digits = UnsafeRawBufferPointer(text)
            var index = 0
            while index + 4 <= output.count {
                let eight = UInt64(littleEndian: digits.loadUnaligned(fromByteOffset: 2 * index, as: UInt64.self))
                let four = Self.bytes(of: eight)
                isValid = isValid && four != nil
                output.storeBytes(of: (four ?? 0).littleEndian, toByteOffset: index, as: UInt32.self)
                index += 4
            }
            for index in index..<output.count {
                let (high, low) = (value(of: text[2 * index]), value(of: text[2 * index + 1]))
                isValid = isValid && high != nil && low != nil
                output[index] = (high ?? 0) << 4 | (low ?? 0)
            }
        }
        return isValid ? bytes : nil
    }

    /// Appends two digits for each byte.
    package static func append(_ bytes: [UInt8], to output: inout ByteWriter) {
        output.append(count: 2 * bytes.count) { output in bytes.withUnsafeBytes { write($0, to: output) } }
    }
}
