import Foundation
import KMSCrypto
import NIOPosix

/// A seal that is to be made: its kind, and what it takes.
enum NewSeal: Sendable {
    case file
    case passphrase
    case pkcs11(token: String, key: String, makesKey: Bool)
    case shares(count: Int, threshold: Int, directory: String?)

    var kind: SealKind {
        switch self {
        case .file: .file
        case .passphrase: .passphrase
        case .pkcs11: .pkcs11
        case .shares: .shares
        }
    }

    /// - Throws: ``CommandFailure`` for what is no kind, and for options that are missing or belong to another kind.
    init(_ kind: String, _ options: NewSealOptions, _ settings: Settings) throws {
        guard let kind = SealKind(rawValue: kind) else {
            let kinds = SealKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandFailure.configuration("\"\(kind)\" is not a kind of seal: \(kinds)")
        }
        let hasShareOptions = options.shares != nil || options.threshold != nil || options.sharesDirectory != nil
        guard kind == .shares || !hasShareOptions else {
            throw CommandFailure.configuration("--shares, --threshold and --shares-directory are for key shares only")
        }
        guard kind == .pkcs11 || !options.pkcs11MakeKey else {
            throw CommandFailure.configuration("--pkcs11-make-key is for a PKCS#11 token only")
        }
        switch kind {
        case .file: self = .file
        case .passphrase: self = .passphrase
        case .pkcs11:
            guard let token = settings.value("pkcs11-token", flag: options.pkcs11Token),
                let key = settings.value("pkcs11-key", flag: options.pkcs11Key)
            else {
                throw CommandFailure.configuration("a PKCS#11 seal needs --pkcs11-token and --pkcs11-key, their labels")
            }
            self = .pkcs11(token: token, key: key, makesKey: options.pkcs11MakeKey)
        case .shares:
            let most = ShareScheme.mostShares
            guard let count = options.shares, let threshold = options.threshold,
                (ShareScheme.smallestThreshold...most).contains(threshold), (threshold...most).contains(count)
            else {
                throw CommandFailure.configuration(
                    "key shares need --shares N and --threshold M, with 2 ≤ M ≤ N ≤ \(most)")
            }
            self = .shares(count: count, threshold: threshold, directory: options.sharesDirectory)
        }
    }

    /// Makes what is needed for the document at `path`, which is not written: asks for secrets, and hands out shares.
    ///
    /// - Returns: nil for a file, which needs nothing.
    /// - Throws: ``CommandFailure``.
    func prepare(at path: String, with secrets: SealSecrets) async throws -> DocumentSeal? {
        try await NIOThreadPool.singleton.runIfActive {
            switch self {
            case .file:
                return nil
            case .passphrase:
                let passphrase = try secrets.newPassphrase()
                return try CommandFailure.explaining { () throws(SealFailure) in
                    try DocumentSeal.make(at: path, passphrase: passphrase)
                }
            case .pkcs11(let token, let key, let makesKey):
                let access = try secrets.access(to: token)
                return try CommandFailure.explaining { () throws(SealFailure) in
                    try DocumentSeal.make(at: path, token: token, key: key, makingKey: makesKey, access: access)
                }
            case .shares(let count, let threshold, let directory):
                let made = try CommandFailure.explaining { () throws(SealFailure) in
                    try DocumentSeal.make(at: path, shares: count, threshold: threshold)
                }
                // Before the document counts: no moment must need shares that nobody has.
                try ShareHandout(shares: made.shares, threshold: threshold).hand(outTo: directory)
                return made.seal
            }
        }
    }

    /// Does `work`, after which `seal` is the one of the directory; when that fails, says so of the shares that people have by then.
    func putting<Value>(
        _ seal: DocumentSeal?, into files: SealDirectory, _ work: () throws(SealFailure) -> Value
    ) throws -> Value {
        do {
            return try CommandFailure.explaining(work)
        } catch {
            let present = (try? files.document())?.parameters
            guard case .shares = self, let failure = error as? CommandFailure, present != seal?.parameters else {
                throw error
            }
            throw failure.adding(ShareHandout.void)
        }
    }

    /// What whoever made it must keep, and what that is good for.
    func advice(for path: String) -> String {
        switch self {
        case .file:
            "Keep a copy of \(path)/root.key in a safe place: without it no key in the store can be opened."
        case .passphrase:
            "Keep the passphrase and a copy of \(path)/seal.json: without both no key in the store can be opened."
        case .pkcs11(let token, let key, _):
            "Keep the key \"\(key)\" of the token \"\(token)\", its PIN and a copy of \(path)/seal.json: without all of them "
                + "no key in the store can be opened."
        case .shares(let count, let threshold, _):
            "Give each of the \(count) shares to another person, and keep a copy of \(path)/seal.json: without it and "
                + "\(threshold) shares no key in the store can be opened."
        }
    }
}
