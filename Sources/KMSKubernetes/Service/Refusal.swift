package import GRPCCore
import KMSModel

/// Why a call of the API server is not done.
package enum Refusal: Error, Sendable {
    /// It asks for something that this plugin never made, or cannot make.
    case invalidArgument(String)
    /// The KMS did not do it.
    case kms(KMSFailure)
}

extension RPCError {
    /// What the API server is told of a refusal, and logs.
    package init(_ refusal: Refusal) {
        switch refusal {
        case .invalidArgument(let reason): self.init(code: .invalidArgument, message: reason)
        case .kms(let failure): self.init(code: Code(failure), message: failure.description)
        }
    }
}

extension RPCError.Code {
    /// The kind of a failure, as gRPC has them.
    package init(_ failure: KMSFailure) {
        switch failure {
        case .refused(let code, _, _): self = code.flatMap { Self.refusals[$0] } ?? .internalError
        case .unreachable, .outdated: self = .unavailable
        case .noCredentials: self = .unauthenticated
        case .unexpectedAnswer: self = .internalError
        }
    }

    /// What is not here says that the plugin asked something wrong.
    private static let refusals: [KMSError.Code: RPCError.Code] = [
        .accessDenied: .permissionDenied, .notAuthorized: .permissionDenied,
        .expiredToken: .unauthenticated, .incompleteSignature: .unauthenticated, .invalidSignature: .unauthenticated,
        .missingAuthenticationToken: .unauthenticated, .unrecognizedClient: .unauthenticated,
        .disabled: .failedPrecondition, .kmsInvalidState: .failedPrecondition, .invalidKeyUsage: .failedPrecondition,
        .notFound: .notFound,
        .invalidCiphertext: .invalidArgument, .incorrectKey: .invalidArgument,
        .throttling: .unavailable, .limitExceeded: .unavailable, .serviceUnavailable: .unavailable,
        .internalFailure: .unavailable, .kmsInternal: .unavailable, .dependencyTimeout: .unavailable,
        .keyUnavailable: .unavailable,
    ]
}
