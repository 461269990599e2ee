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
    let accessKeyID: Substring
    /// `yyyyMMdd`, as the scope says it.
    let scopeDate: Substring
    let region: Substring
    let service: Substring
    let terminator: Substring
    let time: SigningTime
    /// The time's own text: what was signed.
    let timeText: String
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
        let hash = Base64.encode(Digest.sha256(Array(header.utf8)))
        guard !request.repeats("authorization") else { throw .malformedHeader(hash: hash) }
        try self.init(header: header, hash: hash, of: request)
    }

    // MARK: Header form

    private init(header: String, hash: String, of request: SignedRequest) throws(AuthenticationFailure) {
        let parts = header.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        let parameters = try Self.parameters(in: parts.count > 1 ? parts[1] : "", hash: hash)
        let timeText = request.header("x-amz-date")
        let date = timeText ?? request.header("date")
        var missing = ["Credential", "Signature", "SignedHeaders"].filter { parameters[$0] == nil }
            .map { "Authorization header requires '\($0)' parameter." }
        if date == nil {
            missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        }
        guard let credential = parameters["Credential"], let signature = parameters["Signature"],
            let signedHeaders = parameters["SignedHeaders"], let date
        else { throw .incompleteHeader(sentences: missing, hash: hash) }
        guard let time = timeText.map(SigningTime.init(basic:)) ?? SigningTime(httpDate: date) else {
            throw .malformedDate(date)
        }
        try self.init(
            form: .header, algorithm: String(parts[0]), credential: String(credential), time: time,
            signedHeaders: signedHeaders, signature: signature, token: request.header("x-amz-security-token")
        )
    }

    /// The `name=value` parts behind the algorithm, separated by commas with white space around them.
    private static func parameters(
        in text: Substring, hash: String
    ) throws(AuthenticationFailure) -> [Substring: Substring] {
        var parameters: [Substring: Substring] = [:]
        for part in text.split(separator: ",") {
            let part = part.trimmed
            guard !part.isEmpty else { continue }
            guard let equals = part.firstIndex(of: "=") else { throw .malformedHeader(hash: hash) }
            let previous = parameters.updateValue(part[part.index(after: equals)...], forKey: part[..<equals])
            guard previous == nil else { throw .malformedHeader(hash: hash) }
        }
        return parameters
    }

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
            form: .query(expires: expires), algorithm: algorithm, credential: credential, time: time,
            signedHeaders: signedHeaders[...], signature: signature[...],
            token: query["X-Amz-Security-Token"] ?? request.header("x-amz-security-token")
        )
    }

    // MARK: Both

    private init(
        form: Form, algorithm: String, credential: String, time: SigningTime, signedHeaders: Substring,
        signature: Substring, token: String?
    ) throws(AuthenticationFailure) {
        let elements = credential.split(separator: "/", omittingEmptySubsequences: false)
        guard elements.count == 5 else { throw .malformedCredential(credential) }
        guard algorithm == CanonicalRequest.algorithm else { throw .unsupportedAlgorithm(algorithm) }
        self.form = form
        accessKeyID = elements[0]
        scopeDate = elements[1]
        region = elements[2]
        service = elements[3]
        terminator = elements[4]
        self.time = time
        timeText = time.text
        self.signedHeaders = signedHeaders.split(separator: ";", omittingEmptySubsequences: false)
        // What is not 64 hex digits is no signature of anything; an empty one never matches.
        self.signature = Hex.decode(String(signature)) ?? []
        securityToken = token
    }

    /// Whether the names of the signed headers are in lower case, in order, none twice and none empty.
    var hasOrderlyHeaders: Bool {
        guard
            signedHeaders.allSatisfy({ name in
                !name.isEmpty && !name.utf8.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
            })
        else { return false }
        return zip(signedHeaders, signedHeaders.dropFirst()).allSatisfy { left, right in
            left.utf8.lexicographicallyPrecedes(right.utf8)
        }
    }

    func signs(_ name: String) -> Bool { signedHeaders.contains { $0.utf8.elementsEqual(name.utf8) } }
}

/// The parameters of a query, as far as they are a signature's.
private struct PresignedQuery {
    private var parameters: [String: String] = [:]

    init(_ query: String) {
        guard query.utf8.count <= 16_384 else { return }
        for parameter in query.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = parameter.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(decoding: PercentEncoding.decode(parts[0]), as: UTF8.self)
            guard name.hasPrefix("X-Amz-"), parameters[name] == nil else { continue }
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

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
