import KMSCrypto
import Testing

/// How secrets are read: from files and pipes, and from keys that somebody presses.
struct SealSecretTests {
    private static func read(_ text: String) throws -> SealSecret {
        try SealSecret.piped(Array(text.utf8)) { descriptor throws(SecretFailure) in
            try SealSecret(contentsOf: descriptor)
        }
    }

    private static func typed(_ text: String) throws -> SealSecret {
        try SealSecret.piped(Array(text.utf8)) { descriptor throws(SecretFailure) in
            try SealSecret(typedAt: descriptor)
        }
    }

    @Test(arguments: [
        ("secret", "secret"), ("secret\n", "secret"), ("secret\n\n", "secret\n"), (" secret \n", " secret "),
        ("secret\r\n", "secret\r"), ("two\nlines", "two\nlines"),
    ])
    func `one line feed at the end is not part of it, and everything else is`(text: String, secret: String) throws {
        #expect(try Self.read(text).isSame(as: SealSecret(secret)))
    }

    @Test func `letters that look alike are not made alike`() throws {
        #expect(try !Self.read("\u{E9}").isSame(as: SealSecret("e\u{301}")))
    }

    @Test func `nothing and too much are refused`() throws {
        for nothing in ["", "\n"] { #expect(throws: SecretFailure.empty) { try Self.read(nothing) } }
        let largest = String(repeating: "x", count: SealSecret.largest)
        #expect(try Self.read(largest).isSame(as: SealSecret(largest)))
        #expect(try Self.read(largest + "\n").isSame(as: SealSecret(largest)))
        for more in ["x", "x\n", "\n\n", String(repeating: "y", count: 100_000)] where more.utf8.count < 60_000 {
            #expect(throws: SecretFailure.tooLong) { try Self.read(largest + more) }
            #expect(throws: SecretFailure.tooLong) { try SealSecret(largest + more) }
        }
    }

    @Test func `a descriptor that is not open is an error`() throws {
        #expect(throws: SecretFailure.system(reason: "Bad file descriptor")) { try SealSecret(contentsOf: .max) }
    }

    @Test(arguments: [
        ("secret\n", "secret"), ("secret\r", "secret"), ("sx\u{7F}ecret\n", "secret"),
        ("sx\u{8}ecret\nmore\n", "secret"),
        ("wrong\u{15}secret\n", "secret"), ("\u{7F}\u{7F}secret\n", "secret"), ("sec\u{E9}\u{7F}ret\n", "secret"),
    ])
    func `keys take back what they say`(keys: String, secret: String) throws {
        #expect(try Self.typed(keys).isSame(as: SealSecret(secret)))
    }

    @Test(arguments: ["sec\u{3}ret\n", "\u{4}", "", "never ended"])
    func `whoever gives up has typed nothing`(keys: String) throws {
        #expect(throws: SecretFailure.interrupted) { try Self.typed(keys) }
    }

    @Test func `an endless line is refused`() throws {
        #expect(throws: SecretFailure.tooLong) { try Self.typed(String(repeating: "x", count: 5000)) }
    }
}
