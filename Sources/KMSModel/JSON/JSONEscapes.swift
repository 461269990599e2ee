// What cannot stand in a string of JSON as it is (RFC 8259, section 7) is looked for in eight bytes at a time.

extension UnsafeBufferPointer<UInt8> {
    /// Whether anything in the text cannot stand in a string as it is.
    var hasEscapes: Bool { containsWord(\.hasEscapes) }

    /// How many bytes from `start` on certainly stand in a string as they are: the first of those that do not is among the next
    /// eight.
    func countWithoutEscapes(from start: Int) -> Int {
        let bytes = UnsafeRawBufferPointer(self)
        let length = MemoryLayout<UInt64>.size
        var index = start
        while index + length <= bytes.count {
            guard !bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).hasEscapes else { break }
            index += length
        }
        return index - start
    }
}

extension UInt64 {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let tops: UInt64 = 0x8080_8080_8080_8080

    /// Whether one of the eight bytes is a control character, a quotation mark or a backslash.
    fileprivate var hasEscapes: Bool {
        let quotation = self ^ Self.ones &* UInt64(UInt8(ascii: "\""))
        let backslash = self ^ Self.ones &* UInt64(UInt8(ascii: "\\"))
        let below = (self &- Self.ones &* 0x20) & ~self
        let marks = (quotation &- Self.ones) & ~quotation | (backslash &- Self.ones) & ~backslash
        return (below | marks) & Self.tops != 0
    }
}
