import KMSModel

/// Lines of `name=value` that people type: tags, an encryption context.
enum TextLines {
    /// The most lines that are read: of tags and of an encryption context there cannot be as many.
    private static let mostLines = 1001

    /// The same as an object of texts.
    static func object(in text: String) -> JSONObject {
        JSONObject(pairs(in: text).map { JSONObject.Member(name: $0.name, value: .string($0.value)) })
    }

    /// The names and values, each up to and behind the first equals sign of a line; empty lines are nothing.
    static func pairs(in text: String) -> [(name: String, value: String)] {
        text.split(separator: "\n", maxSplits: mostLines).prefix(mostLines).filter { !$0.allSatisfy(\.isWhitespace) }
            .map { line in
                let sides = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(sides[0]), sides.count > 1 ? String(sides[1]) : "")
            }
    }
}
