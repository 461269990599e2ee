import Foundation
import Glibc
import KMSCrypto

/// A command that holds keys and answers clients.
protocol ServingCommand {
    /// Gives up what the process does not need while it serves.
    ///
    /// Called while the process has one thread: the kernel keeps rights for each thread.
    ///
    /// - Throws: ``CommandFailure``.
    func prepareProcess() throws
}

/// What a serving process is allowed.
enum ServingProcess {
    /// Locked memory that is enough for the root key, all opened keys and the work on them, in bytes.
    static let lockedMemory = 16 << 20

    /// - Parameter owner: Who to go on as; nil for no change.
    /// - Throws: ``CommandFailure`` when the process would keep a right that it should give up.
    static func prepare(owner: ProcessOwner?) throws {
        ResourceLimit.lockedMemory.raise(wish: lockedMemory)
        do throws(CryptoFailure) {
            try ProcessHardening.forbidNewPrivileges()
        } catch {
            throw CommandFailure.operation("cannot forbid that the process gains rights")
        }
        // What is sent for a reload; who has something to reload listens for it later. A terminal says by it that it is gone.
        if isatty(STDIN_FILENO) == 0 || ServiceManager(environment: ProcessInfo.processInfo.environment) != nil {
            signal(SIGHUP, SIG_IGN)
        }
        // Whoever read the log may have gone.
        signal(SIGPIPE, SIG_IGN)
        try owner?.takeOver()
    }
}
