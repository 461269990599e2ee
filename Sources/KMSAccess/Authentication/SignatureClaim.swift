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
    let terms: SignatureTerms
    let time: SigningTime
    let signature: [UInt8]
    let securityToken: String?
    /// What the terms, and the key that goes with them, are remembered by once the signature has proven to be genuine.
    let name: String
    /// What is remembered of earlier requests with the same terms.
    let known: SigningKeyCache.Entry?

    /// The longest that a presigned request can be good for, in seconds: seven days.
    static let longestExpiry = 604_800
    /// How long it is good for when it does not say.
    static let defaultExpiry = 900

    /// - Parameter cache: What is known of earlier requests.
    /// - Throws: ``AuthenticationFailure``, the first that applies.
    init(of request: SignedRequest, knowing cache: SigningKeyCache) throws(AuthenticationFailure) {
        let query = PresignedQuery(request.query)
        guard let header = request.header("authorization") else {
            guard query.isPresigned else { throw .missingToken }
            try self.init(presigned: query, of: request, cache)
            return
        }
        guard !query.isPresigned else { throw .signedTwice }
        guard !request.repeats("authorization") else { throw .malformedHeader(hash: Self.hash(of: header)) }
        try self.init(header: header, of: request, cache)
    }

    // MARK: Header form

    private init(
        header: String, of request: SignedRequest, _ cache: SigningKeyCache
    ) throws(AuthenticationFailure) {
        let parts = HeaderParts(header)
        let timeText = request.header("x-amz-date")
        if let parts, let known = cache.entry(for: parts.front), let date = timeText ?? request.header("date") {
            try self.init(
                .header, known.terms, at: Self.time(date, isBasic: timeText != nil), signature: parts.signature,
                of: request, name: parts.front, known)
            return
        }
        let end = header.utf8.firstIndex(of: UInt8(ascii: " ")) ?? header.endIndex
        guard let parameters = HeaderParameters(header[end...]) else {
            throw .malformedHeader(hash: Self.hash(of: header))
        }
        guard let credential = parameters.credential, let signature = parameters.signature,
            let signedHeaders = parameters.signedHeaders, let date = timeText ?? request.header("date")
        else {
            let hasDate = timeText != nil || request.header("date") != nil
            throw .incompleteHeader(
                sentences: parameters.missing(hasDate: hasDate), hash: Self.hash(of: header)
            )
        }
        let time = try Self.time(date, isBasic: timeText != nil)
        let terms = try SignatureTerms(algorithm: header[..<end], credential: credential, signedHeaders: signedHeaders)
        // A parameter may have another name that ends like that of the signature.
        let isAtEnd = signature.endIndex == header.endIndex && signature.utf8.count == HeaderParts.digitCount
        let name = isAtEnd ? parts?.front ?? Self.name(terms) : Self.name(terms)
        try self.init(
            .header, terms, at: time, signature: Self.bytes(signature), of: request, name: name, cache.entry(for: name))
    }

    private static func time(_ text: String, isBasic: Bool) throws(AuthenticationFailure) -> SigningTime {
        guard let time = isBasic ? SigningTime(basic: text) : SigningTime(httpDate: text) else {
            throw .malformedDate(text)
        }
        return time
    }

    /// What terms are remembered by that do not stand in front of a signature: no header is like that.
    private static func name(_ terms: SignatureTerms) -> String { "credential \(terms.credential)" }

    /// What error texts show of a header in its place.
    private static func hash(of header: String) -> String { Base64.encode(Digest.sha256(Array(header.utf8))) }

    // MARK: Query form

    private init(
        presigned query: PresignedQuery, of request: SignedRequest, _ cache: SigningKeyCache
    ) throws(AuthenticationFailure) {
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
        let terms = try SignatureTerms(
            algorithm: algorithm[...], credential: credential[...], signedHeaders: signedHeaders[...])
        let name = Self.name(terms)
        try self.init(
            .query(expires: expires), terms, at: time, signature: Self.bytes(signature[...]), of: request, name: name,
            cache.entry(for: name), token: query["X-Amz-Security-Token"])
    }

    // MARK: Both

    /// What is not 64 hex digits is no signature of anything; an empty one never matches.
    private static func bytes(_ signature: Substring) -> [UInt8] { Hex.decode(String(signature)) ?? [] }

    private init(
        _ form: Form, _ terms: SignatureTerms, at time: SigningTime, signature: [UInt8], of request: SignedRequest,
        name: String, _ known: SigningKeyCache.Entry?, token: String? = nil
    ) throws(AuthenticationFailure) {
        self.form = form
        self.terms = terms
        self.time = time
        self.signature = signature
        self.name = name
        self.known = known
        securityToken = token ?? request.header("x-amz-security-token")
    }
}

/// A header of signature as SDKs write it: the signature stands at its end.
private struct HeaderParts {
    /// The length of a signature, in bytes.
    static let digitCount = 64
    private static let equals = Array("Signature=".utf8)
    /// The longest header that is remembered, in bytes: those of SDKs have a few hundred.
    private static let longestHeader = 1024

    /// All in front of the signature.
    let front: String
    let signature: [UInt8]

    /// Nil for any other header.
    init?(_ header: String) {
        guard header.utf8.count <= Self.longestHeader, header.isASCII else { return nil }
        var header = header
        let parts = header.withUTF8 { bytes -> (String, [UInt8])? in
            let front = UnsafeBufferPointer(rebasing: bytes.dropLast(Self.digitCount))
            guard front.suffix(Self.equals.count).elementsEqual(Self.equals),
                let signature = Hex.decode(UnsafeBufferPointer(rebasing: bytes.suffix(Self.digitCount)))
            else { return nil }
            return (String(decoding: front, as: UTF8.self), signature)
        }
        guard let parts, parts.1.count == Self.digitCount / 2 else { return nil }
        (front, signature) = parts
    }
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

extension Substring {
    fileprivate var trimmed: Substring {
        var bytes = utf8
        while let first = bytes.first, first == 0x20 || first == 0x09 { bytes.removeFirst() }
        while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
        return Substring(bytes)
    }
}
