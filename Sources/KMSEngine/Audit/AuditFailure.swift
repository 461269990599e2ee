import Foundation
import Glibc

/// Why a record could not be kept; the text is for the log, not for callers.
package struct AuditFailure: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    static let closed = AuditFailure("The audit log is closed.")

    /// What the system says in `errno`.
    static func system(_ attempt: String) -> AuditFailure {
        AuditFailure("Cannot \(attempt): \(String(cString: strerror(errno)))")
    }
}
