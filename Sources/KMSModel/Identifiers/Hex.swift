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

    /// The digit of a value below sixteen.
    private static func digit(of value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
    }

    /// Writes the two digits of a byte.
    static func write(_ byte: UInt8, to buffer: UnsafeMutableBufferPointer<UInt8>, at position: Int) {
        buffer[position] = digit(of: byte >> 4)
        buffer[position + 1] = digit(of: byte & 15)
    }

    /// Two digits for each byte.
    package static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: 2 * bytes.count) { buffer in
            var position = 0
            for byte in bytes {
                write(byte, to: buffer, at: position)
                position += 2
            }
            return position
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
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count / 2) { bytes, count in
            while count < text.count / 2 {
                guard let high = value(of: text[2 * count]), let low = value(of: text[2 * count + 1]) else {
                    isValid = false
                    return
                }
                bytes[count] = high << 4 | low
                count += 1
            }
        }
        return isValid ? bytes : nil
    }

    /// Appends two digits for each byte.
    package static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
        output.append(addingCapacity: 2 * bytes.count) { span in
            for byte in bytes {
                span.append(digit(of: byte >> 4))
                span.append(digit(of: byte & 15))
            }
        }
    }
}
