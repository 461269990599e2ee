import Foundation
import Glibc
import KMSModel
import Synchronization

/// Shows on standard error how far long work is: on a terminal a bar that moves, elsewhere a line now and then.
final class ProgressDisplay: Sendable {
    private struct State {
        let start = ContinuousClock.now
        var last: ContinuousClock.Instant?
        var isShown = false
    }

    /// Work that takes no longer shows nothing.
    private static let silence: Duration = .seconds(1)
    private static let width = 30

    private let what: String
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let state = Mutex(State())

    /// - Parameter what: What was done with each piece, such as "copied".
    init(_ what: String) { self.what = what }

    /// Takes `{"done": …, "all": …}`.
    func show(_ progress: JSONObject) {
        guard let done = progress.number("done"), let all = progress.number("all"), all > 0 else { return }
        show(done: Int(done), of: Int(all))
    }

    func show(done: Int, of all: Int) {
        let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(10)
        let isDue = state.withLock { state in
            let now = ContinuousClock.now
            guard now - state.start > Self.silence, state.last.map({ now - $0 >= pause }) ?? true else { return false }
            state.last = now
            state.isShown = true
            return true
        }
        guard isDue else { return }
        let share = min(1, Double(done) / Double(max(1, all)))
        let full = Int(share * Double(Self.width))
        let bar = String(repeating: "#", count: full) + String(repeating: ".", count: Self.width - full)
        let text = isTerminal ? "\r[\(bar)] \(done) of \(all) \(what)" : "\(done) of \(all) \(what)\n"
        FileHandle.standardError.write(Data(text.utf8))
    }

    /// Leaves the line that the bar is on.
    func end() {
        guard isTerminal, state.withLock({ $0.isShown }) else { return }
        FileHandle.standardError.write(Data("\n".utf8))
    }
}
