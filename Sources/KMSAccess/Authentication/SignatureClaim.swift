import KMSCrypto
import KMSModel

/// What a request says of its own signature, taken apart but not yet believed.
struct SignatureClaim {
    /// Where the signature stands.
    enum Form: Equatable {
        case header
        /// A presigned request, and how many seconds it is good for.
        case query(expires: Int)
    }

    let form: Form
    /// The whole credential: access key, date, region, service and terminator, separated by slashes.
    let credential: Substring
    let accessKeyID: Substring
    /// What stands behind the access key: the scope, as it is signed.
    let scope: Substring
    /// `yyyyMMdd`, as the scope says it.
    let scopeDate: Substring
    let region: Substring
    let service: Substring
    let terminator: Substring
    let time: SigningTime
    let signedHeaders: [Substring]
    let signature: [UInt8]
    let securityToken: String?

    /// The longest that a presigned request can be good for, in seconds: seven days.
    static let longestExpiry = 604_800
    /// How long it is good for when it does not say.
    static let defaultExpiry = 900

    /// - Throws: ``AuthenticationFailure``, the first that applies.
    init(of request: SignedRequest) throws(AuthenticationFailure) {
        let query = PresignedQuery(request.query)
        guard let header = request.header("authorization") else {
            guard query.isPresigned else { throw .missingToken }
            try self.init(presigned: query, of: request)
            return
        }
        guard !query.isPresigned else { throw .signedTwice }
        guard !request.repeats("authorization") else { throw .malformedHeader(hash: Self.hash(of: header)) }
        try self.init(header: header, of: request)
    }

    // MARK: Header form

    private init(header: String, of request: SignedRequest) throws(AuthenticationFailure) {
        let end = header.utf8.firstIndex(of: UInt8(ascii: " ")) ?? header.endIndex
        guard let parameters = HeaderParameters(header[end...]) else {
            throw .malformedHeader(hash: Self.hash(of: header))
        }
        let timeText = request.header("x-amz-date")
        guard let credential = parameters.credential, let signature = parameters.signature,
            let signedHeaders = parameters.signedHeaders, let date = timeText ?? request.header("date")
        else {
            let hasDate = timeText != nil || request.header("date") != nil
            throw .incompleteHeader(
                sentences: parameters.missing(hasDate: hasDate), hash: Self.hash(of: header)
            )
        }
        guard let time = timeText == nil ? SigningTime(httpDate: date) : SigningTime(basic: date) else {
            throw .malformedDate(date)
        }
        try self.init(
            form: .header, algorithm: header[..<end], credential: credential, time: time,
            signedHeaders: signedHeaders, signature: signature, token: request.header("x-amz-security-token")
        )
    }

    /// What error texts show of a header in its place.
    private static func hash(of header: String) -> String { Base64.encode(Digest.sha256(Array(header.utf8))) }

    // MARK: Query form

    private init(presigned query: PresignedQuery, of request: SignedRequest) throws(AuthenticationFailure) {
        let algorithm = try query.required("X-Amz-Algorithm")
        let credential = try query.required("X-Amz-Credential")
        let signature = try query.required("X-Amz-Signature")
        let signedHeaders = try query.required("X-Amz-SignedHeaders")
        let date = try query.required("X-Amz-Date")
        guard let time = SigningTime(basic: date) else { throw .malformedDate(date) }
        var expires = Self.defaultExpiry
        if let text = query["X-Amz-Expires"] {
            guard let seconds = Int(text), (1...Self.longestExpiry).contains(seconds) else {
                throw .incompleteQuery(parameter: "X-Amz-Expires")
            }
            expires = seconds
        }
        try self.init(
            form: .query(expires: expires), algorithm: algorithm[...], credential: credential[...], time: time,
            signedHeaders: signedHeaders[...], signature: signature[...],
            token: query["X-Amz-Security-Token"] ?? request.header("x-amz-security-token")
        )
    }

    // MARK: Both

