import KMSConsole
import Testing

struct EscapedHTMLTests {
    private static let markup = Set("<>\"'".utf8)
    private let escape = EscapedHTML().escapeText

    @Test func `the five characters are written as references`() {
        #expect(
            escape(#"<a href="x" id='y'>&amp;</a>"#)
                == "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;")
    }

    /// To Swift a mark and what it stands on are one character; to a browser they are two.
    @Test func `no scalar behind or before a piece of markup lets it through`() throws {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let text = "\"\(scalar)'\(scalar)<\(scalar)>\(scalar)&\(scalar)"
            let escaped = escape(text)
            guard Self.isInert(escaped), Self.unescape(escaped) == Array(text.utf8) else {
                Issue.record("U+\(String(value, radix: 16)): \(escaped)")
                return
            }
        }
    }

    private static func isInert(_ text: String) -> Bool {
        guard !text.utf8.contains(where: markup.contains) else { return false }
        let references = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].map { Array($0.utf8) }
        let bytes = Array(text.utf8)
        return bytes.indices.allSatisfy { index in
            bytes[index] != UInt8(ascii: "&") || references.contains { bytes[index...].starts(with: $0) }
        }
    }

    /// What a browser reads.
    private static func unescape(_ text: String) -> [UInt8] {
        let names: [(String, UInt8)] = [("amp;", 0x26), ("lt;", 0x3C), ("gt;", 0x3E), ("quot;", 0x22), ("#39;", 0x27)]
        var (bytes, rest) = ([UInt8](), Array(text.utf8)[...])
        while let byte = rest.popFirst() {
            let found = byte == 0x26 ? names.first { rest.starts(with: $0.0.utf8) } : nil
            bytes.append(found?.1 ?? byte)
            rest = rest.dropFirst(found?.0.utf8.count ?? 0)
        }
        return bytes
    }
}
