import Foundation
import KMSCrypto

/// Where a passphrase or a PIN is read from: a file descriptor, a file, systemd, or a person, the first that is there.
struct SecretSource: Sendable {
    /// What systemd's LoadCredential tells a service.
    private static let credentialsVariable = "CREDENTIALS_DIRECTORY"

    /// What it is, as in "the passphrase".
    let name: String
    let descriptor: Int32?
    let file: String?
    /// What systemd knows it by; nil when it has no part in this.
    let credential: String?

    /// - Throws: ``CommandFailure`` for a number that is none, and for two places at once.
    init(_ name: String, descriptor: String?, file: String?, credential: String?) throws {
        self.name = name
        self.file = file
        self.credential = credential
        guard let descriptor else {
            self.descriptor = nil
            return
        }
        guard let number = Int32(descriptor), number >= 0 else {
            throw CommandFailure.configuration("\"\(descriptor)\" is not the number of a file descriptor")
        }
        guard file == nil else {
            throw CommandFailure.configuration(
                "\(name) is given by a file and by a file descriptor: only one of them counts")
        }
        self.descriptor = number
    }

    /// Whether it is anywhere without asking a person.
    var isGiven: Bool { descriptor != nil || file != nil || credential.flatMap(Self.credentialFile) != nil }

    /// The secret, for which a person may be asked: never on an event loop.
    ///
    /// - Parameter isNew: Whether a person has to say it twice.
    /// - Throws: ``CommandFailure``.
    func read(question: String, isNew: Bool = false) throws -> SealSecret {
        if let descriptor { return try secret(at: descriptor, "file descriptor \(descriptor)") }
        if let file { return try secret(inFile: file) }
        if let credential, let file = Self.credentialFile(credential) { return try secret(inFile: file) }
        return try asked(question, isNew: isNew)
    }

    private static func credentialFile(_ name: String) -> String? {
        guard let directory = ProcessInfo.processInfo.environment[credentialsVariable] else { return nil }
        let path = "\(directory)/\(name)"
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }

    private func secret(inFile path: String) throws -> SealSecret {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else {
            throw CommandFailure.configuration("cannot read \(name) in \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        return try secret(at: descriptor, path)
    }

    private func secret(at descriptor: Int32, _ place: String) throws -> SealSecret {
        do throws(SecretFailure) {
            return try SealSecret(contentsOf: descriptor)
        } catch {
            throw CommandFailure.configuration("cannot read \(name) in \(place): \(error.reason)")
        }
    }

    private func asked(_ question: String, isNew: Bool) throws -> SealSecret {
        guard SecretPrompt.isPossible else {
            throw CommandFailure.configuration(
                "\(name) is needed: give a file with it, as there is no terminal to ask at")
        }
        do throws(SecretFailure) {
            let secret = try SecretPrompt.ask(question)
            guard isNew else { return secret }
            if try SecretPrompt.ask("\(question), again").isSame(as: secret) { return secret }
        } catch {
            throw CommandFailure.configuration("cannot read \(name): \(error.reason)")
        }
        throw CommandFailure.configuration("\(name) was not the same both times")
    }
}

extension SecretFailure {
    /// What follows "cannot read it:".
    var reason: String {
        switch self {
        case .tooLong: "it has more than \(SealSecret.largest) bytes"
        case .empty: "it is empty"
        case .interrupted: "nobody typed it"
        case .system(let reason): reason
        case .unavailable: "there is no guarded memory for it"
        }
    }
}
