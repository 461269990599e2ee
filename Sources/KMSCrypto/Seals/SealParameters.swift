import KMSModel

/// In which way a document's root key is sealed, and with what.
package enum SealParameters: Equatable, Sendable {
    case passphrase(PassphraseHashing)
    case token(TokenParameters)
    case shares(ShareScheme)

    /// The kind of seal.
    package var kind: SealKind {
        switch self {
        case .passphrase: .passphrase
        case .token: .pkcs11
        case .shares: .shares
        }
    }

    /// What the wrapped root key is bound to.
    var binding: [UInt8] {
        var encoding = CanonicalEncoding(label: "chatelaine seal")
        encoding.append([UInt8(SealDocument.version)])
        encoding.append(kind.rawValue)
        switch self {
        case .passphrase(let hashing):
            encoding.append(Self.number(hashing.passes))
            encoding.append(Self.number(hashing.memory))
            encoding.append(hashing.salt)
        case .token(let token):
            encoding.append(token.token)
            encoding.append(token.key)
            encoding.append(token.mechanism)
            encoding.append(token.wrapped)
        case .shares(let scheme):
            encoding.append(scheme.set)
            encoding.append([UInt8(scheme.count), UInt8(scheme.threshold)])
        }
        return encoding.bytes
    }

    private static func number(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    // MARK: JSON

    /// The member of the document that says it.
    var object: JSONObject {
        switch self {
        case .passphrase(let hashing):
            JSONObject([
                "algorithm": .string("argon2id"), "passes": .number(String(hashing.passes)),
                "memoryKiB": .number(String(hashing.memory)), "salt": .string(Base64.encode(hashing.salt)),
            ])
        case .token(let token):
            JSONObject([
                "token": .string(token.token), "key": .string(token.key), "mechanism": .string(token.mechanism),
                "wrappedSealingKey": .string(Base64.encode(token.wrapped)),
            ])
        case .shares(let scheme):
            JSONObject([
                "set": .string(Hex.encode(scheme.set)), "shares": .number(String(scheme.count)),
                "threshold": .number(String(scheme.threshold)),
            ])
        }
    }

    /// Nil for what no document of this program says; what is there in another form is found by whoever writes it again.
    init?(_ kind: SealKind, _ object: JSONObject) {
        switch kind {
        case .file:
            return nil
        case .passphrase:
            guard let passes = object.wholeNumber("passes"), let memory = object.wholeNumber("memoryKiB"),
                let salt = object.text("salt").flatMap({ Base64.decode($0) }),
                let hashing = PassphraseHashing(passes: passes, memory: memory, salt: salt)
            else { return nil }
            self = .passphrase(hashing)
        case .pkcs11:
            guard let token = object.text("token"), let key = object.text("key"),
                let mechanism = object.text("mechanism"),
                let wrapped = object.text("wrappedSealingKey").flatMap({ Base64.decode($0) }),
                let parameters = TokenParameters(token: token, key: key, mechanism: mechanism, wrapped: wrapped)
            else { return nil }
            self = .token(parameters)
        case .shares:
            guard let set = object.text("set").flatMap({ Hex.decode($0) }), let count = object.wholeNumber("shares"),
                let threshold = object.wholeNumber("threshold"),
                let scheme = ShareScheme(set: set, count: count, threshold: threshold)
            else { return nil }
            self = .shares(scheme)
        }
    }
}

extension JSONObject {
    /// A number without a fraction.
    fileprivate func wholeNumber(_ name: String) -> Int? {
        if case .number(let digits)? = self[name] { Int(digits) } else { nil }
    }
}
