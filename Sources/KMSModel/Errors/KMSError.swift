/// A refusal as the wire shows it: a code that clients branch on, and AWS's own sentence.
///
/// Two errors are equal when their codes are: the sentence is for people.
package struct KMSError: Error, Sendable {
    /// What clients branch on.
    package let code: Code
    /// What the answer says; nil where AWS has no text, and then the member is absent.
    package let message: String?

    package init(_ code: Code, _ message: String? = nil) {
        self.code = code
        self.message = message
    }

    /// The name of a refusal, as `__type` carries it.
    ///
    /// Sources: the API model's exceptions, and the KMS API Reference's common errors.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        // The API model's own.
        case alreadyExists = "AlreadyExistsException"
        case cloudHsmClusterInUse = "CloudHsmClusterInUseException"
        case cloudHsmClusterInvalidConfiguration = "CloudHsmClusterInvalidConfigurationException"
        case cloudHsmClusterNotActive = "CloudHsmClusterNotActiveException"
        case cloudHsmClusterNotFound = "CloudHsmClusterNotFoundException"
        case cloudHsmClusterNotRelated = "CloudHsmClusterNotRelatedException"
        case conflict = "ConflictException"
        case customKeyStoreHasCMKs = "CustomKeyStoreHasCMKsException"
        case customKeyStoreInvalidState = "CustomKeyStoreInvalidStateException"
        case customKeyStoreNameInUse = "CustomKeyStoreNameInUseException"
        case customKeyStoreNotFound = "CustomKeyStoreNotFoundException"
        case dependencyTimeout = "DependencyTimeoutException"
        case disabled = "DisabledException"
        case dryRunOperation = "DryRunOperationException"
        case expiredImportToken = "ExpiredImportTokenException"
        case incorrectKey = "IncorrectKeyException"
        case incorrectKeyMaterial = "IncorrectKeyMaterialException"
        case incorrectTrustAnchor = "IncorrectTrustAnchorException"
        case invalidAliasName = "InvalidAliasNameException"
        case invalidArn = "InvalidArnException"
        case invalidCiphertext = "InvalidCiphertextException"
        case invalidGrantId = "InvalidGrantIdException"
        case invalidGrantToken = "InvalidGrantTokenException"
        case invalidImportToken = "InvalidImportTokenException"
        case invalidKeyUsage = "InvalidKeyUsageException"
        case invalidMarker = "InvalidMarkerException"
        case kmsInternal = "KMSInternalException"
        case kmsInvalidMac = "KMSInvalidMacException"
        case kmsInvalidSignature = "KMSInvalidSignatureException"
        case kmsInvalidState = "KMSInvalidStateException"
        case keyUnavailable = "KeyUnavailableException"
        case limitExceeded = "LimitExceededException"
        case malformedPolicyDocument = "MalformedPolicyDocumentException"
        case notFound = "NotFoundException"
        case tag = "TagException"
        case unsupportedOperation = "UnsupportedOperationException"
        case xksKeyAlreadyInUse = "XksKeyAlreadyInUseException"
        case xksKeyInvalidConfiguration = "XksKeyInvalidConfigurationException"
        case xksKeyNotFound = "XksKeyNotFoundException"
        case xksProxyIncorrectAuthenticationCredential = "XksProxyIncorrectAuthenticationCredentialException"
        case xksProxyInvalidConfiguration = "XksProxyInvalidConfigurationException"
        case xksProxyInvalidResponse = "XksProxyInvalidResponseException"
        case xksProxyUriEndpointInUse = "XksProxyUriEndpointInUseException"
        case xksProxyUriInUse = "XksProxyUriInUseException"
        case xksProxyUriUnreachable = "XksProxyUriUnreachableException"
        case xksProxyVpcEndpointServiceInUse = "XksProxyVpcEndpointServiceInUseException"
        case xksProxyVpcEndpointServiceInvalidConfiguration =
            "XksProxyVpcEndpointServiceInvalidConfigurationException"
        case xksProxyVpcEndpointServiceNotFound = "XksProxyVpcEndpointServiceNotFoundException"

        // Of CloudTrail's LookupEvents.
        case invalidEventCategory = "InvalidEventCategoryException"
        case invalidLookupAttributes = "InvalidLookupAttributesException"
        case invalidMaxResults = "InvalidMaxResultsException"
        case invalidNextToken = "InvalidNextTokenException"
        case invalidTimeRange = "InvalidTimeRangeException"

        // Common to AWS's JSON services.
        case accessDenied = "AccessDeniedException"
        case expiredToken = "ExpiredTokenException"
        case incompleteSignature = "IncompleteSignatureException"
        case internalFailure = "InternalFailure"
        case invalidSignature = "InvalidSignatureException"
        case missingAuthenticationToken = "MissingAuthenticationTokenException"
        case notAuthorized = "NotAuthorizedException"
        case requestEntityTooLarge = "RequestEntityTooLargeException"
        case serialization = "SerializationException"
        case serviceUnavailable = "ServiceUnavailable"
        case throttling = "ThrottlingException"
        case unknownOperation = "UnknownOperationException"
        case unrecognizedClient = "UnrecognizedClientException"
        case validation = "ValidationException"
    }
}

extension KMSError: Equatable {
    package static func == (left: Self, right: Self) -> Bool { left.code == right.code }
}
