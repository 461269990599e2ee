import KMSPKCS11

/// Where a token keeps the key that wraps the sealing key, and what it made of that.
package struct TokenParameters: Equatable, Sendable {
    /// The most bytes of a token's label (PKCS#11 2.40, CK_TOKEN_INFO) and of a key's.
    static let (longestTokenLabel, longestKeyLabel) = (32, 255)
    /// The longest wrapped key: an RSA modulus of 8192 bits.
    private static let longestWrapped = 1024

    /// The label of the token.
    package let token: String
    /// The label of the key in it.
    package let key: String
    /// The name of a mechanism (``TokenMechanism``).
    package let mechanism: String
    let wrapped: [UInt8]

    /// Nil for what no document of this program has.
    init?(token: String, key: String, mechanism: String, wrapped: [UInt8]) {
        guard (1...Self.longestTokenLabel).contains(token.utf8.count),
            (1...Self.longestKeyLabel).contains(key.utf8.count),
            TokenMechanism(rawValue: mechanism) != nil, (1...Self.longestWrapped).contains(wrapped.count)
        else { return nil }
        self.token = token
        self.key = key
        self.mechanism = mechanism
        self.wrapped = wrapped
    }
}

/// How a token is reached.
package struct TokenAccess: Sendable {
    /// The absolute path of the PKCS#11 library that speaks to it.
    ///
    /// It comes from who starts the program and never from the document: who can write the data directory must not choose
    /// what code is loaded.
    package let module: String
    /// Asked for the PIN once at the most, and only when the token needs one from the program.
    package let pin: @Sendable () throws(SealFailure) -> SealSecret

    package init(module: String, pin: @escaping @Sendable () throws(SealFailure) -> SealSecret) {
        self.module = module
        self.pin = pin
    }

    /// Lends a session with the token `label`, whatever it does ending in one kind of failure.
    private func withToken<Result>(
        _ label: String, isWritable: Bool, _ body: (Token) throws(TokenFailure) -> Result
    ) throws(SealFailure) -> Result {
        var refusal: SealFailure?
        do throws(TokenFailure) {
            let token = try unsafe Token(label, module: module, isWritable: isWritable) { use throws(TokenFailure) in
                do throws(SealFailure) {
                    unsafe try pin().withBytes { unsafe use($0) }
                } catch {
                    refusal = error
                    throw .pinNeeded(token: label)
                }
            }
            return try body(token)
        } catch {
            throw refusal ?? SealFailure(error)
        }
    }

    /// The sealing key that a document's token keeps.
    func sealingKey(of parameters: TokenParameters, at path: String) throws(SealFailure) -> SealingKey {
        guard let mechanism = TokenMechanism(rawValue: parameters.mechanism) else { throw .damaged(path: path) }
        var failure = TokenFailure.noKey(parameters.key, token: parameters.token)
        let sealingKey = try withToken(parameters.token, isWritable: false) { token throws(TokenFailure) in
            let key = try token.wrappingKey(parameters.key)
            var isOpen = false
            let sealingKey = try? unsafe SealingKey { output in
                do throws(TokenFailure) {
                    try unsafe token.unwrap(parameters.wrapped, with: key, by: mechanism, into: output)
                    isOpen = true
                } catch {
                    failure = error
                }
            }
            if sealingKey != nil, !isOpen { throw failure }
            return sealingKey
        }
        guard let sealingKey else { throw .unavailable }
        return sealingKey
    }

    /// Gives a new sealing key to a token.
    func keep(
        _ sealingKey: SealingKey, in label: String, under keyLabel: String, makingKey: Bool, nonce: [UInt8]
    ) throws(SealFailure) -> TokenParameters {
        let made = try withToken(label, isWritable: makingKey) { token throws(TokenFailure) in
            let key = try makingKey ? token.makeWrappingKey(keyLabel) : token.wrappingKey(keyLabel)
            return try unsafe sealingKey.withBytes { secret throws(TokenFailure) in
                try unsafe token.wrap(secret, with: key, nonce: nonce)
            }
        }
        guard
            let parameters = TokenParameters(
                token: label, key: keyLabel, mechanism: made.mechanism.rawValue, wrapped: made.wrapped)
        else { throw .token("the label of a token has 1 to 32 bytes, and that of a key 1 to 255") }
        return parameters
    }
}

extension SealFailure {
    /// What a person may do something about is a case of its own.
    init(_ failure: TokenFailure) {
        switch failure {
        case .wrongPIN, .pinLocked, .pinNeeded: self = .wrongPIN(failure.description)
        case .notLoadable, .notAModule, .noToken, .givenUp, .severalTokens, .noKey, .severalKeys, .keyExists, .unfit,
            .noMechanism, .notOpened, .refused:
            self = .token(failure.description)
        }
    }
}
