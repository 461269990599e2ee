import Foundation

extension String {
    /// The text as it stands in the query of a URL.
    var inQuery: String { addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "" }
}
