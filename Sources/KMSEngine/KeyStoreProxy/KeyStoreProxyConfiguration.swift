import KMSAccess
import KMSCrypto
import KMSModel

/// Where this server offers keys to another KMS, which ones, and to whom: what an operator writes down (`--xks-proxy`).
///
/// `docs/external-key-store.md` explains the file.
package struct KeyStoreProxyConfiguration: Sendable {
    /// Why a text is refused.
    package struct Failure: Error, CustomStringConvertible {
        /// One line, to be read behind the name of the file.
        package let description: String
    }

    /// How many credentials a proxy has at the most: an old one and the one that takes its place.
    static let mostCredentials = 2
    /// The longest ARN, in bytes, and the longest pattern of one.
    static let longestARN = 2048

    let proxies: [KeyStoreProxy]

    /// Reads JSON; what means nothing is refused rather than ignored, because a rule that nobody keeps protects nobody.
    ///
    /// - Throws: ``Failure``.
    package init(json: some Sequence<UInt8>) throws(Failure) {
        guard let value = try? JSONParser.parse(json, refusingDuplicates: true) else {
            throw Failure(description: "is not JSON, or names something twice")
        }
        let file = try Section(value, "the file", ["proxies"])
        proxies = try file.sections("proxies", ["uriPath", "region", "credentials", "requestsPerSecond", "keys"])
            .map { section throws(Failure) in try KeyStoreProxy(section) }
        try Section.checkDistinct(proxies.map(\.uriPath), "the path")
        // An access key says in the audit log which proxy it was, too.
        try Section.checkDistinct(proxies.flatMap(\.accessKeyIDs), "the access key")
    }
}

/// One path at which keys are offered.
struct KeyStoreProxy: Sendable {
    private static let accessKeyIDLengths = 20...30
    private static let secretLengths = 43...64

    /// The path, up to the version of the API.
    let uriPath: String
    /// From where the other side calls.
    let region: Region
    let authenticator: KeyStoreProxyAuthenticator
    let accessKeyIDs: [String]
    /// Of all requests together.
    let rate: RequestRate
    /// By what the other side calls them.
    let keys: [String: KeyStoreProxyKey]

    fileprivate init(_ section: Section) throws(KeyStoreProxyConfiguration.Failure) {
        let uriPath = try section.text("uriPath")
        guard KeyStoreProxyPath.isURIPath(uriPath) else {
            throw section.failure(
                "uriPath",
                "a path of letters, digits, \"/\", \"-\" and \"_\" that ends with \(KeyStoreProxyPath.ending), of at most "
                    + "128 characters")
        }
        self.uriPath = uriPath
        guard let region = Region(try section.text("region")) else { throw section.failure("region", "a region") }
        self.region = region
        guard case .number(let digits)? = section.object["requestsPerSecond"],
            let rate = Double(digits).flatMap(RequestRate.init)
        else { throw section.failure("requestsPerSecond", "a number from 0.001 to 1000000") }
        self.rate = rate
        let credentials = try section.sections("credentials", ["accessKeyId", "secretAccessKey"])
            .map { credential throws(KeyStoreProxyConfiguration.Failure) in try Self.credential(credential) }
        guard credentials.count <= KeyStoreProxyConfiguration.mostCredentials else {
            throw section.failure("credentials", "a list of one or two: the old one, and the one that takes its place")
        }
        authenticator = KeyStoreProxyAuthenticator(region: region, credentials: credentials)
        accessKeyIDs = credentials.map(\.accessKeyID)
        let named = try section.sections("keys", ["externalKeyId", "keyArn", "allow"])
            .map { key throws(KeyStoreProxyConfiguration.Failure) in try Self.key(key) }
        try Section.checkDistinct(named.map(\.id), "the external key of \(uriPath)")
        // Two keys of the other side must not be one: whoever may use the one could use the other's ciphertexts.
        try Section.checkDistinct(named.map(\.key.arn.description), "the key of \(uriPath)")
        keys = Dictionary(named.map { ($0.id, $0.key) }) { first, _ in first }
    }

    /// Source: AWS KMS API Reference, `XksProxyAuthenticationCredentialType`.
    private static func credential(
        _ section: Section
    ) throws(KeyStoreProxyConfiguration.Failure) -> KeyStoreProxyAuthenticator.Credential {
        let id = try section.text("accessKeyId")
        guard accessKeyIDLengths.contains(id.utf8.count), id.utf8.allSatisfy(isBase32) else {
            throw section.failure("accessKeyId", "20 to 30 of the characters A to Z and 2 to 7")
        }
        let secret = try section.text("secretAccessKey")
        guard secretLengths.contains(secret.utf8.count), secret.utf8.allSatisfy(isBase64) else {
            // Without what is there.
            throw section.failure("secretAccessKey", "43 to 64 of the characters of base64")
        }
        return .init(accessKeyID: id, secret: SecretBytes(copying: secret.utf8))
    }

