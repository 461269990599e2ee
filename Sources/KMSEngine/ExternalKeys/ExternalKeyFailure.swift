import KMSModel

/// Why the proxy of an external key store did not do what was asked.
package enum ExternalKeyFailure: Error, Sendable, Equatable {
    /// The operator has not named such an endpoint for the account and region.
    case unknownEndpoint(String)
    /// The operator has not named such an endpoint service for the account and region.
    case unknownService(String)
    /// The endpoint service is another host's.
    case serviceOfOther(String)
    /// What the store holds to sign with does not open.
    case damagedSecret
    /// There was no answer in time.
    case timedOut
    /// More requests are on their way than can be.
    case crowded
    /// There was no connection, or no answer on it.
    case unreachable(String)
    /// There was no connection, for want of a certificate or of terms that both sides accept.
    case insecure(String)
    /// What was answered is not what the specification says.
    case invalidAnswer(String)
    /// The other side tells that nothing of what keeps its keys is available.
    case managersUnavailable
    /// The other side refused.
    case refused(KeyStoreProxyError.Name, String)
}

extension ExternalKeyFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownEndpoint(let name): "the configuration has no endpoint \(name) for this account and Region"
        case .unknownService(let name): "the configuration has no service \(name) for this account and Region"
        case .serviceOfOther(let name): "the service \(name) is that of another host in the configuration"
        case .damagedSecret: "its credential does not open"
        case .timedOut: "no answer in time"
        case .crowded: "too many requests are on their way to it"
        case .unreachable(let reason), .insecure(let reason): reason
        case .invalidAnswer(let reason): "its answer is not what the specification says: \(reason)"
        case .managersUnavailable: "none of its external key managers is available"
        case .refused(let name, let message): "\(name.rawValue): \(message)"
        }
    }

    /// What metrics call it.
    var label: String {
        switch self {
        case .unknownEndpoint: "UnknownEndpoint"
        case .unknownService: "UnknownService"
        case .serviceOfOther: "ServiceOfOther"
        case .damagedSecret: "DamagedSecret"
        case .timedOut: "TimedOut"
        case .crowded: "Crowded"
        case .unreachable: "Unreachable"
        case .insecure: "Insecure"
        case .invalidAnswer: "InvalidAnswer"
        case .managersUnavailable: "ManagersUnavailable"
        case .refused(let name, _): name.rawValue
        }
    }
}

// What AWS makes of it.
//
// Source: KMS Developer Guide, "Troubleshooting external key stores", and the table of exceptions in "Monitoring external key
// stores"; API model, `ConnectionErrorCodeType` and the `Xks…` exceptions. What a proxy may not answer to the request that was
// made is an answer that cannot be interpreted.
extension ExternalKeyFailure {
    /// What DescribeCustomKeyStores tells after a connection that did not come about.
    var connectionErrorCode: String {
        switch self {
        case .unknownService: "XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND"
        case .serviceOfOther: "XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION"
        case .damagedSecret: "INTERNAL_ERROR"
        case .timedOut, .crowded: "XKS_PROXY_TIMED_OUT"
        case .unknownEndpoint, .unreachable, .managersUnavailable: "XKS_PROXY_NOT_REACHABLE"
        case .insecure: "XKS_PROXY_INVALID_TLS_CONFIGURATION"
        case .invalidAnswer: "XKS_PROXY_INVALID_RESPONSE"
        case .refused(let name, _):
            switch name {
            case .authenticationFailed: "INVALID_CREDENTIALS"
            case .accessDenied: "XKS_PROXY_ACCESS_DENIED"
            case .invalidURIPath, .keyNotFound, .unsupportedOperation, .validation: "XKS_PROXY_INVALID_CONFIGURATION"
            case .dependencyTimeout: "XKS_PROXY_TIMED_OUT"
            case .throttling, .internalError, .invalidState: "XKS_PROXY_NOT_REACHABLE"
            case .invalidCiphertext, .invalidKeyUsage: "XKS_PROXY_INVALID_RESPONSE"
            }
        }
    }

    /// Whether another attempt is of no use before somebody has looked into it.
    var isLasting: Bool {
        switch self {
        case .timedOut, .crowded, .unreachable, .managersUnavailable, .unknownEndpoint, .unknownService,
            .serviceOfOther:
            false
        case .damagedSecret, .insecure, .invalidAnswer: true
        case .refused(let name, _): ![.throttling, .internalError, .dependencyTimeout].contains(name)
        }
    }

