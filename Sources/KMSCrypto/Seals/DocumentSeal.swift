/// What opens a document: the part of it that people and tokens keep.
package enum SealCredential: Sendable {
    case passphrase(SealSecret)
    case token(TokenAccess)
    /// As many as are needed, of different indices.
    case shares([KeyShare])
}

/// A root key in a document, wrapped by a sealing key that is not in it.
///
/// The sealing key stays in guarded memory for as long as this does: a new root key is wrapped by it without asking anybody
/// again.
package final class DocumentSeal: Seal {
    private let file: SealFile
    /// In which way the root key is sealed, and with what.
    package let parameters: SealParameters
    private let sealingKey: SealingKey
    private let randomness: any RandomSource

    private init(
        path: String, _ parameters: SealParameters, _ sealingKey: SealingKey, _ randomness: any RandomSource
    ) {
        file = SealFile(path: path)
        self.parameters = parameters
        self.sealingKey = sealingKey
        self.randomness = randomness
    }

    /// The seal of the document at `path`.
    ///
    /// For a passphrase it takes about half a second, and for a token as long as that.
    ///
    /// - Throws: ``SealFailure``. Whether the credential is the right one, ``open()`` says.
    package convenience init(
        at path: String, with credential: SealCredential, randomness: any RandomSource = SystemRandomness()
    ) throws(SealFailure) {
        let parameters = try SealDocument(at: path).parameters
        let sealingKey: SealingKey
        switch (parameters, credential) {
        case (.passphrase(let hashing), .passphrase(let passphrase)): sealingKey = try hashing.key(of: passphrase)
        case (.token(let token), .token(let access)): sealingKey = try access.sealingKey(of: token, at: path)
        case (.shares(let scheme), .shares(let shares)):
            sealingKey = try Self.orUnavailable { () throws(CryptoFailure) in try scheme.join(shares) }
        default: throw .otherKind(path: path, parameters.kind)
        }
        self.init(path: path, parameters, sealingKey, randomness)
    }

    package var kind: SealKind { parameters.kind }

    package func open() throws(SealFailure) -> RootKey {
        let document = try SealDocument(at: file.path)
        guard document.parameters == parameters else { throw .damaged(path: file.path) }
        do throws(CryptoFailure) {
            return try sealingKey.unwrap(document.wrapped, binding: parameters.binding)
        } catch .unavailable {
            throw .unavailable
        } catch {
            switch parameters {
            case .passphrase: throw .wrongPassphrase(path: file.path)
            case .token: throw .wrongToken(path: file.path)
            case .shares: throw .wrongShares(path: file.path)
            }
        }
    }

    package func seal(_ key: RootKey) throws(SealFailure) { try file.replace(with: document(for: key).bytes) }

    /// Makes the document, durably.
    ///
    /// - Throws: ``SealFailure``; an existing file is never touched.
    package func create(holding key: RootKey) throws(SealFailure) { try file.create(document(for: key).bytes) }

    private func document(for key: RootKey) throws(SealFailure) -> SealDocument {
        let wrapped = try Self.orUnavailable { () throws(CryptoFailure) in
            try sealingKey.wrap(key, binding: parameters.binding, randomness)
        }
        // What would not open must never take the place of what does.
        guard let opened = try? sealingKey.unwrap(wrapped, binding: parameters.binding), opened.isSame(as: key) else {
            throw .unavailable
        }
        return SealDocument(parameters, wrapped: wrapped)
    }

    private static func orUnavailable<Value>(
        _ body: () throws(CryptoFailure) -> Value
    ) throws(SealFailure) -> Value {
        do throws(CryptoFailure) { return try body() } catch { throw .unavailable }
    }

    // MARK: New seals, whose document is not written yet

    /// A seal of a new passphrase.
    ///
    /// - Throws: ``SealFailure/passphraseTooShort``.
    package static func make(
        at path: String, passphrase: SealSecret, randomness: any RandomSource = SystemRandomness()
    ) throws(SealFailure) -> DocumentSeal {
        guard passphrase.count >= PassphraseHashing.shortest else { throw .passphraseTooShort }
        let salt = try orUnavailable { () throws(CryptoFailure) in
            try randomness.bytes(PassphraseHashing.saltByteCount)
        }
        guard let hashing = PassphraseHashing.standard(salt: salt) else { throw .unavailable }
        return DocumentSeal(path: path, .passphrase(hashing), try hashing.key(of: passphrase), randomness)
    }

    /// A seal by a key in a token, which is made there if that is asked for.
    package static func make(
        at path: String, token: String, key: String, makingKey: Bool, access: TokenAccess,
        randomness: any RandomSource = SystemRandomness()
    ) throws(SealFailure) -> DocumentSeal {
        let sealingKey = try orUnavailable { () throws(CryptoFailure) in try SealingKey(random: randomness) }
        let nonce = try orUnavailable { () throws(CryptoFailure) in try randomness.bytes(Sealing.nonceByteCount) }
        let parameters = try access.keep(sealingKey, in: token, under: key, makingKey: makingKey, nonce: nonce)
        return DocumentSeal(path: path, .token(parameters), sealingKey, randomness)
    }

    /// A seal by new shares, and the shares, which nothing keeps.
    ///
    /// - Throws: ``SealFailure/unavailable``, also unless 2 ≤ threshold ≤ count ≤ 255.
    package static func make(
        at path: String, shares count: Int, threshold: Int, randomness: any RandomSource = SystemRandomness()
    ) throws(SealFailure) -> (seal: DocumentSeal, shares: [KeyShare]) {
        let sealingKey = try orUnavailable { () throws(CryptoFailure) in try SealingKey(random: randomness) }
        let set = try orUnavailable { () throws(CryptoFailure) in try randomness.bytes(ShareScheme.setByteCount) }
        guard let scheme = ShareScheme(set: set, count: count, threshold: threshold) else { throw .unavailable }
        let shares = try orUnavailable { () throws(CryptoFailure) in try scheme.split(sealingKey, randomness) }
        return (DocumentSeal(path: path, .shares(scheme), sealingKey, randomness), shares)
    }
}
