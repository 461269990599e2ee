package import NIOCore

/// How far a connection has come, and how long it may be the client's turn.
///
/// A value without I/O: ``ConnectionRules`` tells it what happened, and asks it when to close.
package struct Conversation {
    /// How long a connection is kept on which the client asks nothing, or has not finished saying what.
    ///
    /// Proxies keep theirs for a minute as a rule. A longer time lets them close first, so that none of them sends a
    /// request into a connection that is being closed.
    package static let idleLimit: TimeAmount = .seconds(75)
    /// How long a client may take for the rest of a request whose head is there, for reading answers that the
    /// connection cannot hold any more, and for closing a connection whose last answer was sent.
    package static let patience: TimeAmount = .seconds(30)
    /// How long a client may still take for any of this once the server is asked to end.
    package static let patienceAtTheEnd: TimeAmount = .seconds(10)

    /// What the client has to do next.
    private enum Turn {
        case request
        case restOfRequest
        case reading
        case closing
    }

    /// Requests whose answers have not been written.
    package private(set) var unanswered = 0
    /// The end of the last request has not come yet.
    private var isReceiving = false
    private var isReading = true
    private var isClosing = false
    /// When the client's time is over because the server ends.
    private var end: NIODeadline?

    private let idleLimit: TimeAmount
    private let patience: TimeAmount
    private var turn: Turn?
    private var since: NIODeadline

    /// A connection that was opened at `now`, and has other limits only where nobody has to wait for long.
    package init(
        at now: NIODeadline, idleLimit: TimeAmount = Conversation.idleLimit,
        patience: TimeAmount = Conversation.patience
    ) {
        self.idleLimit = idleLimit
        self.patience = patience
        turn = .request
        since = now
    }

    /// When to close the connection if nothing happens; nil while it is the server's turn.
    package var deadline: NIODeadline? {
        guard let turn else { return nil }
        let deadline = since + (turn == .request ? idleLimit : patience)
        return end.map { min($0, deadline) } ?? deadline
    }

    /// The head of a request came.
    ///
    /// - Returns: Whether it will be answered: a server that ends begins nothing new.
    package mutating func begin() -> Bool {
        guard end == nil else { return false }
        unanswered += 1
        isReceiving = true
        return true
    }

    /// The end of the request came whose head was the last.
    package mutating func finish() { isReceiving = false }

    /// An answer was written to its end.
    package mutating func answer() { unanswered = max(0, unanswered - 1) }

    /// The connection can hold more answers, or no more because the client does not read them.
    package mutating func read(_ isReading: Bool) { self.isReading = isReading }

    /// The last answer was written; the client is expected to close.
    package mutating func close() { isClosing = true }

    /// The server was asked to end at `now`.
    package mutating func end(at now: NIODeadline) {
        if end == nil { end = now + Self.patienceAtTheEnd }
    }

    /// Sees whose turn it is after something happened; that alone never gives the client more time.
    ///
    /// - Parameter now: Asked only when the turn has changed.
    package mutating func settle(at now: @autoclosure () -> NIODeadline) {
        let next = nextTurn
        guard next != turn else { return }
        turn = next
        since = now()
    }

    private var nextTurn: Turn? {
        if isClosing { return .closing }
        if !isReading { return .reading }
        // A request behind others is not waited for: it may stand in the connection because the server does not read.
        if isReceiving, unanswered <= 1 { return .restOfRequest }
        return unanswered == 0 ? .request : nil
    }
}
