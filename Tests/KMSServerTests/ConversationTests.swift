import KMSServer
import NIOCore
import Testing

/// A connection whose clock the test moves.
private struct Sample {
    static let opened = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private(set) var conversation = Conversation(at: opened)

    /// Tells the conversation what happened some seconds after the connection was opened.
    mutating func at<Result>(_ second: Int64, _ event: (inout Conversation) -> Result) -> Result {
        defer { conversation.settle(at: Self.opened + .seconds(second)) }
        return event(&conversation)
    }

    /// Sends a whole request.
    mutating func request(at second: Int64) {
        _ = at(second) { $0.begin() }
        at(second) { $0.finish() }
    }

    /// When the connection is closed, in seconds after it was opened.
    var closes: Int64? { conversation.deadline.map { ($0 - Self.opened).nanoseconds / 1_000_000_000 } }
}

@Suite
struct ConversationTests {
    @Test
    func `a connection on which nothing is asked is closed`() {
        var sample = Sample()
        #expect(sample.closes == 75)
        sample.request(at: 10)
        #expect(sample.closes == nil)
        sample.at(12) { $0.answer() }
        #expect(sample.closes == 87)
    }

    @Test
    func `a server may take its time`() {
        var sample = Sample()
        sample.request(at: 0)
        sample.at(3600) { _ in }
        #expect(sample.closes == nil)
    }

    @Test
    func `bytes that trickle in win no time`() {
        var sample = Sample()
        _ = sample.at(5) { $0.begin() }
        #expect(sample.closes == 35)
        sample.at(34) { _ in }
        #expect(sample.closes == 35)
        // Nor does an answer before the end of the request, such as that it is too large.
        sample.at(20) { $0.answer() }
        #expect(sample.closes == 35)
        sample.at(30) { $0.finish() }
        #expect(sample.closes == 105)
    }

    @Test
    func `a request behind another has its time after the other's answer`() {
        var sample = Sample()
        sample.request(at: 0)
        _ = sample.at(1) { $0.begin() }
        #expect(sample.closes == nil)
        sample.at(100) { $0.answer() }
        #expect(sample.closes == 130)
    }

    @Test
    func `answers must be read`() {
        var sample = Sample()
        sample.request(at: 0)
        sample.at(10) { $0.read(false) }
        #expect(sample.closes == 40)
        sample.request(at: 20)
        #expect(sample.closes == 40)
        sample.at(35) { $0.read(true) }
        #expect(sample.closes == nil)
    }

    @Test
    func `a connection after its last answer must be closed`() {
        var sample = Sample()
        sample.request(at: 0)
        sample.at(1) { $0.close() }
        sample.at(1) { $0.answer() }
        #expect(sample.closes == 31)
        sample.request(at: 20)
        #expect(sample.closes == 31)
    }

    @Test
    func `at the end a client has ten seconds, and the server finishes what it began`() {
        var sample = Sample()
        _ = sample.at(0) { $0.begin() }
        sample.at(1) { $0.end(at: Sample.opened + .seconds(1)) }
        #expect(sample.closes == 11)
        sample.at(5) { $0.finish() }
        #expect(sample.closes == nil)
        sample.at(60) { $0.read(false) }
        #expect(sample.closes == 11)
    }

    @Test
    func `at the end nothing new is begun, and nobody gets longer than before`() {
        var sample = Sample()
        _ = sample.at(0) { $0.begin() }
        sample.at(25) { $0.end(at: Sample.opened + .seconds(25)) }
        #expect(sample.closes == 30)
        sample.at(26) { $0.finish() }
        let isBegun = sample.at(27) { $0.begin() }
        #expect(!isBegun)
        sample.at(28) { $0.answer() }
        #expect(sample.conversation.unanswered == 0)
    }

    @Test
    func `an answer to what was no request counts for none`() {
        var sample = Sample()
        sample.at(1) { $0.answer() }
        #expect(sample.conversation.unanswered == 0)
        #expect(sample.closes == 75)
    }
}
