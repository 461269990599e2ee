package import KMSCrypto
package import KMSModel
import KMSStore

extension KMSError {
    /// What a caller may learn of an audit log that cannot be written.
    init(_ failure: AuditFailure) { self.init(.kmsInternal, "The request could not be recorded.") }

    /// What a caller may learn of a failing store.
    init(_ failure: StoreError) {
        switch failure {
        case .conflict, .undone, .unavailable:
            self.init(
                .dependencyTimeout,
                "The system timed out while trying to fulfill the request. You can retry the request.")
        case .corrupt, .wrongFormat:
            self.init(
                .kmsInternal,
                "The request was rejected because an internal exception occurred. You can retry the request.")
        }
    }

    /// What a caller may learn of a failure inside the cryptography module.
    package init(_ failure: CryptoFailure) {
        switch failure {
        case .notAuthentic, .malformed, .unknownVersion: self.init(.invalidCiphertext)
        // Operations check lengths and algorithms themselves, with sentences of their own.
        case .tooLong, .unsupported, .damagedRecord, .unavailable:
            self.init(
                .kmsInternal,
                "The request was rejected because an internal exception occurred. You can retry the request.")
        }
    }
}
