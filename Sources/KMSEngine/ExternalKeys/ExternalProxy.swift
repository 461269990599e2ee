import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import Logging

/// The proxy of one external key store, and how it is asked.
///
/// Source: AWS KMS External Key Store Proxy API Specification 1.0.2.
struct ExternalProxy: Sendable {
    /// For whom something is asked.
    struct Occasion: Sendable {
        /// The ARN of who called this server; nil for what nobody calls.
        var principal: String?
        /// What was called here.
        let operation: String
        /// The identifier of the request that was made here.
        let requestID: String
        /// The KMS key; nil while there is none.
        var key: String?
    }

    /// How long an answer may take, the connection included.
    static let patience: Duration = .milliseconds(250)
    /// More than the longest answer has: 4,300 bytes in base64, and what stands around them.
    private static let longestAnswer = 16 * 1024

    let record: XksProxyRecord
    let setting: ExternalProxySetting
    let region: Region
    let secret: SecretBytes
    let transport: any ExternalProxyTransport
    /// The time that signatures carry.
    let signingTime: Date
    let metrics: RequestMetrics

    // MARK: Operations

    /// Looks whether the proxy takes requests, and whether anything behind it does what they ask.
    ///
    /// - Throws: ``ExternalKeyFailure``.
    func checkHealth(for occasion: Occasion) async throws(ExternalKeyFailure) {
        try await ask(.getHealthStatus, "/health", for: occasion) { _ in
        } reading: { answer throws(ExternalKeyFailure) in
            try answer.checkHealth()
        }
    }

    /// Whether a key is one that a KMS key can have behind it.
    ///
    /// - Throws: ``ExternalKeyFailure``.
    func isUsable(_ id: ExternalKeyID, for occasion: Occasion) async throws(ExternalKeyFailure) -> Bool {
        try await ask(.getKeyMetadata, Self.path(of: id, .getKeyMetadata), for: occasion) { _ in
        } reading: { answer throws(ExternalKeyFailure) in
            try answer.isUsableKey()
        }
    }

    /// Encrypts what was encrypted here.
    ///
    /// - Throws: ``ExternalKeyFailure``.
    func encrypt(
        _ inner: [UInt8], with id: ExternalKeyID, binding: [UInt8], for occasion: Occasion
    ) async throws(ExternalKeyFailure) -> DoubleCiphertext {
        try await ask(.encrypt, Self.path(of: id, .encrypt), for: occasion) { writer in
            writer.member("encryptionAlgorithm", "AES_GCM")
            writer.member("ciphertextDataIntegrityValueAlgorithm", "SHA_256")
            writer.blob("additionalAuthenticatedData", binding)
            writer.blob("plaintext", inner)
        } reading: { answer throws(ExternalKeyFailure) in
            try answer.ciphertext(of: inner, binding: binding)
        }
    }

    /// Decrypts to what was encrypted here.
    ///
    /// - Throws: ``ExternalKeyFailure``.
    func decrypt(
        _ ciphertext: DoubleCiphertext, with id: ExternalKeyID, binding: [UInt8], for occasion: Occasion
    ) async throws(ExternalKeyFailure) -> [UInt8] {
        let outer = ciphertext.outer
        return try await ask(.decrypt, Self.path(of: id, .decrypt), for: occasion) { writer in
            writer.member("encryptionAlgorithm", "AES_GCM")
            writer.blob("additionalAuthenticatedData", binding)
            writer.blob("ciphertext", outer.text)
            if !outer.metadata.isEmpty { writer.blob("ciphertextMetadata", outer.metadata) }
            writer.blob("initializationVector", outer.initializationVector)
            writer.blob("authenticationTag", outer.tag)
        } reading: { answer throws(ExternalKeyFailure) in
            try answer.plaintext(of: ciphertext)
        }
    }

    private static func path(of id: ExternalKeyID, _ operation: KeyStoreProxyOperation) -> String {
        "/keys/\(id.description)/\(operation.indicator)"
    }

    // MARK: Requests

    private func ask<Value>(
        _ operation: KeyStoreProxyOperation, _ path: String, for occasion: Occasion,
        members: (inout JSONWriter) -> Void,
        reading read: (ExternalProxyAnswer) throws(ExternalKeyFailure) -> Value
    ) async throws(ExternalKeyFailure) -> Value {
        let watch = Stopwatch()
        do throws(ExternalKeyFailure) {
            let (status, body) = try await post(Self.body(for: occasion, members), to: path)
            let value = try read(try ExternalProxyAnswer(status: status, body: body))
            metrics.record(.externalKeyStore, operation.rawValue, nil, watch)
            return value
        } catch {
            metrics.record(.externalKeyStore, operation.rawValue, error.label, watch)
            throw error
        }
    }

    private func post(_ body: [UInt8], to path: String) async throws(ExternalKeyFailure) -> (Int, [UInt8]) {
        let unsigned = SignedRequest(
            method: "POST", path: record.uriPath + path, query: "",
            headers: [("host", setting.host), ("content-type", "application/json")], body: body)
        let signed = Signer(accessKeyID: record.accessKeyID, secret: secret)
            .sign(unsigned, region: region.description, service: .keyStoreProxy, at: signingTime)
        return try await transport.post(
            signed, to: setting, answerAtMost: Self.longestAnswer, until: .now + Self.patience)
    }

    private static func body(for occasion: Occasion, _ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("requestMetadata")
            writer.object { writer in
                if let principal = occasion.principal { writer.member("awsPrincipalArn", principal) }
                if let key = occasion.key { writer.member("kmsKeyArn", key) }
                writer.member("kmsOperation", occasion.operation)
                writer.member("kmsRequestId", occasion.requestID)
            }
            members(&writer)
        }
        return writer.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func blob(_ name: StaticString, _ bytes: [UInt8]) {
        self.name(name)
        bytes.withUnsafeBytes { blob($0) }
    }
}
