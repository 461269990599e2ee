import Foundation
import GRPCCore
import KMSModel
import Logging

/// ``KeyManagement`` as the gRPC service that Kubernetes knows.
///
/// The library's messages hold plaintexts in memory that nobody can zero; outside of them they are ``SecretBytes``.
struct KubernetesService: V2_KeyManagementService.SimpleServiceProtocol {
    /// As much of a `uid` as is logged; Kubernetes' own are UUIDs.
    private static let longestLoggedUID = 64

    let management: KeyManagement
    let logger: Logger

    func status(request: V2_StatusRequest, context: ServerContext) async throws -> V2_StatusResponse {
        let status = await management.status()
        var response = V2_StatusResponse()
        response.version = KeyManagement.version
        response.healthz = status.healthz
        response.keyID = status.keyID
        return response
    }

    func encrypt(request: V2_EncryptRequest, context: ServerContext) async throws -> V2_EncryptResponse {
        let encrypted: KeyManagement.Encrypted
        do throws(Refusal) {
            encrypted = try await management.encrypt(SecretBytes(copying: request.plaintext))
        } catch {
            throw refused("Encrypt", request.uid, error)
        }
        logger.info("Encrypted", metadata: Self.metadata(request.uid, encrypted.keyID))
        var response = V2_EncryptResponse()
        response.ciphertext = Data(encrypted.ciphertext)
        response.keyID = encrypted.keyID
        return response
    }

    func decrypt(request: V2_DecryptRequest, context: ServerContext) async throws -> V2_DecryptResponse {
        let plaintext: SecretBytes
        do throws(Refusal) {
            plaintext = try await management.decrypt(
                Array(request.ciphertext), keyID: request.keyID, hasAnnotations: !request.annotations.isEmpty)
        } catch {
            throw refused("Decrypt", request.uid, error)
        }
        logger.info("Decrypted", metadata: Self.metadata(request.uid, request.keyID))
        var response = V2_DecryptResponse()
        response.plaintext = plaintext.withBytes { Data($0) }
        return response
    }

    private func refused(_ call: String, _ uid: String, _ refusal: Refusal) -> RPCError {
        let error = RPCError(refusal)
        logger.warning(
            "Refused \(call)",
            metadata: [
                "uid": .string(Self.loggable(uid)), "code": "\(error.code)", "reason": .string(error.message),
            ])
        return error
    }

    private static func metadata(_ uid: String, _ keyID: String) -> Logger.Metadata {
        ["uid": .string(loggable(uid)), "key-id": .string(keyID)]
    }

    /// What of a `uid` cannot be taken for another line of the log.
    private static func loggable(_ uid: String) -> String {
        let bytes = uid.utf8.prefix(longestLoggedUID).map { (0x21...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: bytes, as: UTF8.self)
    }
}