    private static func isBase32(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || (UInt8(ascii: "2")...UInt8(ascii: "7")).contains(byte)
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+/=".utf8.contains(byte)
    }

    private static func key(
        _ section: Section
    ) throws(KeyStoreProxyConfiguration.Failure) -> (id: String, key: KeyStoreProxyKey) {
        let id = try section.text("externalKeyId")
        guard ExternalKeyID(id) != nil else {
            throw section.failure("externalKeyId", "1 to 128 letters, digits, \"-\", \"_\" and \".\", not dots alone")
        }
        guard let arn = KeyARN(parsing: try section.text("keyArn")) else {
            throw section.failure("keyArn", "the ARN of a key of this server")
        }
        let rules = try section.sections("allow", ["operations", "kmsKeyArns", "principalArns"])
            .map { rule throws(KeyStoreProxyConfiguration.Failure) in try Self.rule(rule) }
        return (id, KeyStoreProxyKey(arn: arn, rules: rules))
    }

    private static func rule(_ section: Section) throws(KeyStoreProxyConfiguration.Failure) -> KeyStoreProxyRule {
        var operations: Set<KeyStoreProxyOperation> = []
        for name in try section.texts("operations") {
            guard let operation = KeyStoreProxyOperation.onKey(name) else {
                throw section.failure("operations", "a list of \"metadata\", \"encrypt\" and \"decrypt\"")
            }
            operations.insert(operation)
        }
        return KeyStoreProxyRule(
            operations: operations, kmsKeyARNs: WildcardPatterns(try section.texts("kmsKeyArns")),
            principalARNs: WildcardPatterns(try section.texts("principalArns")))
    }
}

/// An object of the file, of which is said where it stands.
private struct Section {
    typealias Failure = KeyStoreProxyConfiguration.Failure

    let object: JSONObject
    private let place: String

    /// - Parameter names: Those of all members, which have to be there.
    init(_ value: JSONValue, _ place: String, _ names: [String]) throws(Failure) {
        guard case .object(let object) = value else { throw Failure(description: "has in \(place) what is no object") }
        for member in object.members where !names.contains(where: { $0.isSame(as: member.name) }) {
            throw Failure(
                description: "has \"\(member.name)\" in \(place); there are only: \(names.joined(separator: ", "))")
        }
        for name in names where object[name] == nil { throw Failure(description: "lacks \"\(name)\" in \(place)") }
        self.object = object
        self.place = place
    }

    func failure(_ name: String, _ expected: String) -> Failure {
        Failure(description: "has in \(place) another \"\(name)\" than \(expected)")
    }

    func text(_ name: String) throws(Failure) -> String {
        guard let text = object.text(name) else { throw failure(name, "a text") }
        return text
    }

    /// The objects of a list, which must not be empty.
    func sections(_ name: String, _ names: [String]) throws(Failure) -> [Section] {
        let values = try elements(name)
        var sections: [Section] = []
        for (index, value) in values.enumerated() {
            sections.append(try Section(value, "number \(index + 1) of \"\(name)\" of \(place)", names))
        }
        return sections
    }

    /// The patterns, or names, of a list, which must not be empty.
    func texts(_ name: String) throws(Failure) -> [String] {
        let values = try elements(name)
        let texts = object.texts(name)
        let arePlain = texts.allSatisfy {
            !$0.isEmpty && $0.isASCII && $0.utf8.count <= KeyStoreProxyConfiguration.longestARN
        }
        guard texts.count == values.count, arePlain else { throw failure(name, "a list of texts of ASCII") }
        return texts
    }

    private func elements(_ name: String) throws(Failure) -> [JSONValue] {
        guard case .array(let values)? = object[name], !values.isEmpty else {
            throw failure(name, "a list with something in it")
        }
        return values
    }

    static func checkDistinct(_ names: [String], _ what: String) throws(Failure) {
        var seen: Set<String> = []
        for name in names where !seen.insert(name).inserted {
            throw Failure(description: "has \(what) \"\(name)\" twice")
        }
    }
}

extension KeyARN {
    /// Accepts the one form in which ARNs of keys are shown.
    fileprivate init?(parsing text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard text.isASCII, parts.count == 6, parts[5].hasBytePrefix("key/"), let region = Region(String(parts[3])),
            let account = AccountID(parts[4]), let keyID = KeyID(String(parts[5].dropFirst(4)))
        else { return nil }
        self.init(region: region, account: account, keyID: keyID)
        guard description == text else { return nil }
    }
}
