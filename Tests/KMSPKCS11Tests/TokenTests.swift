import Foundation
import KMSPKCS11
import Testing

/// Everything that asks SoftHSM2, one after the other: a process has one PKCS#11 library.
@Suite(
    .serialized,
    .enabled(
        if: SoftToken.isContinuousBuild || SoftToken.isHere,
        "skipped: softhsm2 and opensc, which the Makefile installs, are not on this machine"))
struct TokenSuite {
    init() throws { try #require(SoftToken.shared != nil, "SoftHSM2 cannot be set up") }

    static let secret: [UInt8] = Array(100..<132)
    static let nonce: [UInt8] = Array(1...12)

    /// A session with a token; how often it asked for the PIN is added to `asked`.
    static func token(
        _ label: String = SoftToken.label, module: String = SoftToken.module, pin: String = SoftToken.pin,
        isWritable: Bool = false, asked: (() -> Void)? = nil
    ) throws(TokenFailure) -> Token {
        try Token(label, module: module, isWritable: isWritable) { use in
            asked?()
            Array(pin.utf8).withUnsafeBytes { use($0) }
        }
    }

    static func wrap(
        _ token: Token, _ key: WrappingKey, _ mechanisms: Set<TokenMechanism> = Set(TokenMechanism.allCases)
    ) throws -> (mechanism: TokenMechanism, wrapped: [UInt8]) {
        let result: Result<(mechanism: TokenMechanism, wrapped: [UInt8]), TokenFailure> = secret.withUnsafeBytes {
            secret in
            Result { () throws(TokenFailure) in
                try token.wrap(secret, with: key, nonce: nonce, mechanisms: mechanisms)
            }
        }
        return try result.get()
    }

    static func unwrap(
        _ token: Token, _ wrapped: [UInt8], _ key: WrappingKey, _ mechanism: TokenMechanism
    ) throws -> [UInt8] {
        var output = [UInt8](repeating: 0, count: Token.secretByteCount)
        let result: Result<Void, TokenFailure> = output.withUnsafeMutableBytes { output in
            Result { () throws(TokenFailure) in
                try token.unwrap(wrapped, with: key, by: mechanism, into: output)
            }
        }
        try result.get()
        return output
    }

    // MARK: Reaching it

    @Test(arguments: ["/nowhere/module.so", "libsofthsm2.so", "", "/etc/passwd", "/usr"])
    func `what cannot be loaded is told by its name`(path: String) throws {
        let failure = #expect(throws: TokenFailure.self) { try Self.token(module: path) }
        guard case .notLoadable(path, _)? = failure else {
            Issue.record("\(path): \(failure?.description ?? "")")
            return
        }
    }

    @Test func `a library that is no PKCS11 module is refused`() throws {
        let libraries = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6", "/lib64/libm.so.6"]
        let library = try #require(libraries.first(where: FileManager.default.fileExists(atPath:)))
        #expect(throws: TokenFailure.notAModule(library)) { try Self.token(module: library) }
    }

    @Test func `a library that has two names is one, and ends with its last use`() throws {
        let name = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).so").path
        try FileManager.default.createSymbolicLink(atPath: name, withDestinationPath: SoftToken.module)
        defer { try? FileManager.default.removeItem(atPath: name) }
        var first: Token? = try Self.token()
        let second = try Self.token(module: name)
        _ = try first?.wrappingKey("root")
        first = nil
        _ = try second.wrappingKey("root")
    }

