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
        for index in headers.indices where headers[index].name.isSame(as: name) { return headers[index].value }
        return nil
    }

    /// Whether there are several headers of this name.
    func repeats(_ name: String) -> Bool {
        var count = 0
        for index in headers.indices where headers[index].name.isSame(as: name) { count += 1 }
        return count > 1
    }
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
