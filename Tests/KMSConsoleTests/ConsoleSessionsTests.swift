import Foundation
import KMSConsole
import KMSModel
import Testing

struct ConsoleSessionsTests {
    private let sessions = ConsoleSessions()
    private let start = Date(timeIntervalSince1970: 1_800_000_000)

    private func begin(
        _ accessKeyID: String = "AKIAIOSFODNN7EXAMPLE", of owner: String = UUID().uuidString,
        after seconds: TimeInterval = 0
    ) throws -> String {
        let home = try #require(Region("us-east-1"))
        return try sessions.begin(
            ConsoleSession(
                accessKeyID: accessKeyID, owner: owner, securityToken: nil, formToken: "token", home: home,
                begin: start + seconds))
    }

    @Test func `a session is found by its name and by no other`() throws {
        let (name, other) = (try begin(), try begin("AKIAI44QH8DHBEXAMPLE"))
        #expect(name != other)
        #expect(name.utf8.count == 64)
        #expect(sessions.session(name, at: start)?.accessKeyID == "AKIAIOSFODNN7EXAMPLE")
        #expect(sessions.session(other, at: start)?.accessKeyID == "AKIAI44QH8DHBEXAMPLE")
        for wrong in ["", name.uppercased(), String(name.dropLast()), name + "0"] where wrong != name {
            #expect(sessions.session(wrong, at: start) == nil)
        }
    }

    @Test func `a session that ended is none`() throws {
        let (name, other) = (try begin(), try begin())
        sessions.end(name)
        #expect(sessions.session(name, at: start) == nil)
        #expect(sessions.session(other, at: start) != nil)
    }

    @Test func `a session ends when it is not used`() throws {
        let name = try begin()
        let idle = ConsoleSessions.longestIdle
        #expect(sessions.session(name, at: start + idle - 1) != nil)
        #expect(sessions.session(name, at: start + 2 * idle - 2) != nil)
        #expect(sessions.session(name, at: start + 3 * idle) == nil)
        // It stays over, whatever the clock does.
        #expect(sessions.session(name, at: start) == nil)
    }

    @Test func `a session ends however much it is used`() throws {
        let name = try begin()
        for time in stride(from: 0, to: ConsoleSessions.longest, by: ConsoleSessions.longestIdle / 2) {
            #expect(sessions.session(name, at: start + time) != nil)
        }
        #expect(sessions.session(name, at: start + ConsoleSessions.longest) == nil)
    }

    @Test func `who has too many sessions loses the one of them that was used longest ago`() throws {
        let other = try begin(of: "other")
        let names = try (0..<ConsoleSessions.mostOfOne).map { try begin(of: "one", after: TimeInterval($0)) }
        let last = try begin(of: "one", after: 60)
        #expect(sessions.session(names[0], at: start + 60) == nil)
        for name in names.dropFirst() + [last, other] { #expect(sessions.session(name, at: start + 60) != nil) }
    }

    @Test func `of too many sessions the one goes that was used longest ago`() throws {
        let names = try (0..<ConsoleSessions.mostSessions).map { _ in try begin() }
        #expect(sessions.session(names[0], at: start + 1) != nil)
        for name in names.dropFirst(2) { _ = sessions.session(name, at: start + 1) }
        let last = try begin(after: 2)
        #expect(sessions.session(names[1], at: start + 2) == nil)
        #expect((names + [last]).count { sessions.session($0, at: start + 2) != nil } == ConsoleSessions.mostSessions)
    }

    @Test func `sessions that are over make room first`() throws {
        let old = try (1..<ConsoleSessions.mostSessions).map { _ in try begin() }
        let later = ConsoleSessions.longestIdle
        let kept = try begin(after: later)
        let new = try begin(after: later)
        #expect(sessions.session(kept, at: start + later) != nil)
        #expect(sessions.session(new, at: start + later) != nil)
        #expect(sessions.session(old[0], at: start) == nil)
    }

    @Test func `a sentence is for the next page of its session`() throws {
        let (name, other) = (try begin(), try begin())
        sessions.leave("Done.", in: name)
        #expect(sessions.takeNotice(of: other) == nil)
        #expect(sessions.takeNotice(of: name) == "Done.")
        #expect(sessions.takeNotice(of: name) == nil)
        sessions.leave("Sent before.", in: name, isReplacing: false)
        sessions.leave("Once more.", in: name, isReplacing: false)
        #expect(sessions.takeNotice(of: name) == "Sent before.")
        sessions.leave("Done.", in: "nobody")
        #expect(sessions.takeNotice(of: "nobody") == nil)
    }

    private static func newKey(_ id: String) -> NewAccessKey {
        NewAccessKey(id: id, user: "ana", secret: SecretBytes(copying: "secret of \(id)".utf8))
    }

    @Test func `the secret of a new access key is for its session`() throws {
        let (name, other) = (try begin(), try begin())
        sessions.keep(Self.newKey("AKIA1"), in: name)
        sessions.keep(Self.newKey("AKIA2"), in: name)
        sessions.keep(Self.newKey("AKIA3"), in: "nobody")
        #expect(sessions.newAccessKey("AKIA1", of: other) == nil)
        #expect(sessions.newAccessKey("AKIA3", of: "nobody") == nil)
        // A page that was interrupted can be loaded again.
        for _ in 0..<2 {
            let key = sessions.newAccessKey("AKIA1", of: name)
            #expect(key?.secret.withBytes { String(decoding: $0, as: UTF8.self) } == "secret of AKIA1")
        }
        #expect(sessions.newAccessKey("AKIA2", of: name)?.user == "ana")
        sessions.end(name)
        #expect(sessions.newAccessKey("AKIA2", of: name) == nil)
    }

    @Test func `a session keeps few secrets`() throws {
        let name = try begin()
        for number in 1...6 { sessions.keep(Self.newKey("AKIA\(number)"), in: name) }
        let kept = (1...6).filter { sessions.newAccessKey("AKIA\($0)", of: name) != nil }
        #expect(kept == [3, 4, 5, 6])
    }

    @Test func `a secret is forgotten after its time, looked at or not`() async throws {
        let sessions = ConsoleSessions(longestShown: .milliseconds(20))
        let name = try sessions.begin(
            ConsoleSession(
                accessKeyID: "AKIAIOSFODNN7EXAMPLE", owner: "one", securityToken: nil, formToken: "token",
                home: try #require(Region("us-east-1")), begin: start))
        weak var secret: SecretBytes?
        do {
            let key = Self.newKey("AKIA1")
            secret = key.secret
            sessions.keep(key, in: name)
            _ = sessions.newAccessKey("AKIA1", of: name)
        }
        #expect(secret != nil)
        for _ in 0..<500 where secret != nil { try await Task.sleep(for: .milliseconds(10)) }
        #expect(secret == nil, "the memory is given back, and zeroed before that")
        #expect(sessions.newAccessKey("AKIA1", of: name) == nil)
        #expect(sessions.session(name, at: start) != nil)
    }
}
