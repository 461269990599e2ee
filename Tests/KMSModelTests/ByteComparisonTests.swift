import KMSModel
import Testing

struct ByteComparisonTests {
    private enum Word: String { case key = "Key" }

    /// Marks of two kinds by turns, which Unicode wants in another order.
    private static func marks(_ count: Int) -> String { String(repeating: "\u{301}\u{316}", count: count / 2) }

    @Test(arguments: [
        ("", "", true), ("abc", "abc", true), ("abc", "abd", false), ("ab", "abc", false),
        ("\u{E9}", "e\u{301}", false),
        ("\u{212A}ey", "Key", false), ("e\u{301}\u{316}", "e\u{316}\u{301}", false), ("\u{E9}", "\u{E9}", true),
    ])
    func `texts are the same when their bytes are`(left: String, right: String, isSame: Bool) {
        #expect(left.isSame(as: right) == isSame)
        #expect("<\(left)".dropFirst().isSame(as: "<\(right)".dropFirst()) == isSame)
    }

    @Test(arguments: [
        ("", ""), ("k", "k"), ("K", "k"), ("KeyId", "keyId"), ("keyId", "keyId"), ("_Key", "_Key"), ("1Key", "1Key"),
        ("CloudHsmClusterIdOfAKeyStore", "cloudHsmClusterIdOfAKeyStore"), ("\u{C9}T\u{C9}", "\u{E9}T\u{C9}"),
        ("K\u{301}ey", "k\u{301}ey"), ("ZUG\u{1F511}", "zUG\u{1F511}"),
    ])
    func `a member is called with its first letter in lower case`(text: String, name: String) {
        #expect(text.lowercasedFirst.isSame(as: name))
    }

    @Test(arguments: [("Key", true), ("key", false), ("\u{212A}ey", false), ("Key\u{301}", false), ("", false)])
    func `a word is spelled in one way`(text: String, isWord: Bool) {
        #expect((Word(spelled: text) != nil) == isWord)
    }

    @Test(arguments: [
        ("", true), ("abc", true), ("e\u{301}", true), ("a" + marks(30), true), ("a" + marks(32), false),
        (marks(32), false), ("a\(marks(30))b\(marks(30))", true), ("\u{E9}\u{1F511}", true),
        (String(repeating: "e\u{301}", count: 1000), true), (String(repeating: "a\u{200D}", count: 1000), true),
    ])
    func `a letter has thirty marks at the most`(text: String, isStreamSafe: Bool) {
        #expect(text.isStreamSafe == isStreamSafe)
        #expect(text.streamSafe.isSame(as: text) == isStreamSafe)
        #expect(text.streamSafe.isStreamSafe)
    }

    @Test func `what many marks cost grows with their number`() {
        let (text, other) = ("a" + Self.marks(200_000), "b" + Self.marks(200_000))
        let duration = ContinuousClock().measure {
            #expect(!text.isSame(as: other) && !text.isStreamSafe && Word(spelled: text) == nil)
        }
        // Swift's own comparison takes half a minute.
        #expect(duration < .seconds(1))
    }

    @Test func `a space or a byte below it is found wherever it stands`() {
        for place in 0..<20 {
            for count in 0..<20 {
                func text(_ letter: String) -> String {
                    String(repeating: "a", count: place) + letter + String(repeating: "z", count: count)
                }
                for letter in ["\u{0}", "\t", "\n", "\r", "\u{1F}", " "] { #expect(text(letter).hasSpaceOrControl) }
                for letter in ["", "!", "~", "\u{7F}", "\u{80}", "\u{A0}", "é", "\u{10FFFF}"] {
                    #expect(!text(letter).hasSpaceOrControl)
                }
            }
        }
    }
}
