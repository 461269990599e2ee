import KMSAccess
import Testing

struct WildcardPatternsTests {
    @Test(arguments: [
        ("*", "", true), ("**", "anything", true), ("", "", true), ("", "a", false), ("a", "", false),
        ("?", "", false), ("?", "a", true), ("??", "a", false), ("a*", "a", true), ("a*", "ba", false),
        ("*a", "ba", true), ("*a", "ab", false), ("a*b", "ab", true), ("a*b", "axxb", true), ("a*b", "axxc", false),
        ("a*b*c", "abbc", true), ("a*b*c", "acb", false), ("*?", "", false), ("*?", "x", true),
        ("a?c*e", "abcde", true), ("*ab*ab", "abab", true), ("*ab*ab", "aba", false), ("A", "a", false),
        ("?", "\u{E9}", true), ("??", "\u{E9}", false), ("*??", "\u{20AC}", false), ("*?", "\u{1F511}", true),
        ("*\u{E9}?", "\u{E8}\u{E9}\u{20AC}", true),
    ])
    func `a pattern matches`(pattern: String, text: String, isMatch: Bool) {
        #expect(WildcardPatterns([pattern]).match(text) == isMatch)
    }

    @Test func `one of several is enough and none matches nothing`() {
        #expect(WildcardPatterns(["a", "b*", "?c"]).match("bcd"))
        #expect(WildcardPatterns(["a", "b*", "?c"]).match("xc"))
        #expect(!WildcardPatterns(["a", "b*", "?c"]).match("xcd"))
        #expect(!WildcardPatterns([]).match(""))
    }

    @Test func `only stars include everything`() {
        #expect(WildcardPatterns(["a", "***"]).includeEverything)
        #expect(!WildcardPatterns(["a*", "?*", ""]).includeEverything)
    }

    @Test func `folded patterns match texts in lower case`() {
        let patterns = WildcardPatterns(["KMS:Encr?PT", "Kms:Sign*"], foldingCase: true)
        #expect(patterns.match("kms:encrypt"))
        #expect(patterns.match("kms:sign"))
        #expect(!patterns.match("KMS:SIGN"))
    }

    @Test(arguments: 1...10)
    func `a pattern matches what its meaning says`(seed: UInt64) {
        var random = PolicyRandom(seed: seed)
        for _ in 0..<300 {
            let pattern = random.text(of: ["a", "b", "*", "?", "\u{E9}"], upTo: 9)
            let text = random.text(of: ["a", "b", "\u{E9}"], upTo: 9)
            let expected = NaiveWildcard.match(Array(pattern.unicodeScalars)[...], Array(text.unicodeScalars)[...])
            #expect(WildcardPatterns([pattern]).match(text) == expected, "\(pattern) against \(text)")
        }
    }

    @Test(arguments: [
        String(repeating: "a*", count: 100) + "b",
        String(repeating: "*a", count: 100) + "b",
        String(repeating: "*", count: 1_000) + "b",
        String(repeating: "?*", count: 100) + "b",
        String(repeating: "*a?", count: 60) + "b",
        "*" + String(repeating: "a", count: 128) + "b",
        "*" + String(repeating: "a", count: 200) + "b*" + String(repeating: "a", count: 50) + "c",
    ])
    func `no pattern takes more steps than the product of the lengths`(pattern: String) {
        let text = String(repeating: "a", count: 256)
        let (isMatch, steps) = WildcardPatterns.units(of: pattern.utf8).withUnsafeBufferPointer { pattern in
            Array(text.utf8).withUnsafeBufferPointer { WildcardPatterns.walk(pattern, over: $0) }
        }
        #expect(!isMatch)
        #expect(steps <= (pattern.utf8.count + 1) * (text.utf8.count + 1))
    }
}

/// What `*` and `?` mean, said without regard to time.
enum NaiveWildcard {
    static func match(_ pattern: ArraySlice<Unicode.Scalar>, _ text: ArraySlice<Unicode.Scalar>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = pattern.dropFirst()
        if first == "*" { return match(rest, text) || !text.isEmpty && match(pattern, text.dropFirst()) }
        guard let character = text.first, first == "?" || first == character else { return false }
        return match(rest, text.dropFirst())
    }

    static func match(_ pattern: String, _ text: String) -> Bool {
        match(Array(pattern.unicodeScalars)[...], Array(text.unicodeScalars)[...])
    }
}

/// SplitMix64: the same numbers for the same seed, on every machine.
struct PolicyRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// True once in `count` times.
    mutating func isOne(in count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

    mutating func text(of parts: [String], upTo count: Int) -> String {
        (0..<Int.random(in: 0...count, using: &self)).map { _ in pick(parts) }.joined()
    }

    /// One of `choices`, which are not empty.
    mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
        choices[Int.random(in: choices.indices, using: &self)]
    }
}
