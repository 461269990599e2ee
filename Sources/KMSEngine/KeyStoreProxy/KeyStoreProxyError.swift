import KMSAccess
import KMSCrypto
import KMSModel
import KMSStore

/// A refusal as the External Key Store Proxy API shows it.
///
/// Source: AWS KMS External Key Store Proxy API Specification 1.0.2, "Error codes".
package struct KeyStoreProxyError: Error, Sendable {
    /// What the other side branches on.
    package enum Name: String, Sendable, CaseIterable {
        case accessDenied = "AccessDeniedException"
        case authenticationFailed = "AuthenticationFailedException"
        case dependencyTimeout = "DependencyTimeoutException"
        case internalError = "InternalException"
        case invalidCiphertext = "InvalidCiphertextException"
        case invalidKeyUsage = "InvalidKeyUsageException"
        case invalidState = "InvalidStateException"
        case invalidURIPath = "InvalidUriPathException"
        case keyNotFound = "KeyNotFoundException"
        case throttling = "ThrottlingException"
        case unsupportedOperation = "UnsupportedOperationException"
        case validation = "ValidationException"

        /// The status of the answer.
        package var httpStatus: Int {
            switch self {
            case .validation, .invalidState, .invalidCiphertext, .invalidKeyUsage: 400
            case .authenticationFailed: 401
            case .accessDenied: 403
            case .keyNotFound, .invalidURIPath: 404
            case .throttling: 429
            case .internalError: 500
            case .unsupportedOperation: 501
            case .dependencyTimeout: 503
            }
        }
    }

    /// The most characters of a message: the specification wants less than 512.
    package static let longestMessage = 511

    /// What the other side branches on.
    package let name: Name
    /// Printable ASCII of at most ``longestMessage`` characters, for whoever reads the other side's log.
    package let message: String

    /// - Parameter message: What cannot be shown of it becomes a question mark; what is too long is cut.
    package init(_ name: Name, _ message: String) {
        self.name = name
        let shown = message.utf8.prefix(Self.longestMessage).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
        self.message = String(decoding: shown, as: UTF8.self)
    }

    /// The body of the answer.
    package var body: [UInt8] {
        var writer = JSONWriter(capacity: 160)
        writer.object { writer in
            writer.member("errorName", name.rawValue)
            writer.member("errorMessage", message)
        }
        return writer.bytes
    }
}

extension KeyStoreProxyError {
    /// What is told of a signature that does not hold; an access key that is not there gets the words of a wrong secret.
    init(_ failure: AuthenticationFailure) {
        let failure = failure == .unrecognizedClient ? .signatureMismatch : failure
        self.init(.authenticationFailed, failure.message(for: .keyStoreProxy))
    }

    /// What is told of a failing store.
    init(_ failure: StoreError) {
        switch failure {
        case .conflict, .undone, .unavailable:
            self.init(.dependencyTimeout, "The store of the keys does not answer in time.")
        case .corrupt, .wrongFormat: self = .failed
        }
    }

    /// What is told of a failure inside the cryptography module.
    init(_ failure: CryptoFailure) {
        switch failure {
        case .notAuthentic, .malformed, .unknownVersion: self = .wrongCiphertext
        case .tooLong, .unsupported, .damagedRecord, .unavailable: self = .failed
        }
    }

    /// The refusal of a request that could not be recorded.
    init(_ failure: AuditFailure) { self.init(.internalError, "The request could not be recorded.") }

    static var failed: Self { Self(.internalError, "The request failed because of an internal error.") }

    static var wrongCiphertext: Self {
        Self(
            .invalidCiphertext,
            "The ciphertext, its metadata, the initialization vector, the authentication tag or the additional "
                + "authenticated data is not what this key encrypted.")
    }
}
