import KMSAccess
import KMSCrypto
import KMSModel
import Logging

/// A KMS key whose other half is a key behind the proxy of its store: both are needed to decrypt.
///
/// Source: KMS Developer Guide, "Double encryption".
struct ExternalKey: Sendable {
    let id: ExternalKeyID
    let key: KeySnapshot
    let store: CustomKeyStoreRecord
    let record: XksProxyRecord

    /// Encrypts here, and then elsewhere.
    ///
    /// - Throws: ``KMSError``; `KMSInvalidStateException` when the proxy does not do it.
    func encrypt(
        _ plaintext: SecretBytes, by cipher: Cipher, for operation: OperationName, in context: RequestContext
    ) async throws(KMSError) -> [UInt8] {
        let material = cipher.material
        let inner = try context.keyring.answering { keyring throws(CryptoFailure) in
            try keyring.encrypt(plaintext, by: cipher)
        }
        let binding = DoubleCiphertext.binding(DoubleCiphertext.commitment(to: inner), for: material, cipher.context)
        do throws(ExternalKeyFailure) {
            let proxy = try context.externalProxies.proxy(of: store, record)
            return try await proxy.encrypt(inner, with: id, binding: binding, for: context.occasion(operation, key))
                .bytes(for: material)
        } catch {
            throw refusal(error, in: context)
        }
    }

    /// Decrypts elsewhere, and then here.
    ///
    /// - Throws: ``KMSError``: `InvalidCiphertextException` for what no key of an external key store made;
    ///   `KMSInvalidStateException` when the proxy does not decrypt it.
    func decrypt(
        _ ciphertext: [UInt8], by cipher: Cipher, for operation: OperationName, in context: RequestContext
    ) async throws(KMSError) -> SecretBytes {
        let material = cipher.material
        let double = try context.keyring.answering { _ throws(CryptoFailure) in
            try DoubleCiphertext(ciphertext, of: material)
        }
        let binding = DoubleCiphertext.binding(double.commitment, for: material, cipher.context)
        do throws(ExternalKeyFailure) {
            let proxy = try context.externalProxies.proxy(of: store, record)
            let inner = try await proxy.decrypt(
                double, with: id, binding: binding, for: context.occasion(operation, key))
            do throws(CryptoFailure) {
                return try context.keyring.decrypt(inner, by: cipher)
            } catch .damagedRecord {
                throw ExternalKeyFailure.damagedSecret
            } catch {
                throw ExternalKeyFailure.invalidAnswer("what it decrypted is not what was encrypted here")
            }
        } catch {
            throw refusal(error, in: context)
        }
    }

    private func refusal(_ failure: ExternalKeyFailure, in context: RequestContext) -> KMSError {
        context.logger.warning(
            "The proxy of an external key store does not do what was asked",
            metadata: [
                "key-store": "\(store.id)", "key": "\(key.arnText)", "request-id": "\(context.requestID ?? "")",
                "reason": "\(failure)",
            ])
        return failure.refusal(ofUsing: key.arnText)
    }
}

extension RequestContext {
    /// What the other side is told of the request.
    func occasion(_ operation: OperationName, _ key: KeySnapshot? = nil) -> ExternalProxy.Occasion {
        ExternalProxy.Occasion(
            principal: caller.principal.policyARN(in: caller.partition), operation: operation.rawValue,
            requestID: requestID ?? RequestID.make(), key: key?.arnText)
    }
}
