import Foundation
import Glibc
import KMSCrypto

/// Asks the person at the terminal for a secret, which is not shown.
enum SecretPrompt {
    /// Whether there is a terminal to ask at.
    static var isPossible: Bool {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { return false }
        close(terminal)
        return true
    }

    /// Asks once; it waits for a person: never on an event loop.
    ///
    /// - Throws: ``SecretFailure``, with `interrupted` where there is no terminal.
    static func ask(_ question: String) throws(SecretFailure) -> SealSecret {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { throw .interrupted }
        defer { close(terminal) }
        var before = termios()
        guard tcgetattr(terminal, &before) == 0 else { throw .interrupted }
        var silent = before
        // Control-C comes as a key, so that the terminal is as it was when the program ends for it.
        silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        silent.c_iflag &= ~tcflag_t(ICRNL | IXON)
        guard tcsetattr(terminal, TCSAFLUSH, &silent) == 0 else { throw .interrupted }
        write("\(question): ", to: terminal)
        defer {
            write("\n", to: terminal)
            _ = tcsetattr(terminal, TCSAFLUSH, &before)
        }
        return try SealSecret(typedAt: terminal)
    }

    private static func write(_ text: String, to terminal: Int32) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(terminal, bytes, bytes.count)
    }
}
