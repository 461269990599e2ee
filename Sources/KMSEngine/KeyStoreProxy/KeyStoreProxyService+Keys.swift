import Foundation
package import KMSCrypto
import KMSModel
import KMSStore

// What is done with a key once it is known that it may be done.
extension KeyStoreProxyService {
    /// What the key is, and whether it can be used.
    func metadata(of arn: KeyARN, at now: Date) async throws(KeyStoreProxyError) -> [UInt8] {
        let key = try await key(arn, at: now)
        let isSymmetric = Self.isOfferable(key)
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("keySpec", isSymmetric ? "AES_256" : key.record.spec.rawValue)
            writer.name("keyUsage")
            writer.array { writer in
                guard isSymmetric else { return }
                for name in ["ENCRYPT", "DECRYPT"] { writer.string(name) }
            }
            writer.member("keyStatus", Self.isUsable(key) ? "ENABLED" : "DISABLED")
        }
        return writer.bytes
    }

    /// Encrypts the plaintext of a request.
    ///
    /// With an integrity value the ciphertext is opened again before it is handed out, after the value was computed: then the
    /// value is of what was opened (the specification's appendix C).
    func encrypt(
        _ request: KeyStoreProxyRequest, with arn: KeyARN, _ record: KeyStoreProxyRecord
    ) async throws(KeyStoreProxyError) -> [UInt8] {
        try request.checkAlgorithm()
        let wantsIntegrityValue = try request.wantsIntegrityValue()
        let additionalData = try request.additionalData()
        let plaintext = try request.plaintext()
        let key = try usable(try await key(arn, at: record.time))
        guard let material = key.currentMaterial else { throw .failed }
        let (ciphertext, integrityValue): (ExternalCiphertext, [UInt8]?)
        do throws(CryptoFailure) {
            ciphertext = try pipeline.keyring.encryptExternally(plaintext, with: material, binding: additionalData)
            integrityValue = wantsIntegrityValue ? Self.integrityValue(of: ciphertext, additionalData) : nil
            if wantsIntegrityValue {
                let isGood = try pipeline.keyring.opens(
                    ciphertext, with: material, binding: additionalData, to: plaintext)
                guard isGood else { throw .unavailable }
            }
        } catch {
            throw KeyStoreProxyError(error)
        }
        pipeline.noteUse(of: key, .encrypt, at: record.time, eventID: record.eventID, requestID: record.requestID)
        return Self.answer(ciphertext, integrityValue)
    }

    /// Decrypts the ciphertext of a request, by whichever generation of the key's material made it.
    func decrypt(
        _ request: KeyStoreProxyRequest, with arn: KeyARN, _ record: KeyStoreProxyRecord
    ) async throws(KeyStoreProxyError) -> [UInt8] {
        try request.checkAlgorithm()
        let additionalData = try request.additionalData()
        let ciphertext = try request.ciphertext()
        var key = try usable(try await key(arn, at: record.time))
        if !key.materials.contains(where: { ciphertext.canBeOf($0.id) }), let residency = pipeline.shared?.residency {
            // Another node may have rotated the key.
            do throws(StoreError) { try await residency.refresh([arn.keyID]) } catch { throw KeyStoreProxyError(error) }
            key = try usable(try await self.key(arn, at: record.time))
        }
        let plaintext = try open(ciphertext, with: key, additionalData)
        pipeline.noteUse(of: key, .decrypt, at: record.time, eventID: record.eventID, requestID: record.requestID)
        var writer = JSONWriter(capacity: 32 + Base64.encodedCount(of: plaintext.count))
        writer.object { writer in
            writer.name("plaintext")
            plaintext.withBytes { writer.blob($0) }
        }
        return writer.bytes
    }

    private func open(
        _ ciphertext: ExternalCiphertext, with key: KeySnapshot, _ additionalData: [UInt8]
    ) throws(KeyStoreProxyError) -> SecretBytes {
        for material in key.materials where ciphertext.canBeOf(material.id) && material.isPresent {
            do throws(CryptoFailure) {
                return try pipeline.keyring.decrypt(ciphertext, with: material, binding: additionalData)
            } catch .notAuthentic {
                // Of several generations that may have made it only the tag tells which one did.
                continue
            } catch {
                throw KeyStoreProxyError(error)
            }
        }
        throw .wrongCiphertext
    }

    // MARK: Keys

    /// The key as it is now, brought into memory if it is not there.
    private func key(_ arn: KeyARN, at now: Date) async throws(KeyStoreProxyError) -> KeySnapshot {
        try checkMemory()
        for _ in 0..<Pipeline.mostReadings {
            if let key = pipeline.directory.key(arn) { return key.at(now) }
            guard let residency = pipeline.shared?.residency else { throw Self.notFound }
            let stored: [KeyARN]
            do throws(StoreError) {
                stored = try await residency.load([arn.keyID])
            } catch {
                throw KeyStoreProxyError(error)
            }
            guard stored.contains(arn) else { throw Self.notFound }
        }
        throw KeyStoreProxyError(StoreError.unavailable("keys leave memory faster than they are read"))
    }

    private static func isOfferable(_ key: KeySnapshot) -> Bool {
        key.record.spec == .symmetricDefault && key.record.usage == .encryptDecrypt
            && key.record.customKeyStore == nil
    }

    private static func isUsable(_ key: KeySnapshot) -> Bool {
        do throws(KMSError) { try StateTable.check(.encrypt, on: key, in: key.record.state) } catch { return false }
        return true
    }

    private func usable(_ key: KeySnapshot) throws(KeyStoreProxyError) -> KeySnapshot {
        guard Self.isOfferable(key) else {
            throw KeyStoreProxyError(.invalidKeyUsage, "The external key is not one for symmetric encryption.")
        }
        guard Self.isUsable(key) else {
            throw KeyStoreProxyError(.invalidState, "The external key is not enabled.")
        }
        return key
    }

    // MARK: Answers

    /// SHA-256 of all that the other side gets, and of what it gave with it: 32 bytes.
    ///
    /// Source: the specification's appendix C.
    package static func integrityValue(of ciphertext: ExternalCiphertext, _ additionalData: [UInt8]) -> [UInt8] {
        Digest.sha256(
            additionalData + ciphertext.metadata + ciphertext.initializationVector + ciphertext.text + ciphertext.tag)
    }

    private static func answer(_ ciphertext: ExternalCiphertext, _ integrityValue: [UInt8]?) -> [UInt8] {
        var writer = JSONWriter(capacity: 256 + Base64.encodedCount(of: ciphertext.text.count))
        writer.object { writer in
            writer.name("ciphertext")
            writer.blob(ciphertext.text)
            writer.name("ciphertextMetadata")
            writer.blob(ciphertext.metadata)
            writer.name("initializationVector")
            writer.blob(ciphertext.initializationVector)
            writer.name("authenticationTag")
            writer.blob(ciphertext.tag)
            guard let integrityValue else { return }
            writer.name("ciphertextDataIntegrityValue")
            writer.blob(integrityValue)
        }
        return writer.bytes
    }
}

extension JSONWriter {
    /// Writes bytes as base64.
    fileprivate mutating func blob(_ bytes: [UInt8]) { bytes.withUnsafeBytes { blob($0) } }
}
