import Foundation
import Glibc
import KMSModel
import Synchronization

/// Shows on standard error how far long work is: on a terminal a bar that moves, elsewhere a line now and then.
final class ProgressDisplay: Sendable {
    private struct State {
        /// When the first piece was done: before that, somebody may be asked for a passphrase.
        var start: ContinuousClock.Instant?
        var last: ContinuousClock.Instant?
        /// How much there is to do, once something was shown.
        var all: Int?
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
            let start = state.start ?? now
            state.start = start
            guard now - start > Self.silence, state.last.map({ now - $0 >= pause }) ?? true else { return false }
            state.last = now
            state.all = all
            return true
        }
        if isDue { draw(done, of: all) }
    }

    private func draw(_ done: Int, of all: Int) {
        let share = min(1, Double(done) / Double(max(1, all)))
        let full = Int(share * Double(Self.width))
        let bar = String(repeating: "#", count: full) + String(repeating: ".", count: Self.width - full)
        let text = isTerminal ? "\r[\(bar)] \(done) of \(all) \(what)" : "\(done) of \(all) \(what)\n"
        _ = Output.write(text.utf8, to: STDERR_FILENO)
    }

    /// Shows that all is done, if anything was shown, and leaves the line that the bar is on; once, however often it is called.
    func end() {
        let all = state.withLock { state in
            defer { state.all = nil }
            return state.all
        }
        guard let all else { return }
        draw(all, of: all)
        if isTerminal { _ = Output.write("\n".utf8, to: STDERR_FILENO) }
    }
}
