import KMSModel

/// Lines of `name=value` that people type: tags, an encryption context.
enum TextLines {
    /// The most lines that are read: of tags and of an encryption context there cannot be as many.
    private static let mostLines = 1001

    /// The same as an object of texts.
    ///
    /// - Throws: As ``pairs(in:of:)``.
    static func object(in text: String, of what: String) throws(ConsoleFailure) -> JSONObject {
        JSONObject(try pairs(in: text, of: what).map { JSONObject.Member(name: $0.name, value: .string($0.value)) })
    }

    /// The names and values, each up to and behind the first equals sign of a line; empty lines are nothing.
    ///
    /// - Parameter what: What the lines are, such as `the tags`.
    /// - Throws: ``ConsoleFailure`` that says which line is no pair, or has a name once more.
    static func pairs(in text: String, of what: String) throws(ConsoleFailure) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        var lines: [[UInt8]: Int] = [:]
        let parts = text.split(separator: "\n", maxSplits: mostLines, omittingEmptySubsequences: false)
        for (index, line) in parts.prefix(mostLines).enumerated() where !line.allSatisfy(\.isWhitespace) {
            let sides = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let number = index + 1
            guard sides.count == 2 else {
                throw ConsoleFailure(
                    "ValidationException", "Line \(number) of \(what) has no equals sign. Write key=value.")
            }
            if let first = lines.updateValue(number, forKey: Array(sides[0].utf8)) {
                throw ConsoleFailure(
                    "ValidationException", "Lines \(first) and \(number) of \(what) have the same key: \(sides[0])")
            }
            pairs.append((String(sides[0]), String(sides[1])))
        }
        return pairs
    }
}
