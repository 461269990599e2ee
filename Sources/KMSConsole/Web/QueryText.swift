import Foundation

extension String {
    /// The text as it stands in the query of a URL.
    var inQuery: String { inPath }

    /// Whether the text can be a path with its query that a browser is sent to: of a length that browsers send, and nothing that
    /// ends a header or that browsers take for a slash.
    var isPlainPath: Bool {
        utf8.count <= 2048 && utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }
    }

    /// The text as it stands between two slashes of a URL.
    var inPath: String { addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "" }
}
