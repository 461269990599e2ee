import ArgumentParser
import Foundation
import KMSCrypto
import Logging
import NIOPosix

struct SealCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal", abstract: "Show how the root key of a data directory is kept, and change that.",
        subcommands: [Show.self, Migrate.self]
    )

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the kind of the seal and what it takes, but no secret.")

        @OptionGroup var data: DataOptions

        mutating func run() throws {
            let path = try Settings(config: data.config).value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
            let files = SealDirectory(path)
            let document = try CommandFailure.explaining { () throws(SealFailure) in try files.document() }
            guard try document != nil || Presence.of(files.rootKeyPath) else {
                throw CommandFailure.operation("there is no seal in \(path)")
            }
            for line in SealDescription.lines(of: document) { try say(line) }
            for path in files.leftovers { try say("not used: \(path), left by a process that was stopped") }
        }
    }

    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep the root key in another way: in a file, by a passphrase, a PKCS#11 token or key shares.",
            discussion: """
                The server must not be running. The seal of before opens the root key until the new one does; then its file is \
                overwritten and removed. A move to the same kind changes the passphrase, the token's key or the shares.
                """
        )

        @OptionGroup var data: DataOptions
        @Option(name: .customLong("to"), help: "The kind of the new seal: file, passphrase, pkcs11 or shares.")
        var kind: String
        @OptionGroup var new: NewSealOptions
        @OptionGroup var replacement: ReplacementOptions
        @OptionGroup var secrets: SealOptions

        mutating func run() async throws {
            let settings = try Settings(config: data.config)
            let (new, secrets) = (try NewSeal(kind, new, settings), try SealSecrets(secrets, settings))
            try ProcessHardening.apply()
            let path = settings.value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
            let logger = Logger.chatelaine(.warning)
            let sealed = try await SealedDirectory(path, try settings.storePlace(data, path: path), mayCreate: false)
            let before = try sealed.document()?.parameters
            let kindBefore = before?.kind ?? .file
            try checkKey(of: new, besides: before, sealed.files)
            let opened = try await sealed.open(with: secrets, logger: logger)
            // It is the root key of this store, and no other one, that is moved.
            let directory = try await DataDirectory(sealed, opened, logger: logger)
            do {
                // Other nodes would go on with the seal of before.
                try await directory.whileAlone {
                    let newSecrets = try secrets.replaced(by: replacement, besides: kindBefore)
                    let seal = try await new.prepare(at: sealed.files.documentPath, with: newSecrets)
                    try await NIOThreadPool.singleton.runIfActive { [files = sealed.files, key = opened.rootKey] in
                        try new.putting(seal, into: files) { () throws(SealFailure) in
                            if let seal { try files.move(key, to: seal) } else { try files.moveToFile(key) }
                        }
                    }
                    try await directory.publishSeal()
                }
            } catch {
                await directory.close()
                throw error
            }
            await directory.close()
            announce(
                "The root key of \(path) is sealed by \(new.kind.description) now, no longer by \(kindBefore.description)."
            )
            announce(new.advice(for: path))
        }

        /// Refuses to make a key for what the key of that name seals already: it would be taken again, and nothing changed.
        ///
        /// - Throws: ``CommandFailure``.
        private func checkKey(of new: NewSeal, besides before: SealParameters?, _ files: SealDirectory) throws {
            // A move that was stopped is brought to its end by the same command.
            guard files.leftovers.isEmpty, replacement.newPkcs11Module == nil, case .token(let present)? = before,
                case .pkcs11(let token, let key, true) = new, token == present.token, key == present.key
            else { return }
            throw CommandFailure.configuration(
                "the seal has the key \"\(key)\" of the token \"\(token)\" already: let --pkcs11-key name another one")
        }
    }
}

/// The secrets of a new seal, where the old one has the same.
struct ReplacementOptions: ParsableArguments {
    @Option(help: "A file with the new passphrase, when the seal has a passphrase already.")
    var newPassphraseFile: String?

    @Option(help: "The number of an open file descriptor to read the new passphrase from.")
    var newPassphraseFd: String?

    @Option(help: "The PKCS#11 module of the new token, when it is another one.")
    var newPkcs11Module: String?

    @Option(help: "A file with the PIN of the new token, when the seal is in a token already.")
    var newPinFile: String?

    @Option(help: "The number of an open file descriptor to read the PIN of the new token from.")
    var newPinFd: String?
}

/// What may be told of a seal.
enum SealDescription {
    static func lines(of document: SealDocument?) -> [String] {
        guard let document else { return ["seal: \(SealKind.file.rawValue)"] }
        let kind = "seal: \(document.parameters.kind.rawValue)"
        switch document.parameters {
        case .passphrase(let hashing):
            return [kind, "derivation: Argon2id, \(hashing.passes) passes over \(hashing.memory / 1024) MiB"]
        case .token(let token):
            return [kind, "token: \(token.token)", "key: \(token.key)", "mechanism: \(token.mechanism)"]
        case .shares(let scheme):
            return [kind, "shares: \(scheme.threshold) of \(scheme.count)", "set: \(scheme.setName)"]
        }
    }
}
