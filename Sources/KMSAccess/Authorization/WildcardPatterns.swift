import KMSModel

/// Texts in which `*` stands for any run of characters and `?` for one, prepared for matching many others.
///
/// The time to match is at most proportional to the product of both lengths, whatever the pattern: only the last `*` is
/// ever tried again.
package struct WildcardPatterns: Sendable {
    private enum Form { case everything, exact, prefix, general }

    /// One pattern; its bytes stand with those of the others, so that trying it touches no reference count.
    private struct Entry: Sendable {
        let form: Form
        let bytes: Range<Int>
        /// Every byte of the pattern but `*` needs one byte of the text at least.
        let minimumByteCount: Int
    }

    private var entries: [Entry] = []
    /// Units; runs of stars are one, and a prefix comes without its star.
    private var bytes: [UInt8] = []

    /// Prepares `patterns`, and with `foldingCase` their ASCII letters in lower case: then the texts must be so, too.
    package init(_ patterns: [String], foldingCase: Bool = false) {
        for pattern in patterns { append(pattern, foldingCase) }
    }

    private mutating func append(_ text: String, _ foldingCase: Bool) {
        var pattern: [UInt8] = []
        for unit in Self.units(of: text.utf8) where !(unit == Self.star && pattern.last == Self.star) {
            pattern.append(foldingCase ? unit.asciiLowercased : unit)
        }
        let starCount = pattern.count { $0 == Self.star }
        let form = Self.form(of: pattern, starCount)
        let minimumByteCount = pattern.count - starCount
        if form == .prefix { pattern.removeLast() }
        let range = bytes.count..<bytes.count + pattern.count
        entries.append(Entry(form: form, bytes: range, minimumByteCount: minimumByteCount))
        bytes += pattern
    }

    private static func form(of pattern: [UInt8], _ starCount: Int) -> Form {
        if pattern == [star] { return .everything }
        if pattern.contains(questionMark) { return .general }
        if starCount == 0 { return .exact }
        return starCount == 1 && pattern.last == star ? .prefix : .general
    }

    /// The units that a pattern consists of: UTF-8, but for `*` and `?` two bytes that are in no UTF-8.
    ///
    /// So a pattern can have a `*` that is one.
    package static func units(of text: some Collection<UInt8>) -> [UInt8] {
        text.map { byte in
            switch byte {
            case UInt8(ascii: "*"): star
            case UInt8(ascii: "?"): questionMark
            default: byte
            }
        }
    }

    /// Whether a pattern of such units matches all of `text`, which is UTF-8.
    ///
    /// - Throws: ``Undecidable`` when the answer takes more than the budget has.
    static func matches(
        _ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> Bool {
        let limit = budget.steps
        let (isMatch, steps) = pattern.withUnsafeBufferPointer { pattern in
            text.withUnsafeBufferPointer { text in walk(pattern, over: text, stoppingAfter: limit) }
        }
        try budget.spend(steps)
        return isMatch
    }

    /// Whether a pattern of such units matches all of `text`.
    ///
    /// Allocates nothing.
    ///
    /// - Throws: ``Undecidable`` when the answer takes more than the budget has.
    static func matches(
        _ pattern: [UInt8], _ text: String, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> Bool {
        let limit = budget.steps
        let (isMatch, steps) = pattern.withUnsafeBufferPointer { pattern in
            text.withUTF8Lent { walk(pattern, over: $0, stoppingAfter: limit) }
        }
        try budget.spend(steps)
        return isMatch
    }

    /// Whether one of the patterns matches every text there is.
    package var includeEverything: Bool { entries.contains { $0.form == .everything } }

    /// Whether one of the patterns matches all of `text`, which is UTF-8.
    ///
    /// Allocates nothing.
    ///
    /// - Throws: ``Undecidable`` when the answer takes more than the budget has.
    func match(
        _ text: UnsafeBufferPointer<UInt8>, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> Bool {
        let limit = budget.steps
        let (isMatch, steps) = match(text, stoppingAfter: limit)
        if steps > 0 { try budget.spend(steps) }
        return isMatch
    }

    /// How many steps it took is said of the patterns that are walked; the others take as long as it takes to read them.
    private func match(
        _ text: UnsafeBufferPointer<UInt8>, stoppingAfter limit: Int
    ) -> (isMatch: Bool, steps: Int) {
        bytes.withUnsafeBufferPointer { bytes in
            var steps = 0
            for index in entries.indices where text.count >= entries[index].minimumByteCount {
                let pattern = UnsafeBufferPointer(rebasing: bytes[entries[index].bytes])
                let isMatch: Bool
                switch entries[index].form {
                case .everything: isMatch = true
                case .exact: isMatch = text.count == pattern.count && Self.isPrefix(pattern, of: text)
                case .prefix: isMatch = Self.isPrefix(pattern, of: text)
                case .general:
                    let walked = Self.walk(pattern, over: text, stoppingAfter: limit - steps)
                    isMatch = walked.matched
                    steps += walked.steps
                }
                if isMatch || steps > limit { return (isMatch, steps) }
            }
            return (false, steps)
        }
    }

    /// Whether one of the patterns matches all of `text`.
    ///
    /// Allocates nothing.
    package func match(_ text: String) -> Bool {
        text.withUTF8Lent { match($0, stoppingAfter: .max).isMatch }
    }

    /// Expects a text that is not shorter.
    private static func isPrefix(_ prefix: UnsafeBufferPointer<UInt8>, of text: UnsafeBufferPointer<UInt8>) -> Bool {
        for index in prefix.indices where prefix[index] != text[index] { return false }
        return true
    }

    /// Matches a pattern of ``units(of:)`` by walking both texts from left to right, and says how many steps that took.
    ///
    /// On a mismatch the last `*` swallows one byte more. Earlier ones need no second try: what they swallowed is the
    /// shortest that let the walk reach the last one, and the last can swallow whatever they could.
    ///
    /// - Parameter limit: How many steps there may be; the walk ends without a match behind that.
    package static func walk(
        _ pattern: UnsafeBufferPointer<UInt8>, over text: UnsafeBufferPointer<UInt8>, stoppingAfter limit: Int = .max
    ) -> (matched: Bool, steps: Int) {
        // Where the pattern ends with a character, so must the text.
        if let last = pattern.last, last != star, last != questionMark, text.last != last { return (false, 1) }
        var steps = 0
        var position = 0
        var index = 0
        var lastStar: (behind: Int, resume: Int)?
        while position < text.count {
            steps += 1
            if steps > limit { return (false, steps) }
            if index < pattern.count, pattern[index] == star {
                index += 1
                lastStar = (index, position)
            } else if index < pattern.count, pattern[index] == questionMark {
                index += 1
                position = endOfCharacter(at: position, in: text)
            } else if index < pattern.count, pattern[index] == text[position] {
                index += 1
                position += 1
            } else if let star = lastStar {
                lastStar = (star.behind, star.resume + 1)
                index = star.behind
                position = star.resume + 1
            } else {
                return (false, steps)
            }
        }
        while index < pattern.count, pattern[index] == star { index += 1 }
        return (index == pattern.count, steps)
    }

    /// The position behind the character that the byte at `position` is part of.
    private static func endOfCharacter(at position: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
        var end = position + 1
        while end < text.count, UTF8.isContinuation(text[end]) { end += 1 }
        return end
    }

    private static let star: UInt8 = 0xfe
    private static let questionMark: UInt8 = 0xff
}
