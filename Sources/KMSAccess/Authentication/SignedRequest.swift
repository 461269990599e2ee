package import KMSModel

/// A request as it came over the wire: what its signature was computed from.
package struct SignedRequest: Sendable {
    /// The HTTP method, as received.
    package let method: String
    /// The path, still percent-encoded.
    package let path: String
    /// What stands behind the question mark, still percent-encoded; empty when there is none.
    package let query: String
    /// In the order received; names in lower case, the host among them.
    package var headers: [(name: String, value: String)]
    /// The bytes of the body, as received.
    package let body: [UInt8]

    package init(
        method: String, path: String, query: String, headers: [(name: String, value: String)], body: [UInt8]
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// The value of the first header of this name.
    func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    /// Whether there are several headers of this name.
    func repeats(_ name: String) -> Bool {
        headers.count { $0.name == name } > 1
    }
}

/// Who signed a request, with which key, for which region.
package struct Caller: Sendable, Equatable {
    /// Whose access key signed.
    package let principal: Principal
    /// The access key that signed.
    package let accessKeyID: String
    /// The region of the signature's scope; it selects the region that serves the request.
    package let region: Region

    package init(principal: Principal, accessKeyID: String, region: Region) {
        self.principal = principal
        self.accessKeyID = accessKeyID
        self.region = region
    }
}

/// Where access keys are looked up; it answers from memory.
package protocol CredentialSource: Sendable {
    /// The access key of this identifier, active or not.
    func accessKey(_ id: String) -> AccessKeyRecord?
}

/// The regions that a server answers for.
package enum HostedRegions: Sendable, Equatable {
    case anyWellFormed
    case only(Set<Region>)

    /// Whether requests for `region` are answered.
    package func contains(_ region: Region) -> Bool {
        switch self {
        case .anyWellFormed: true
        case .only(let regions): regions.contains(region)
        }
    }

    /// Whether a key can have a replica in `region`: where no list says which regions there are, AWS's own are meant, so
    /// that a mistyped name is not a region.
    package func admitsReplica(in region: Region) -> Bool {
        self == .anyWellFormed ? region.isOfAWS : contains(region)
    }
}

/// A service that requests are signed for, and what is particular about its signatures.
package enum SigningService: Sendable, Equatable {
    case kms
    case sts
    /// This server's own requests: moving the clock.
    case administration

    /// The service's name in the signature's scope.
    package var name: String {
        switch self {
        case .kms: "kms"
        case .sts: "sts"
        case .administration: "chatelaine"
        }
    }

    /// How far a signature's time may be from the server's, in minutes.
    var skewInMinutes: Int { self == .sts ? 15 : 5 }

    /// Whether the operation is named by a header, which then must be signed: otherwise a captured request could be
    /// turned into another one.
    var namesOperationInHeader: Bool { self != .sts }

    /// Whether a presigned request is good for as long as it says; STS keeps to its own window.
    var honorsExpires: Bool { self != .sts }

    /// A region that the service is reached through although no key lives there.
    var globalRegion: String? { self == .sts ? "us-east-1" : nil }
}
