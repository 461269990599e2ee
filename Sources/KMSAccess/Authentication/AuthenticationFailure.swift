package import KMSModel

/// Why nobody is known to have sent a request, in the order in which it is looked for.
package enum AuthenticationFailure: Error, Equatable, Sendable {
    /// Neither an `Authorization` header nor a presigned query.
    case missingToken
    /// A part of the header is not `name=value`, or stands there twice; the hash is of the whole header.
    case malformedHeader(hash: String)
    /// The header lacks these sentences' parts.
    case incompleteHeader(sentences: [String], hash: String)
    /// The presigned query lacks this parameter, or it is not what it must be.
    case incompleteQuery(parameter: String)
    /// Signed in the header and in the query.
    case signedTwice
    case unsupportedAlgorithm(String)
    case malformedDate(String)
    case malformedCredential(String)
    case wrongTerminator
    case wrongService(expected: String)
    case wrongRegion
    case wrongScopeDate(scope: String, day: String, date: String)
    case hostNotSigned
    /// Signed too long ago: the time, the earliest that is accepted, the server's time, and the window as text.
    case expired(time: String, limit: String, now: String, window: String)
    /// Signed in the future.
    case notYetCurrent(time: String, limit: String, now: String, window: String)
    /// The access key is unknown or inactive, or does not go with the session token.
    case unrecognizedClient
    /// The session is over.
    case expiredToken
    case signatureMismatch
}

extension AuthenticationFailure {
    /// AWS's sentence.
    ///
    /// Sources: recorded answers of AWS services, and the IAM User Guide, "Troubleshoot signed AWS API requests".
    package func message(for service: SigningService) -> String {
        switch self {
        case .missingToken:
            service.isQueried ? "Request is missing Authentication Token" : "Missing Authentication Token"
        case .malformedHeader(let hash):
            "Invalid key=value pair (missing equal-sign) in Authorization header "
                + "(hashed with SHA-256 and encoded with Base64): '\(hash)'."
        case .incompleteHeader(let sentences, let hash):
            sentences.joined(separator: " ") + " (Hashed with SHA-256 and encoded with Base64) Authorization=\(hash)"
        case .incompleteQuery(let parameter):
            "AWS query-string parameters must include '\(parameter)'. Re-examine the query-string parameters."
        case .signedTwice:
            "Authorization header and query-string authentication parameters cannot be used in one request."
        case .unsupportedAlgorithm(let name): "Unsupported AWS 'algorithm': '\(name)'."
        case .malformedDate(let value):
            "Date must be in ISO-8601 'basic format'. Got '\(value)'. See http://en.wikipedia.org/wiki/ISO_8601"
        case .malformedCredential(let value):
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '\(value)'"
        case .wrongTerminator, .wrongService, .wrongRegion, .wrongScopeDate, .hostNotSigned, .expired, .notYetCurrent,
            .unrecognizedClient, .expiredToken, .signatureMismatch:
            refusalMessage
        }
    }

    private var refusalMessage: String {
        switch self {
        case .wrongTerminator: "Credential should be scoped with a valid terminator: 'aws4_request'."
        // AWS was seen to write the space at the end of these two.
        case .wrongService(let name): "Credential should be scoped to correct service: '\(name)'. "
        case .wrongRegion: "Credential should be scoped to a valid region. "
        case .wrongScopeDate(let scope, let day, let date):
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                + "'\(scope)' != '\(day)', from '\(date)'."
        case .hostNotSigned: "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        case .expired(let time, let limit, let now, let window):
            "Signature expired: \(time) is now earlier than \(limit) (\(now) - \(window))"
        case .notYetCurrent(let time, let limit, let now, let window):
            "Signature not yet current: \(time) is still later than \(limit) (\(now) + \(window))"
        case .unrecognizedClient: "The security token included in the request is invalid."
        case .expiredToken: "The security token included in the request is expired"
        default:
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
                + "Access Key and signing method. Consult the service documentation for details."
        }
    }

    /// The error's name in the JSON protocol.
    package var code: KMSError.Code {
        switch self {
        case .missingToken: .missingAuthenticationToken
        case .malformedHeader, .incompleteHeader, .incompleteQuery, .signedTwice, .unsupportedAlgorithm, .malformedDate,
            .malformedCredential:
            .incompleteSignature
        case .wrongTerminator, .wrongService, .wrongRegion, .wrongScopeDate, .hostNotSigned, .expired, .notYetCurrent,
            .signatureMismatch:
            .invalidSignature
        case .unrecognizedClient: .unrecognizedClient
        case .expiredToken: .expiredToken
        }
    }

    /// The error's name in the query protocol.
    package var queryCode: String {
        switch code {
        case .missingAuthenticationToken: "MissingAuthenticationToken"
        case .incompleteSignature: "IncompleteSignature"
        case .unrecognizedClient: "InvalidClientTokenId"
        case .expiredToken: "ExpiredToken"
        default: "SignatureDoesNotMatch"
        }
    }

    /// The status of an answer in the query protocol; the JSON protocol answers 400 to all of them.
    package var queryStatus: Int { code == .incompleteSignature ? 400 : 403 }
}

extension KMSError {
    /// The refusal in the JSON protocol.
    package init(_ failure: AuthenticationFailure) {
        self.init(failure.code, failure.message(for: .kms))
    }
}
