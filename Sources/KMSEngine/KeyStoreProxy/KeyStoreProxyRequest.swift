import KMSCrypto
import KMSModel

/// What the other side tells of its own request, which nothing proves but the signature of the whole.
///
/// Source: AWS KMS External Key Store Proxy API Specification 1.0.2, `requestMetadata`.
struct KeyStoreRequestMetadata: Sendable {
    /// Who called the other side: an ARN, a service, or "AWS Internal".
    let principalARN: String
    /// The other side's key; nil where it has none yet.
    let kmsKeyARN: String?

    /// Members that are put down when they are there; more may come.
    static let names = [
        "awsPrincipalArn", "awsSourceVpc", "awsSourceVpce", "kmsKeyArn", "kmsOperation", "kmsRequestId",
        "kmsViaService",
    ]
}

/// The body of a request, of which everything has to be looked at before it is used.
struct KeyStoreProxyRequest {
    /// The most bytes of a plaintext or ciphertext, and of additional data: the least that the specification wants.
    static let mostText = 4300
    static let mostAdditionalData = 8192
    /// The most bytes of metadata of a ciphertext.
    private static let mostCiphertextMetadata = 20
    private static let authenticationTagByteCount = 16
    private static let initializationVectorByteCounts: Set = [12, 16]

    let object: JSONObject

    /// - Throws: ``KeyStoreProxyError`` with `ValidationException`.
    init(_ body: [UInt8]) throws(KeyStoreProxyError) {
        guard case .object(let object)? = try? JSONParser.parse(body, refusingDuplicates: true) else {
            throw KeyStoreProxyError(.validation, "The body is not a JSON object, or names something twice.")
        }
        self.object = object
    }

    /// What is put down of `requestMetadata`, whether it is what it has to be or not.
    var toldMetadata: JSONObject {
        let told = object.object("requestMetadata") ?? JSONObject()
        return JSONObject(
            KeyStoreRequestMetadata.names.compactMap { name in
                told.text(name).map { text in
                    let kept = text.utf8.prefix(KeyStoreProxyConfiguration.longestARN)
                    return JSONObject.Member(name: name, value: .string(String(decoding: kept, as: UTF8.self)))
                }
            })
    }

    /// The metadata that `operation` needs.
    ///
    /// Neither the operation of the other side nor its identifier of the request is looked into, whatever text it is: the
    /// specification wants that.
    ///
    /// - Throws: ``KeyStoreProxyError`` with `ValidationException`.
    func metadata(for operation: KeyStoreProxyOperation) throws(KeyStoreProxyError) -> KeyStoreRequestMetadata {
        guard let told = object.object("requestMetadata") else { throw Self.invalid("requestMetadata") }
        func text(_ name: String) throws(KeyStoreProxyError) -> String? {
            guard let value = told[name], value != .null else { return nil }
            guard case .string(let text) = value, text.utf8.count <= KeyStoreProxyConfiguration.longestARN else {
                throw Self.invalid(name)
            }
            return text
        }
        func required(_ name: String) throws(KeyStoreProxyError) -> String {
            guard let text = try text(name), !text.isEmpty else { throw Self.invalid(name) }
            return text
        }
        for name in ["kmsOperation", "kmsRequestId"] where told.text(name) == nil { throw Self.invalid(name) }
        for name in ["awsSourceVpc", "awsSourceVpce", "kmsViaService"] { _ = try text(name) }
        guard operation != .getHealthStatus else { return KeyStoreRequestMetadata(principalARN: "", kmsKeyARN: nil) }
        let kmsKeyARN = operation == .getKeyMetadata ? try text("kmsKeyArn") : try required("kmsKeyArn")
        return KeyStoreRequestMetadata(principalARN: try required("awsPrincipalArn"), kmsKeyARN: kmsKeyARN)
    }

    // MARK: Encrypt and Decrypt

