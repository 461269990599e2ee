import KMSModel
import Testing

struct ASCIIFoldingTests {
    @Test(arguments: [
        ("Purpose", "purpose", true), ("purpose", "purpose", true), ("", "", true), ("a", "b", false),
        ("ab", "a", false), ("a", "ab", false),
        // The Kelvin sign is no K, and an accent of its own is not part of a letter.
        ("\u{212A}ey", "key", false), ("e\u{301}", "\u{E9}", false), ("\u{C9}", "\u{E9}", false),
        ("\u{E9}A", "\u{E9}a", true), ("[", "{", false), ("@", "`", false),
    ])
    func `names are compared without the case of ASCII letters`(text: String, folded: String, isSame: Bool) {
        #expect(text.isSame(asFolded: folded) == isSame)
        #expect((Array(text.foldingASCII.utf8) == Array(folded.utf8)) == isSame)
    }
}