    private init(
        form: Form, algorithm: Substring, credential: Substring, time: SigningTime, signedHeaders: Substring,
        signature: Substring, token: String?
    ) throws(AuthenticationFailure) {
        let elements = credential.pieces(separatedBy: UInt8(ascii: "/"))
        guard elements.count == 5 else { throw .malformedCredential(String(credential)) }
        guard algorithm.isSame(as: CanonicalRequest.algorithm[...]) else {
            throw .unsupportedAlgorithm(String(algorithm))
        }
        self.form = form
        self.credential = credential
        accessKeyID = elements[0]
        scope = credential[elements[1].startIndex...]
        scopeDate = elements[1]
        region = elements[2]
        service = elements[3]
        terminator = elements[4]
        self.time = time
        self.signedHeaders = signedHeaders.pieces(separatedBy: UInt8(ascii: ";"))
        // What is not 64 hex digits is no signature of anything; an empty one never matches.
        self.signature = Hex.decode(String(signature)) ?? []
        securityToken = token
    }

    /// Whether the names of the signed headers are ASCII in lower case, in order, none twice and none empty.
    var hasOrderlyHeaders: Bool {
        guard
            signedHeaders.allSatisfy({ name in
                !name.isEmpty && name.isASCII
                    && !name.utf8.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
            })
        else { return false }
        return zip(signedHeaders, signedHeaders.dropFirst()).allSatisfy { left, right in
            left.utf8.lexicographicallyPrecedes(right.utf8)
        }
    }

    func signs(_ name: String) -> Bool { signedHeaders.contains { $0.isSame(as: name[...]) } }
}

/// The parameters of a query, as far as they are a signature's.
private struct PresignedQuery {
    private var parameters: [String: String] = [:]

    init(_ query: String) {
        guard !query.isEmpty else { return }
        for parameter in query.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = parameter.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(decoding: PercentEncoding.decode(parts[0]), as: UTF8.self)
            guard name.isASCII, name.hasPrefix("X-Amz-"), parameters[name] == nil else { continue }
            parameters[name] = String(
                decoding: PercentEncoding.decode(parts.count > 1 ? parts[1] : "".utf8[...]), as: UTF8.self)
        }
    }

    var isPresigned: Bool { parameters["X-Amz-Algorithm"] != nil || parameters["X-Amz-Signature"] != nil }

    subscript(name: String) -> String? { parameters[name] }

    func required(_ name: String) throws(AuthenticationFailure) -> String {
        guard let value = parameters[name] else { throw .incompleteQuery(parameter: name) }
        return value
    }
}

/// The `name=value` parts behind the algorithm, separated by commas with white space around them.
private struct HeaderParameters {
    private(set) var credential: Substring?
    private(set) var signedHeaders: Substring?
    private(set) var signature: Substring?

    /// Nil for a part without an equal sign, and for one that stands there twice.
    init?(_ text: Substring) {
        for piece in text.pieces(separatedBy: UInt8(ascii: ",")) {
            let part = piece.trimmed
            guard !part.isEmpty else { continue }
            guard let equals = part.utf8.index(of: UInt8(ascii: "=")) else { return nil }
            let value = part[part.utf8.index(after: equals)...]
            let name = part[..<equals]
            if name.isSame(as: "Credential") {
                guard credential == nil else { return nil }
                credential = value
            } else if name.isSame(as: "SignedHeaders") {
                guard signedHeaders == nil else { return nil }
                signedHeaders = value
            } else if name.isSame(as: "Signature") {
                guard signature == nil else { return nil }
                signature = value
            }
        }
    }

    /// AWS's sentence for each part that is missing.
    func missing(hasDate: Bool) -> [String] {
        let parts = [("Credential", credential), ("Signature", signature), ("SignedHeaders", signedHeaders)]
        let sentences = parts.filter { $0.1 == nil }.map { "Authorization header requires '\($0.0)' parameter." }
        guard !hasDate else { return sentences }
        return sentences + [
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        ]
    }
}

// Bytes, not characters: finding where a character ends costs more than the rest of the parsing.
extension Substring {
    fileprivate func pieces(separatedBy separator: UInt8) -> [Substring] {
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

    fileprivate var trimmed: Substring {
        var bytes = utf8
        while let first = bytes.first, first == 0x20 || first == 0x09 { bytes.removeFirst() }
        while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
        return Substring(bytes)
    }
}
