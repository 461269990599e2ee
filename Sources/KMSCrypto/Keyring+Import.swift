import Crypto
package import Foundation
import KMSLibcrypto
package import KMSModel

// Key material that customers bring.

/// Why imported material was refused.
package enum ImportFailure: Error, Equatable, Sendable {
    /// The token was not made for this key, or not by a server with this root key.
    case invalidToken
    /// The token is older than 24 hours.
    case expiredToken
    /// The material does not decrypt, or is not what a key of this spec needs.
    case invalidMaterial
    /// The system gave no memory or no random bytes.
    case unavailable
}

extension Keyring {
    /// Makes a wrapping key for material that will be brought for `key`.
    ///
    /// It takes up to seconds: never call it on an event loop.
    ///
    /// - Returns: The public key as DER of a SubjectPublicKeyInfo, and the token that has to come back with the material.
    /// - Throws: ``CryptoFailure/unavailable``.
    package func makeImportParameters(
        for key: KeyARN, spec: KeySpec, wrapping algorithm: WrappingAlgorithm, by keySpec: WrappingKeySpec,
        at now: Date
    ) throws(CryptoFailure) -> (publicKey: [UInt8], token: [UInt8]) {
        do throws(LibcryptoFailure) {
            let wrappingKey = try PrivateKey(generating: keySpec.kind)
            let token = ImportToken(
                algorithm: algorithm, creation: now.millisecondsSince1970,
                wrappingKey: try keySpec == .sm2 ? wrappingKey.pkcs8() : wrappingKey.traditionalDER()
            )
            return (try wrappingKey.publicKey.der(), try seal(token, for: key, spec: spec))
        } catch {
            throw .unavailable
        }
    }

    private func seal(_ token: ImportToken, for key: KeyARN, spec: KeySpec) throws(LibcryptoFailure) -> [UInt8] {
        do throws(CryptoFailure) {
            return try Wrapping.wrap(
                token.encoded(), under: domains.importTokens(of: key.region),
                binding: Wrapping.binding(ofImportTokenFor: key, spec: spec), randomness
            )
        } catch {
            throw .unavailable
        }
    }

    /// Decrypts material that was brought for `key`, and wraps it for the store.
    ///
    /// Its identifier depends on the key's identifier and the material, so the same material has the same identifier in
    /// every region, and nobody without the root key can tell material from its identifier.
    ///
    /// It takes milliseconds, for RSA up to a second: do not call it on an event loop.
    ///
    /// - Throws: ``ImportFailure``.
    package func importMaterial(
        _ encrypted: [UInt8], token: [UInt8], for key: KeyARN, spec: KeySpec, at now: Date
    ) throws(ImportFailure) -> (id: KeyMaterialID, wrapped: [UInt8]) {
        let token = try open(token, for: key, spec: spec)
        guard now.millisecondsSince1970 <= token.creation + ImportToken.lifetime else { throw .expiredToken }
        let material = try unsafe token.decrypt(encrypted).withBytes { bytes throws(ImportFailure) in
            try unsafe ImportedMaterial.accepted(bytes, for: spec)
        }
        do throws(CryptoFailure) {
            let id = try identifier(of: material, for: key, spec: spec)
            return (id, try wrap(material, id: id, for: key, spec: spec))
        } catch {
            throw .unavailable
        }
    }

    /// The same material, wrapped for a related key of another region.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord``; ``CryptoFailure/unavailable`` when the material is not there.
    package func rewrap(_ material: MaterialRecord, for key: KeyARN) throws(CryptoFailure) -> [UInt8] {
        let secret = try unsafe unwrap(material) { unsafe SecretBytes(copying: $0) }
        return try wrap(secret, id: material.id, for: key, spec: material.spec)
    }

    // MARK: Steps

    private func open(_ token: [UInt8], for key: KeyARN, spec: KeySpec) throws(ImportFailure) -> ImportToken {
        let binding = Wrapping.binding(ofImportTokenFor: key, spec: spec)
        for generation in roots.ofTokens {
            do throws(CryptoFailure) {
                let opened = try unsafe Wrapping.open(
                    token, under: generation.domains.importTokens(of: key.region), binding: binding
                ) { unsafe ImportToken(decoding: $0) }
                guard let opened else { throw .damagedRecord }
                return opened
            } catch {
                if error == .unavailable { throw .unavailable }
            }
        }
        throw .invalidToken
    }

    private func identifier(
        of material: SecretBytes, for key: KeyARN, spec: KeySpec
    ) throws(CryptoFailure) -> KeyMaterialID {
        var encoding = CanonicalEncoding(label: "chatelaine imported material", capacity: 512 + material.count)
        encoding.append(key.account.description)
        encoding.append(key.keyID.description)
        encoding.append(spec.rawValue)
        unsafe material.withBytes { unsafe encoding.append($0) }
        let identifier = unsafe try identifierKey(roots).withBytes { key in
            unsafe encoding.withBytes { encoding in unsafe HMACSHA256.key(from: encoding, key: key) }
        }
        guard let id = unsafe identifier.withUnsafeBytes({ unsafe KeyMaterialID(bytes: Array($0)) }) else {
            throw .unavailable
        }
        return id
    }
}

extension WrappingKeySpec {
    fileprivate var kind: KeyPairKind { modulusBits.map { .rsa(bits: $0) } ?? .sm2 }
}

extension Date {
    fileprivate var millisecondsSince1970: Int64 { Int64((timeIntervalSince1970 * 1000).rounded()) }
}
