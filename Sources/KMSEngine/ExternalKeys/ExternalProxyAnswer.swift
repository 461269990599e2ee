import KMSCrypto
import KMSModel

/// What the proxy of an external key store answered, of which everything has to be looked at before it is used.
///
/// Source: AWS KMS External Key Store Proxy API Specification 1.0.2.
struct ExternalProxyAnswer {
    private let object: JSONObject

    /// - Throws: ``ExternalKeyFailure/refused(_:_:)`` for an error of the specification; for any other answer but a success,
    ///   ``ExternalKeyFailure/invalidAnswer(_:)``.
    init(status: Int, body: [UInt8]) throws(ExternalKeyFailure) {
        let read = try? JSONParser.parse(body, refusingDuplicates: true)
        guard status == 200 else {
            guard case .object(let object)? = read, let text = object.text("errorName"),
                let name = KeyStoreProxyError.Name(rawValue: text)
            else { throw .status(status) }
            throw .refused(name, KeyStoreProxyError(name, object.text("errorMessage") ?? "").message)
        }
        guard case .object(let object)? = read else { throw .invalidAnswer("no JSON object") }
        self.object = object
    }

    /// How the proxy is.
    ///
    /// - Throws: ``ExternalKeyFailure/managersUnavailable``, ``ExternalKeyFailure/invalidAnswer(_:)``.
    func checkHealth() throws(ExternalKeyFailure) {
        guard case .number(let size)? = object["xksProxyFleetSize"], let count = Int(size), count > 0 else {
            throw .invalidAnswer("xksProxyFleetSize")
        }
        for name in ["xksProxyVendor", "xksProxyModel", "ekmVendor"] where object.text(name) == nil {
            throw .invalidAnswer(name)
        }
        guard case .array(let fleet)? = object["ekmFleetDetails"], (1...10).contains(fleet.count) else {
            throw .invalidAnswer("ekmFleetDetails")
        }
        var isUsable = false
        for each in fleet {
            guard case .object(let manager) = each, manager.text("id") != nil, manager.text("model") != nil,
                let status = manager.text("healthStatus"), ["ACTIVE", "DEGRADED", "UNAVAILABLE"].contains(status)
            else { throw .invalidAnswer("ekmFleetDetails") }
            isUsable = isUsable || status != "UNAVAILABLE"
        }
        guard isUsable else { throw .managersUnavailable }
    }

    /// Whether a key is one that a KMS key can have behind it: an enabled AES-256 key for encryption and decryption.
    ///
    /// - Throws: ``ExternalKeyFailure/invalidAnswer(_:)``.
    func isUsableKey() throws(ExternalKeyFailure) -> Bool {
        guard let spec = object.text("keySpec"), let status = object.text("keyStatus"),
            case .array(let usage)? = object["keyUsage"]
        else { throw .invalidAnswer("keySpec, keyStatus or keyUsage is missing") }
        return spec == "AES_256" && status == "ENABLED" && usage.contains(.string("ENCRYPT"))
            && usage.contains(.string("DECRYPT"))
    }

    /// What was encrypted: as long as what was given, in the parts that the specification has, unharmed.
    ///
    /// - Throws: ``ExternalKeyFailure/invalidAnswer(_:)``.
    func ciphertext(of inner: [UInt8], binding: [UInt8]) throws(ExternalKeyFailure) -> DoubleCiphertext {
        let outer = ExternalCiphertext(
            metadata: try optionalBytes("ciphertextMetadata") ?? [],
            initializationVector: try bytes("initializationVector"), text: try bytes("ciphertext"),
            tag: try bytes("authenticationTag"))
        guard let ciphertext = DoubleCiphertext(outer, of: inner) else {
            throw .invalidAnswer("the length of a part of the ciphertext")
        }
        // Appendix C: what does not match was harmed on its way, or does not decrypt.
        let told = try bytes("ciphertextDataIntegrityValue")
        guard told == KeyStoreProxyService.integrityValue(of: outer, binding) else {
            throw .invalidAnswer("ciphertextDataIntegrityValue does not match")
        }
        return ciphertext
    }

    /// What was decrypted: itself a ciphertext of this server.
    ///
    /// - Throws: ``ExternalKeyFailure/invalidAnswer(_:)``.
    func plaintext(of ciphertext: DoubleCiphertext) throws(ExternalKeyFailure) -> [UInt8] {
        let plaintext = try bytes("plaintext")
        guard ciphertext.isOf(plaintext) else { throw .invalidAnswer("plaintext is not what was encrypted") }
        return plaintext
    }

    private func bytes(_ name: String) throws(ExternalKeyFailure) -> [UInt8] {
        guard let bytes = try optionalBytes(name) else { throw .invalidAnswer("\(name) is missing") }
        return bytes
    }

    private func optionalBytes(_ name: String) throws(ExternalKeyFailure) -> [UInt8]? {
        guard let value = object[name], value != .null else { return nil }
        guard case .string(let text) = value, let bytes = Base64.decode(text) else {
            throw .invalidAnswer("\(name) is no base64")
        }
        return bytes
    }
}

extension ExternalKeyFailure {
    /// What an answer means that is no success, and no error of the specification either.
    fileprivate static func status(_ status: Int) -> Self {
        let text = "status \(status) without an error of the specification"
        return switch status {
        // A server that has no proxy there.
        case 404: .refused(.invalidURIPath, text)
        // What stands in front of a proxy that is away.
        case 500...: .unreachable(text)
        default: .invalidAnswer(text)
        }
    }
}