    /// The refusal of a key store that was to be made, or changed, with such a proxy.
    var refusalOfStore: KMSError {
        switch self {
        case .unknownService: KMSError(.xksProxyVpcEndpointServiceNotFound, text)
        case .serviceOfOther: KMSError(.xksProxyVpcEndpointServiceInvalidConfiguration, text)
        case .damagedSecret: KMSError(.kmsInternal)
        case .unknownEndpoint, .timedOut, .crowded, .unreachable, .managersUnavailable:
            KMSError(.xksProxyUriUnreachable, text)
        case .insecure: KMSError(.xksProxyInvalidConfiguration, text)
        case .invalidAnswer: KMSError(.xksProxyInvalidResponse, text)
        case .refused(let name, _):
            switch name {
            case .authenticationFailed: KMSError(.xksProxyIncorrectAuthenticationCredential, text)
            case .throttling, .dependencyTimeout: KMSError(.xksProxyUriUnreachable, text)
            case .accessDenied, .invalidURIPath: KMSError(.xksProxyInvalidConfiguration, text)
            case .internalError, .invalidCiphertext, .invalidKeyUsage, .invalidState, .keyNotFound,
                .unsupportedOperation, .validation:
                KMSError(.xksProxyInvalidResponse, text)
            }
        }
    }

    /// The refusal of a KMS key that was to be made with an external key.
    var refusalOfKey: KMSError {
        switch self {
        case .damagedSecret: KMSError(.kmsInternal)
        case .unknownEndpoint, .unknownService, .serviceOfOther, .timedOut, .crowded, .unreachable, .insecure,
            .invalidAnswer, .managersUnavailable:
            KMSError(.customKeyStoreInvalidState, text)
        case .refused(let name, _):
            switch name {
            case .keyNotFound: KMSError(.xksKeyNotFound, text)
            case .invalidKeyUsage, .invalidState: KMSError(.xksKeyInvalidConfiguration, text)
            case .accessDenied, .authenticationFailed, .dependencyTimeout, .internalError, .invalidCiphertext,
                .invalidURIPath, .throttling, .unsupportedOperation, .validation:
                KMSError(.customKeyStoreInvalidState, text)
            }
        }
    }

    /// What cryptography with a key answers.
    ///
    /// - Parameter key: The key's ARN.
    func refusal(ofUsing key: String) -> KMSError {
        KMSError(.kmsInvalidState, "The external key of \(key) cannot be used: \(text)")
    }

    /// What callers are told: names of places and the words of other programs are for the server's own log.
    private var text: String {
        switch self {
        case .unknownEndpoint: "The operator of this server has not named the endpoint for the account and Region."
        case .unknownService: "The VPC endpoint service does not exist."
        case .serviceOfOther: "The private DNS name of the VPC endpoint service is another one."
        case .damagedSecret: "The credential of the external key store proxy cannot be read."
        case .timedOut: "The external key store proxy did not answer in the time allotted."
        case .crowded: "Too many requests are on their way to the external key store proxy."
        case .unreachable: "The external key store proxy cannot be reached."
        case .insecure: "There is no TLS connection to the external key store proxy that both sides accept."
        case .invalidAnswer: "The answer of the external key store proxy cannot be interpreted."
        case .managersUnavailable: "The external key store proxy tells that no external key manager is available."
        case .refused(let name, _):
            switch name {
            case .accessDenied: "The external key store proxy denied access to the operation."
            case .authenticationFailed:
                "The external key store proxy rejected the access key, or the signature that was made with it."
            case .dependencyTimeout: "The external key manager did not answer in the time allotted."
            case .internalError: "The external key store proxy cannot process the request at present."
            case .invalidCiphertext:
                "The external key store proxy rejected the ciphertext, or the additional authenticated data."
            case .invalidKeyUsage: "The external key is not one for symmetric encryption and decryption."
            case .invalidState: "The external key is not enabled."
            case .invalidURIPath: "The path of the external key store proxy is wrong."
            case .keyNotFound: "The external key store proxy does not find the external key."
            case .throttling: "The external key store proxy gets more requests than it admits."
            case .unsupportedOperation: "The external key store proxy does not support the operation."
            case .validation: "The external key store proxy rejected the request as invalid."
            }
        }
    }
}
