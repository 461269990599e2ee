import Foundation

/// Identifiers of requests and of audit records: lower-case UUIDs, version 4.
package enum RequestID {
    /// A new identifier.
    package static func make() -> String { UUID().uuidString.lowercased() }
}
