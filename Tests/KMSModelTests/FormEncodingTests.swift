import KMSModel
import Testing

struct FormEncodingTests {
    private func pairs(_ text: String) -> [[String]]? {
        FormEncoding.pairs(in: text.utf8)?.map { [$0.name, $0.value] }
    }

    /// URL Standard, "application/x-www-form-urlencoded parsing".
    static let readable: [(form: String, pairs: [[String]])] = [
        ("", []), ("a=b", [["a", "b"]]), ("a", [["a", ""]]), ("a=", [["a", ""]]), ("=b", [["", "b"]]),
        ("a=b&&c=d&", [["a", "b"], ["c", "d"]]), ("a=b=c", [["a", "b=c"]]), ("a=1&a=2", [["a", "1"], ["a", "2"]]),
        ("a+b=c+%2B", [["a b", "c +"]]), ("%61=%C3%a9", [["a", "é"]]), ("a=%26%3D%00", [["a", "&=\u{0}"]]),
        ("a=\u{301}&\u{301}=b", [["a", "\u{301}"], ["\u{301}", "b"]]),
    ]

    @Test(arguments: readable)
    func `a form is read as browsers write it`(form: String, pairs: [[String]]) {
        #expect(self.pairs(form) == pairs)
    }

    @Test(arguments: ["a=%", "a=%4", "a=%4g", "%=a", "a=%FF", "a=%C3", "a=b&c=%ED%A0%80"])
    func `what is no encoding of a text is refused`(form: String) {
        #expect(pairs(form) == nil)
    }

    @Test func `bytes that are no text are refused`() {
        #expect(FormEncoding.pairs(in: [0x61, 0x3D, 0xFF]) == nil)
    }

    @Test func `there is a most number of pairs`() {
        let most = Array(repeating: "a=b", count: FormEncoding.mostPairs).joined(separator: "&")
        #expect(pairs(most)?.count == FormEncoding.mostPairs)
        #expect(pairs(most + "&a=b") == nil)
    }
}
