/// A service that requests are signed for, and what is particular about its signatures.
package enum SigningService: Sendable, Equatable {
    case kms
    case sts
    case iam
    case cloudTrail
    /// This server's own requests: moving the clock, explaining decisions.
    case administration
    /// A key store proxy, by which another KMS uses keys of this server.
    case keyStoreProxy

    /// The service's name in the signature's scope.
    package var name: String {
        switch self {
        case .kms: "kms"
        case .sts: "sts"
        case .iam: "iam"
        case .cloudTrail: "cloudtrail"
        case .administration: "chatelaine"
        case .keyStoreProxy: "kms-xks-proxy"
        }
    }

    /// Whether the service speaks the query protocol, in which the operation is part of the body or the query.
    var isQueried: Bool { self == .sts || self == .iam }

    /// How far a signature's time may be from the server's, in minutes.
    var skewInMinutes: Int { isQueried ? 15 : 5 }

    /// Whether the operation is named by a header, which then must be signed: otherwise a captured request could be
    /// turned into another one.
    var namesOperationInHeader: Bool { !isQueried && self != .keyStoreProxy }

    /// Whether a presigned request is good for as long as it says; STS and IAM keep to their own window.
    var honorsExpires: Bool { !isQueried }

    /// Whether the service is also reached through the one region of a partition that IAM is in, although no key lives there.
    var isGlobal: Bool { isQueried }
}
