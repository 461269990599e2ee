import CSodium

/// How a sealing key is derived from a passphrase: Argon2id (RFC 9106), version 1.3, with one lane.
package struct PassphraseHashing: Equatable, Sendable {
    /// The fewest bytes of a new passphrase.
    ///
    /// Whoever has the document can try passphrases at their leisure, so it is longer than what a server asks of a password.
    package static let shortest = 12
    static let saltByteCount = 16
    /// What a document may say: less was never written, and more would let whoever makes one exhaust a machine.
    ///
    /// The most are four times what is written today of memory, and five of passes: some seconds.
    static let (passesAllowed, memoryAllowed) = (3...16, 64 << 10...1 << 20)

    /// How often the memory is gone over.
    package let passes: Int
    /// In KiB.
    package let memory: Int
    let salt: [UInt8]

    /// - Returns: nil for figures and salts that no document of this program has.
    init?(passes: Int, memory: Int, salt: [UInt8]) {
        guard Self.passesAllowed.contains(passes), Self.memoryAllowed.contains(memory), salt.count == Self.saltByteCount
        else { return nil }
        self.passes = passes
        self.memory = memory
        self.salt = salt
    }

    /// How new documents are made, with a salt of their own.
    ///
    /// Three passes over 256 MiB are what libsodium calls moderate.
    static func standard(salt: [UInt8]) -> PassphraseHashing? {
        PassphraseHashing(passes: 3, memory: 256 << 10, salt: salt)
    }

    /// The sealing key of `passphrase`; it takes about half a second.
    func key(of passphrase: SealSecret) throws(SealFailure) -> SealingKey {
        var isDerived = false
        let key: SealingKey
        do throws(CryptoFailure) {
            key = try unsafe SealingKey { output in
                isDerived = unsafe passphrase.withBytes { unsafe derive(from: $0, to: output) }
            }
        } catch {
            throw .unavailable
        }
        guard isDerived else { throw .notEnoughMemory(kibibytes: memory) }
        return key
    }

    private func derive(from passphrase: UnsafeRawBufferPointer, to output: UnsafeMutableRawBufferPointer) -> Bool {
        let (passphrase, output) = unsafe (passphrase.bindMemory(to: CChar.self), output.bindMemory(to: UInt8.self))
        guard let target = output.baseAddress, let source = passphrase.baseAddress else { return false }
        return unsafe crypto_pwhash_argon2id(
            target, UInt64(output.count), source, UInt64(passphrase.count), salt, UInt64(passes), memory << 10,
            crypto_pwhash_argon2id_ALG_ARGON2ID13
        ) == 0
    }
}