    @Test func `a token that is not there, or there twice, is told by its label, and no PIN is tried`() throws {
        for label in ["missing", "", "chatelain", "chatelaine "] {
            #expect(throws: TokenFailure.noToken(label)) { try Self.token(label) { Issue.record("asked for the PIN") } }
        }
        #expect(throws: TokenFailure.severalTokens("twin")) {
            try Self.token("twin") { Issue.record("asked for the PIN") }
        }
    }

    @Test(arguments: ["654321", "1", String(repeating: "1", count: 300)])
    func `a wrong PIN is tried once`(pin: String) throws {
        var tries = 0
        #expect(throws: TokenFailure.wrongPIN(token: SoftToken.label)) {
            try Self.token(pin: pin) { tries += 1 }
        }
        #expect(tries == 1)
        #expect(throws: Never.self) { try Self.token() }
    }

    @Test func `without a PIN nothing is tried`() throws {
        #expect(throws: TokenFailure.pinNeeded(token: SoftToken.label)) {
            try Token(SoftToken.label, module: SoftToken.module) { _ throws(TokenFailure) in
                throw .pinNeeded(token: SoftToken.label)
            }
        }
    }

    // MARK: Keys

    @Test func `a key that is not there, or there twice, is told by its label`() throws {
        let token = try Self.token()
        for label in ["missing", "", "roo"] {
            #expect(throws: TokenFailure.noKey(label, token: SoftToken.label)) { try token.wrappingKey(label) }
        }
        #expect(throws: TokenFailure.severalKeys("double", token: SoftToken.label)) {
            try token.wrappingKey("double")
        }
    }

    @Test(arguments: ["extractable", "legible", "short", "small-rsa"])
    func `a key that can leave the token, or is too weak, is refused`(label: String) throws {
        let token = try Self.token()
        let failure = #expect(throws: TokenFailure.self) { try token.wrappingKey(label) }
        guard case .unfit(label, _)? = failure else {
            Issue.record("\(label): \(failure?.description ?? "")")
            return
        }
    }

    @Test func `a key is made that is fit, and taken again, and never a second one of its name`() throws {
        do {
            let token = try Self.token(isWritable: true)
            let key = try token.makeWrappingKey("made")
            let made = try Self.wrap(token, key)
            #expect(made.mechanism == .aesGCM)
            let again = try token.makeWrappingKey("made")
            #expect(try Self.unwrap(token, made.wrapped, again, made.mechanism) == Self.secret)
            for other in ["rsa", "root", "double", "extractable"] {
                #expect(throws: TokenFailure.keyExists(other, token: SoftToken.label)) {
                    try token.makeWrappingKey(other)
                }
            }
        }
        // It stays there.
        let token = try Self.token()
        #expect(throws: Never.self) { try token.wrappingKey("made") }
    }

    // MARK: Wrapping

    @Test(arguments: [
        ("root", TokenMechanism.aesGCM, 60), ("root", .aesKeyWrapPad, 40), ("root", .aesKeyWrap, 40),
        ("rsa", .rsaOAEPSHA1, 256),
    ])
    func `a secret is wrapped and opened again`(label: String, mechanism: TokenMechanism, byteCount: Int) throws {
        let token = try Self.token()
        let key = try token.wrappingKey(label)
        let made = try Self.wrap(token, key, [mechanism])
        #expect(made.mechanism == mechanism)
        #expect(made.wrapped.count == byteCount)
        #expect(try Self.unwrap(token, made.wrapped, key, mechanism) == Self.secret)
        for index in made.wrapped.indices {
            var changed = made.wrapped
            changed[index] ^= 1
            #expect(throws: TokenFailure.self, "byte \(index)") {
                try Self.unwrap(token, changed, key, mechanism)
            }
        }
        for length in [0, 1, 12, 28, byteCount - 1] {
            #expect(throws: TokenFailure.self, "\(length) bytes") {
                try Self.unwrap(token, Array(made.wrapped.prefix(length)), key, mechanism)
            }
        }
        #expect(try Self.unwrap(token, made.wrapped, key, mechanism) == Self.secret)
    }

    /// SoftHSM 2.6 has OAEP with SHA-1 only.
    @Test func `the best mechanism is taken that the token can do and undo`() throws {
        let token = try Self.token()
        #expect(try Self.wrap(token, token.wrappingKey("root")).mechanism == .aesGCM)
        #expect(try Self.wrap(token, token.wrappingKey("rsa")).mechanism == .rsaOAEPSHA1)
        #expect(throws: TokenFailure.self) {
            try Self.wrap(token, token.wrappingKey("rsa"), [.rsaOAEPSHA256])
        }
        #expect(throws: TokenFailure.noMechanism(key: "root")) {
            try Self.wrap(token, token.wrappingKey("root"), [.rsaOAEPSHA1])
        }
    }

    @Test func `a key of another kind than the mechanism is refused`() throws {
        let token = try Self.token()
        for (label, mechanism) in [("root", TokenMechanism.rsaOAEPSHA1), ("rsa", .aesGCM)] {
            #expect(throws: TokenFailure.self) {
                try Self.unwrap(token, [UInt8](repeating: 1, count: 256), token.wrappingKey(label), mechanism)
            }
        }
    }
}
