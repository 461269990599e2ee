extension String {
    /// The text with its first letter in lower case, as members are called in error texts and audit records.
    package var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}

extension StringProtocol {
    /// Whether the text begins with the bytes of `prefix`.
    ///
    /// `hasPrefix` compares what a reader sees as characters: for it, a colon with an accent on it is no colon, so an accent
    /// would lead past a rule about prefixes.
    package func hasBytePrefix(_ prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

    /// Whether the text begins with the bytes of `prefix`, whatever the case of its ASCII letters.
    ///
    /// - Parameter prefix: In lower case.
    package func hasBytePrefix(ignoringCase prefix: String) -> Bool {
        utf8.lazy.map(\.asciiLowercased).starts(with: prefix.utf8)
    }
}
