import Foundation
import Glibc
import KMSCrypto

/// New key shares on their way to those who keep them; nothing else keeps them.
struct ShareHandout {
    /// What there is to say of shares whose seal did not come about.
    static let void = "the key shares that were handed out are void: destroy them"

    let shares: [KeyShare]
    let threshold: Int

    /// Prints the shares, or writes each to a file of a new directory, durably.
    ///
    /// - Throws: ``CommandFailure`` for a directory that is there already, or cannot be written.
    func hand(outTo directory: String?) throws {
        if let directory {
            guard mkdir(directory, 0o700) == 0 else {
                throw CommandFailure.operation("cannot make \(directory): \(String(cString: strerror(errno)))")
            }
        }
        do {
            try directory.map(write(to:)) ?? show()
        } catch let failure as CommandFailure {
            throw failure.adding(Self.void)
        }
    }

    private func write(to directory: String) throws {
        for share in shares { try write(share, to: "\(directory)/share-\(share.index)") }
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, fsync(descriptor) == 0 else {
            throw CommandFailure.operation("cannot sync \(directory): \(String(cString: strerror(errno)))")
        }
        announce("Wrote \(shares.count) key shares to \(directory), of which \(threshold) are needed.")
    }

    private func show() throws {
        try say("These \(shares.count) key shares, of which \(threshold) are needed, are shown only now:\n")
        for share in shares { try write(share, to: STDOUT_FILENO, "standard output") }
        try say("")
    }

    private func write(_ share: KeyShare, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure.operation("cannot make \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        try write(share, to: descriptor, path)
        guard fsync(descriptor) == 0 else {
            throw CommandFailure.operation("cannot sync \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Straight from memory that is zeroed, and not by a text that nobody zeroes.
    private func write(_ share: KeyShare, to descriptor: Int32, _ place: String) throws {
        let isWritten = share.withText { text in
            Glibc.write(descriptor, text.baseAddress, text.count) == text.count && Glibc.write(descriptor, "\n", 1) == 1
        }
        guard isWritten else {
            throw CommandFailure.operation("cannot write a key share to \(place): \(String(cString: strerror(errno)))")
        }
    }
}
