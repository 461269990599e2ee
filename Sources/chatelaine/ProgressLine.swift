import Foundation
import Glibc
import Synchronization

/// How far long work is, on standard error: nothing in the first second, then a line that is written over on a terminal, or a
/// line now and then where there is none.
final class ProgressLine: Sendable {
    /// How long work goes on without a word, and how long between two words, in seconds.
    private static let (silence, terminalPause, filePause) = (1.0, 0.2, 10.0)

    private let title: String
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let started = ContinuousClock.now
    private let lastShown = Mutex<ContinuousClock.Instant?>(nil)

    init(_ title: String) { self.title = title }

    func show(_ done: Int, of total: Int) {
        let now = ContinuousClock.now
        let isDue = lastShown.withLock { last in
            let pause = last == nil ? Self.silence : isTerminal ? Self.terminalPause : Self.filePause
            guard now - (last ?? started) >= .seconds(pause) else { return false }
            last = now
            return true
        }
        guard isDue, total > 0 else { return }
        let text = "\(title): \(done * 100 / total) % of \(total >> 20) MiB"
        FileHandle.standardError.write(Data((isTerminal ? "\r\(text)" : "\(text)\n").utf8))
    }

    /// Ends the line, if one was begun on a terminal.
    func end() {
        guard isTerminal, lastShown.withLock({ $0 != nil }) else { return }
        FileHandle.standardError.write(Data("\n".utf8))
    }
}
