import KMSAccess
import KMSCrypto
import KMSModel

/// A ciphertext with the key that it is to be opened under.
package struct SealedText: Sendable {
    let key: KeySnapshot
    /// Nil when a dry run asks only about permissions.
    let ciphertext: [UInt8]?
    /// What the ciphertext says of its key, if it is one of a symmetric key; one of RSA may begin with any bytes.
    private let header: SymmetricCiphertext.Header?
    /// The key was found through the ciphertext, not named.
    let isNamedByCiphertext: Bool
}

extension SealedText {
    /// Finds the key that is to open `ciphertext`: the one that the request names, or the one that the ciphertext does.
    init(
        _ ciphertext: [UInt8]?, key identifier: String?, algorithm: String?, ignoresCiphertext: Bool,
        memberNames: (ciphertext: String, key: String), for operation: OperationDescription,
        with resolver: KeyResolver
    ) throws(KMSError) {
        if ignoresCiphertext {
            guard let identifier else { throw .missing(memberNames.key) }
            self.init(
                key: try resolver.key(identifier, for: operation), ciphertext: nil, header: nil,
                isNamedByCiphertext: false)
            return
        }
        guard let ciphertext else { throw .missing(memberNames.ciphertext) }
        let header = try? SymmetricCiphertext.header(of: ciphertext)
        if let identifier {
            let key = try resolver.key(opening: header?.keyID, named: identifier, for: operation)
            if let header { resolver.expect(header, of: key) }
            self.init(key: key, ciphertext: ciphertext, header: header, isNamedByCiphertext: false)
            return
        }
        guard algorithm == nil || algorithm == EncryptionAlgorithm.symmetricDefault.rawValue else {
            let name = memberNames.key
            throw KMSError(.validation, "\(name.prefix(1).uppercased())\(name.dropFirst()) must not be null")
        }
        guard let header else { throw KMSError(.invalidCiphertext) }
        let key = try resolver.key(ofCiphertext: header.keyID, action: operation.action)
        resolver.expect(header, of: key)
        self.init(key: key, ciphertext: ciphertext, header: header, isNamedByCiphertext: true)
    }

    func access(_ action: ActionName) -> Access {
        Access(action, on: isNamedByCiphertext ? .keyOfCiphertext(key) : .key(key, checksState: true))
    }

    /// Refuses a key, of whichever kind, that is not the one which a symmetric ciphertext names.
    ///
    /// - Parameter algorithm: What the request says of it.
    func checkKey(decryptingBy algorithm: String?) throws(KMSError) {
        guard
            (algorithm ?? EncryptionAlgorithm.symmetricDefault.rawValue)
                == EncryptionAlgorithm.symmetricDefault.rawValue,
            let header
        else { return }
        guard header.keyID == key.arn.keyID else { throw .incorrectKey }
    }

    /// What opens the ciphertext.
    ///
    /// - Throws: ``KMSError``: `InvalidCiphertextException` for what no material of the key made.
    func cipher(
        by algorithm: EncryptionAlgorithm, context: EncryptionContext
    ) throws(KMSError) -> Cipher {
        guard algorithm == .symmetricDefault else {
            return Cipher(try key.materialInUse, by: algorithm, context: .empty)
        }
        guard let header, let material = key.material(header.materialID) else { throw KMSError(.invalidCiphertext) }
        return Cipher(material, context: context)
    }
}

extension KMSError {
    /// AWS's sentence for a member that this request needs although the model does not say so.
    fileprivate static func missing(_ member: String) -> KMSError {
        .validation(of: ["Value null at '\(member)' failed to satisfy constraint: Member must not be null"])
    }
}

extension [String]? {
    /// Whether a dry run leaves the ciphertext out and asks only about permissions.
    var ignoresCiphertext: Bool { self?.contains("IGNORE_CIPHERTEXT") ?? false }
}
