/// A refusal as the query protocol shows it: a code that clients branch on, AWS's own sentence, and the HTTP status.
///
/// Source of the codes: IAM API Reference and STS API Reference; of the sentences: recorded answers.
package struct QueryFailure: Error, Sendable, Equatable {
    /// What clients branch on.
    package let code: String
    /// AWS's sentence.
    package let message: String
    /// The HTTP status.
    package let status: Int

    package init(_ code: String, _ message: String, status: Int = 400) {
        self.code = code
        self.message = message
        self.status = status
    }

    /// There is nothing of this name.
    package static func noSuchEntity(_ message: String) -> Self { Self("NoSuchEntity", message, status: 404) }
    /// The name is taken.
    package static func alreadyExists(_ message: String) -> Self { Self("EntityAlreadyExists", message, status: 409) }
    /// Something depends on what was to be deleted.
    package static func deleteConflict(_ message: String) -> Self { Self("DeleteConflict", message, status: 409) }
    /// There is no room for one more.
    package static func limitExceeded(_ message: String) -> Self { Self("LimitExceeded", message, status: 409) }
    /// A member breaks a rule of the API model.
    package static func validation(_ message: String) -> Self { Self("ValidationError", message) }
    /// The caller may not do this.
    package static func accessDenied(_ message: String) -> Self { Self("AccessDenied", message, status: 403) }

    /// The account asks more often than it may; AWS's SDKs then try again.
    package static let throttled = Self("Throttling", "Rate exceeded")

    /// The store, or the audit log, cannot be written at present.
    package static let unavailable = Self(
        "ServiceFailure", "The request processing has failed because of an unknown error, exception or failure.",
        status: 500)

    /// Whether somebody was refused what they may not do.
    package var isDenial: Bool { code == "AccessDenied" }
}