    /// - Throws: ``KeyStoreProxyError`` with `ValidationException`: there is one algorithm.
    func checkAlgorithm() throws(KeyStoreProxyError) {
        guard object["encryptionAlgorithm"] == .string("AES_GCM") else { throw Self.invalid("encryptionAlgorithm") }
    }

    /// Whether the answer is to have a value by which the other side can tell whether it came through unharmed.
    ///
    /// - Throws: ``KeyStoreProxyError`` with `ValidationException`: there is one algorithm.
    func wantsIntegrityValue() throws(KeyStoreProxyError) -> Bool {
        let name = "ciphertextDataIntegrityValueAlgorithm"
        guard let value = object[name], value != .null else { return false }
        guard value == .string("SHA_256") else { throw Self.invalid(name) }
        return true
    }

    /// What is to be encrypted.
    ///
    /// - Throws: ``KeyStoreProxyError``: `ValidationException`; `UnsupportedOperationException` for what is too long.
    func plaintext() throws(KeyStoreProxyError) -> SecretBytes {
        guard let text = object.text("plaintext"), !text.isEmpty else { throw Self.invalid("plaintext") }
        try Self.checkLength(ofEncoded: text, "plaintext", Self.mostText)
        guard let plaintext = Base64.decodeSecret(text) else { throw Self.invalid("plaintext") }
        guard plaintext.count <= Self.mostText else { throw Self.tooLong("plaintext", Self.mostText) }
        return plaintext
    }

    /// The additional data; none is the same as an empty one.
    ///
    /// - Throws: As ``plaintext()``.
    func additionalData() throws(KeyStoreProxyError) -> [UInt8] {
        try bytes("additionalAuthenticatedData", atMost: Self.mostAdditionalData) ?? []
    }

    /// What is to be decrypted.
    ///
    /// - Throws: As ``plaintext()``.
    func ciphertext() throws(KeyStoreProxyError) -> ExternalCiphertext {
        let name = (metadata: "ciphertextMetadata", vector: "initializationVector", tag: "authenticationTag")
        let metadata = try bytes(name.metadata, atMost: Self.mostText) ?? []
        guard metadata.count <= Self.mostCiphertextMetadata else { throw Self.invalid(name.metadata) }
        guard let vector = try bytes(name.vector, atMost: Self.mostText),
            Self.initializationVectorByteCounts.contains(vector.count)
        else { throw Self.invalid(name.vector) }
        guard let tag = try bytes(name.tag, atMost: Self.mostText), tag.count == Self.authenticationTagByteCount else {
            throw Self.invalid(name.tag)
        }
        guard let text = try bytes("ciphertext", atMost: Self.mostText) else { throw Self.invalid("ciphertext") }
        return ExternalCiphertext(metadata: metadata, initializationVector: vector, text: text, tag: tag)
    }

    private func bytes(_ name: String, atMost limit: Int) throws(KeyStoreProxyError) -> [UInt8]? {
        guard let value = object[name], value != .null else { return nil }
        guard case .string(let text) = value else { throw Self.invalid(name) }
        try Self.checkLength(ofEncoded: text, name, limit)
        guard let bytes = Base64.decode(text) else { throw Self.invalid(name) }
        guard bytes.count <= limit else { throw Self.tooLong(name, limit) }
        return bytes
    }

    private static func checkLength(
        ofEncoded text: String, _ name: String, _ limit: Int
    ) throws(KeyStoreProxyError) {
        guard text.utf8.count <= Base64.encodedCount(of: limit) else { throw tooLong(name, limit) }
    }

    private static func invalid(_ name: String) -> KeyStoreProxyError {
        KeyStoreProxyError(.validation, "\(name) is missing, or is not what the specification says.")
    }

    private static func tooLong(_ name: String, _ limit: Int) -> KeyStoreProxyError {
        KeyStoreProxyError(.unsupportedOperation, "\(name) has more than \(limit) bytes.")
    }
}
