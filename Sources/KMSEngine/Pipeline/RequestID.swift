import Foundation

/// Identifiers of requests and of audit records: lower-case UUIDs, version 4.
package enum RequestID {
    package static func make() -> String { UUID().uuidString.lowercased() }
}
