/// Why a token does not do what was asked.
///
/// The texts name modules, tokens and keys, never what is in them.
package enum TokenFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The system cannot load the file.
    case notLoadable(module: String, reason: String)
    /// The file was loaded, but is no PKCS#11 library.
    case notAModule(String)
    case noToken(String)
    /// The sessions with the token were given up.
    case givenUp(token: String)
    /// Several tokens of this label: which one is meant cannot be known.
    case severalTokens(String)
    /// The token needs a PIN, and there is none.
    case pinNeeded(token: String)
    /// The token refused the PIN; it counts that.
    case wrongPIN(token: String)
    /// The token takes no PIN any more until its administrator allows it.
    case pinLocked(token: String)
    case noKey(String, token: String)
    case severalKeys(String, token: String)
    /// A new key would have the label of one that is there.
    case keyExists(String, token: String)
    /// A key that must not wrap anything, and why.
    case unfit(key: String, reason: String)
    /// The token can do none of the mechanisms with this key.
    case noMechanism(key: String)
    /// What was wrapped does not open with this key.
    case notOpened(key: String, code: UInt)
    /// A function of the module answered with an error.
    case refused(function: String, code: UInt)

    package var description: String {
        switch self {
        case .notLoadable(let module, let reason): "cannot load the PKCS#11 module \(module): \(reason)"
        case .notAModule(let module): "\(module) is not a PKCS#11 module"
        case .noToken(let token): "there is no token \"\(token)\""
        case .givenUp(let token): "the connection to the token \"\(token)\" was given up"
        case .severalTokens(let token): "there are several tokens \"\(token)\""
        case .pinNeeded(let token): "the token \"\(token)\" needs a PIN"
        case .wrongPIN(let token):
            "the token \"\(token)\" refused the PIN; it was tried once, and some tokens lock after a few wrong ones"
        case .pinLocked(let token): "the PIN of the token \"\(token)\" is locked"
        case .noKey(let key, let token):
            "there is no AES key and no pair of RSA keys \"\(key)\" in the token \"\(token)\""
        case .severalKeys(let key, let token): "there are several keys \"\(key)\" in the token \"\(token)\""
        case .keyExists(let key, let token): "there is a key \"\(key)\" in the token \"\(token)\" already"
        case .unfit(let key, let reason): "the key \"\(key)\" \(reason)"
        case .noMechanism(let key):
            "the token has none of AES-GCM, AES key wrap and RSA-OAEP for what the key \"\(key)\" may do"
        case .notOpened(let key, let code):
            "the key \"\(key)\" does not open what is sealed (the token answered \(Self.hex(code)))"
        case .refused(let function, let code): "the PKCS#11 module answered \(function) with \(Self.hex(code))"
        }
    }

    /// The code as the standard lists it (PKCS#11 2.40, CKR_…).
    private static func hex(_ code: UInt) -> String { "0x" + String(code, radix: 16) }
}
