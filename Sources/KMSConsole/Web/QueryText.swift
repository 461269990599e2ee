import Foundation

extension String {
    /// The text as it stands in the query of a URL.
    var inQuery: String { inPath }

    /// The text as it stands between two slashes of a URL.
    var inPath: String { addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "" }
}
