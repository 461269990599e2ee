import KMSModel

/// What a request says of its signature that those after it say again: whose it is, for what, and which headers it covers.
final class SignatureTerms: Sendable {
    /// The whole credential: access key, date, region, service and terminator, separated by slashes.
    let credential: String
    let accessKeyID: String
    /// What stands behind the access key: the scope, as it is signed.
    let scope: String
    /// `yyyyMMdd`, as the scope says it.
    let scopeDate: String
    let region: String
    /// The region, if there could be one of this name.
    let namedRegion: Region?
    let service: String
    let terminator: String
    /// The names of the headers, in the order in which they were signed.
    let signedHeaders: [String]
    /// Whether the host is among those that are covered.
    let signsHost: Bool
    /// Whether the name of the operation is.
    let signsTarget: Bool
    /// Whether the names of the signed headers are ASCII in lower case, in order, none twice and none empty; and not more than a
    /// request can have.
    let hasOrderlyHeaders: Bool
    /// The most headers of a request that the server reads.
    private static let mostHeaders = 200

    /// - Throws: ``AuthenticationFailure``: `malformedCredential`, `unsupportedAlgorithm`.
    init(algorithm: Substring, credential: Substring, signedHeaders: Substring) throws(AuthenticationFailure) {
        let elements = credential.pieces(separatedBy: UInt8(ascii: "/"))
        guard elements.count == 5 else { throw .malformedCredential(String(credential)) }
        guard algorithm.isSame(as: CanonicalRequest.algorithm[...]) else {
            throw .unsupportedAlgorithm(String(algorithm))
        }
        self.credential = String(credential)
        accessKeyID = String(elements[0])
        scope = String(credential[elements[1].startIndex...])
        scopeDate = String(elements[1])
        region = String(elements[2])
        namedRegion = Region(region)
        service = String(elements[3])
        terminator = String(elements[4])
        self.signedHeaders = signedHeaders.pieces(separatedBy: UInt8(ascii: ";")).map { String($0) }
        hasOrderlyHeaders = Self.areOrderly(self.signedHeaders)
        signsHost = Self.have("host", self.signedHeaders)
        signsTarget = Self.have("x-amz-target", self.signedHeaders)
    }

    private static func areOrderly(_ names: [String]) -> Bool {
        guard names.count <= mostHeaders else { return false }
        let arePlain = names.allSatisfy { name in
            !name.isEmpty && name.isASCII
                && !name.utf8.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        }
        guard arePlain else { return false }
        return zip(names, names.dropFirst()).allSatisfy { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Whether the header of this name is among those that are covered.
    func signs(_ name: String) -> Bool { Self.have(name, signedHeaders) }

    private static func have(_ name: String, _ names: [String]) -> Bool { names.contains { $0.isSame(as: name) } }
}

// Bytes, not characters: finding where a character ends costs more than the rest of the parsing.
extension Substring {
    /// What stands between the separators, and before and behind them.
    func pieces(separatedBy separator: UInt8) -> [Substring] {
        var pieces: [Substring] = []
        pieces.reserveCapacity(8)
        var start = startIndex
        var rest = utf8
        while let end = rest.index(of: separator) {
            pieces.append(self[start..<end])
            start = utf8.index(after: end)
            rest = utf8[start...]
        }
        pieces.append(self[start...])
        return pieces
    }
}
