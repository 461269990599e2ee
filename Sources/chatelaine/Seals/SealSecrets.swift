import Foundation
import KMSCrypto

/// The secrets that open a seal, which are read when it is known which of them are needed.
struct SealSecrets: Sendable {
    private let passphrase: SecretSource
    private let pin: SecretSource
    private let module: String?
    private let shareFiles: [String]

    /// - Throws: ``CommandFailure`` for options that do not go together.
    init(_ options: SealOptions, _ settings: Settings) throws {
        passphrase = try SecretSource(
            "the passphrase", descriptor: settings.value("passphrase-fd", flag: options.passphraseFd),
            file: settings.value("passphrase-file", flag: options.passphraseFile), credential: "chatelaine-passphrase")
        pin = try SecretSource(
            "the PIN", descriptor: settings.value("pin-fd", flag: options.pinFd),
            file: settings.value("pin-file", flag: options.pinFile), credential: "chatelaine-pin")
        module = settings.value("pkcs11-module", flag: options.pkcs11Module)
        shareFiles =
            settings.value("share-files", flag: options.shareFiles).map { $0.split(separator: ",").map(String.init) }
            ?? []
    }

    private init(passphrase: SecretSource, pin: SecretSource, module: String?) {
        (self.passphrase, self.pin, self.module) = (passphrase, pin, module)
        shareFiles = []
    }

    /// Whether anything is given that opens a seal other than a file.
    var areGiven: Bool { passphrase.isGiven || pin.isGiven || module != nil || hasShares }

    /// Whether shares are given with the command, so that nobody has to be waited for.
    var hasShares: Bool { !shareFiles.isEmpty }

    /// The secrets of a new seal: those that are named as new ones, and for the rest these, where the old seal has no use for
    /// them.
    func replaced(by options: ReplacementOptions, besides kind: SealKind) throws -> SealSecrets {
        func source(_ old: SecretSource, _ name: String, fd: String?, file: String?, isOld: Bool) throws -> SecretSource
        {
            guard isOld || fd != nil || file != nil else { return old }
            return try SecretSource(name, descriptor: fd, file: file, credential: nil)
        }
        return SealSecrets(
            passphrase: try source(
                passphrase, "the new passphrase", fd: options.newPassphraseFd, file: options.newPassphraseFile,
                isOld: kind == .passphrase),
            pin: try source(
                pin, "the new PIN", fd: options.newPinFd, file: options.newPinFile, isOld: kind == .pkcs11),
            module: options.newPkcs11Module ?? module)
    }

    /// What opens a document; a person may be asked: never on an event loop.
    ///
    /// - Throws: ``CommandFailure``.
    func credential(for document: SealDocument) throws -> SealCredential {
        switch document.parameters {
        case .passphrase: return .passphrase(try passphrase.read(question: "Passphrase of the seal"))
        case .token(let token): return .token(try access(to: token.token))
        case .shares(let scheme): return .shares(try shares(for: ShareCollection(of: scheme)))
        }
    }

    /// A new passphrase; a person says it twice.
    func newPassphrase() throws -> SealSecret { try passphrase.read(question: "New passphrase", isNew: true) }

    /// How a token is reached.
    ///
    /// - Throws: ``CommandFailure`` when nobody says which module speaks to it.
    func access(to token: String) throws -> TokenAccess {
        guard let module else {
            throw CommandFailure.configuration(
                "the token \"\(token)\" keeps the seal: --pkcs11-module must name the library that speaks to it")
        }
        return TokenAccess(module: module) { [pin] () throws(SealFailure) in
            do {
                return try pin.read(question: "PIN of the token \(token)")
            } catch {
                throw .wrongPIN((error as? CommandFailure)?.message ?? "\(error)")
            }
        }
    }

    private func shares(for collection: ShareCollection) throws -> [KeyShare] {
        for file in shareFiles {
            if let shares = try add(ShareText.read(inFile: file), to: collection) { return shares }
        }
        guard shareFiles.isEmpty else {
            let progress = collection.progress
            throw CommandFailure.configuration(
                "the seal needs \(progress.threshold) key shares, and there are \(progress.given) files with one")
        }
        while true {
            let next = collection.progress.given + 1
            let share = try ShareText.ask("Key share \(next) of \(collection.scheme.threshold)")
            if let shares = try add(share, to: collection) { return shares }
        }
    }

    private func add(_ share: KeyShare, to collection: ShareCollection) throws -> [KeyShare]? {
        do throws(ShareCollection.Refusal) {
            return try collection.add(share)
        } catch {
            throw CommandFailure.configuration(error.description)
        }
    }
}

/// Reads key shares, one at a time.
enum ShareText {
    static func read(inFile path: String) throws -> KeyShare {
        let source = try SecretSource(
            "the key share", descriptor: path == "-" ? "0" : nil, file: path == "-" ? nil : path, credential: nil)
        return try share(source.read(question: ""), in: path)
    }

    /// Asks the person at the terminal.
    static func ask(_ question: String) throws -> KeyShare {
        let source = try SecretSource("the key share", descriptor: nil, file: nil, credential: nil)
        return try share(source.read(question: question), in: nil)
    }

    /// - Parameter place: The file that it is from, for the failure.
    static func share(_ text: SealSecret, in place: String?) throws -> KeyShare {
        do throws(KeyShare.Failure) {
            return try KeyShare(text)
        } catch {
            throw CommandFailure.configuration(place.map { "\($0): \(error)" } ?? error.description)
        }
    }
}
