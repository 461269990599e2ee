import KMSModel
import Testing

struct BytePatternTests {
    private static func isFound(_ pattern: String, in text: String) -> Bool {
        BytePattern(pattern.utf8).isFound(in: Array(text.utf8)[...])
    }

    @Test(arguments: [
        ("", "", true), ("", "a", true), ("a", "", false), ("a", "a", true), ("ab", "aab", true),
        ("aab", "aaaab", true),
        ("abab", "ababab", true), ("abac", "ababac", true), ("abcabd", "abcabcabd", true), ("abc", "ab", false),
        ("aaab", "aaaaaa", false), ("ba", "aaab", false),
    ])
    func `a pattern is found where it is`(pattern: String, text: String, isThere: Bool) {
        #expect(Self.isFound(pattern, in: text) == isThere)
    }

    @Test func `every short pattern over two letters is found exactly where a plain search finds it`() {
        let words = (0..<64).map { number in String((0..<6).map { number >> $0 & 1 == 0 ? "a" : "b" }) }
        for text in words {
            for pattern in words {
                for length in 1...4 {
                    let pattern = String(pattern.prefix(length))
                    #expect(Self.isFound(pattern, in: text) == text.contains(pattern), "\(pattern) in \(text)")
                }
            }
        }
    }

    @Test func `a part of other bytes is looked through alone`() {
        let bytes = Array("before, within, behind".utf8)
        #expect(BytePattern("within".utf8).isFound(in: bytes[8..<14]))
        #expect(BytePattern("within".utf8).end(in: bytes[8...]) == 14)
        #expect(BytePattern("hind".utf8).end(in: bytes[8...]) == bytes.endIndex)
        #expect(BytePattern("".utf8).end(in: bytes[8...]) == 8 && BytePattern("x".utf8).end(in: bytes[8...]) == nil)
        #expect(!BytePattern("before".utf8).isFound(in: bytes[8...]))
        #expect(!BytePattern("within,".utf8).isFound(in: bytes[8..<14]))
    }

    @Test func `the longest patterns take no longer`() {
        let text = [UInt8](repeating: UInt8(ascii: "x"), count: 200_000)
        let pattern = BytePattern([UInt8](repeating: UInt8(ascii: "x"), count: 100_000) + [UInt8(ascii: "y")])
        // Byte by byte from each place this would be ten thousand million steps.
        var isFound = true
        let time = ContinuousClock().measure { isFound = pattern.isFound(in: text[...]) }
        #expect(!isFound)
        #expect(time < .seconds(2))
    }
}
