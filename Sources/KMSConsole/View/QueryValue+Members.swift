import Foundation
import KMSIdentity

/// What pages read in answers of IAM.
extension QueryValue {
    /// A member of a structure.
    subscript(name: String) -> QueryValue? {
        guard case .structure(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The text that this is.
    var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    /// A text.
    func text(_ name: String) -> String? { self[name]?.text }

    /// The entries of a list.
    func list(_ name: String) -> [QueryValue] {
        if case .list(let values)? = self[name] { values } else { [] }
    }

    /// A flag; one that is not there is not set.
    func flag(_ name: String) -> Bool { text(name) == "true" }

    /// A moment, which IAM writes as ISO 8601.
    func moment(_ name: String) -> Moment? { text(name).map(Moment.init(iso:)) }

    /// A policy, which IAM percent-encodes.
    func document(_ name: String) -> String? { text(name)?.removingPercentEncoding }

    /// Where the next page of a list begins, if there is one.
    var nextMarker: String? { flag("IsTruncated") ? text("Marker") : nil }
}
