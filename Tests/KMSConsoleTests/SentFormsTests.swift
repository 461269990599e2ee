import KMSConsole
import KMSEngine
import Synchronization
import Testing

final class SentFormsTests {
    private let forms = SentForms()
    private let count = Mutex(0)

    private static func request(_ body: String, path: String = "/console/us-east-1/keys") throws -> ConsoleRequest {
        try #require(
            ConsoleRequest(
                isPost: true, path: path, query: "", body: Array(body.utf8), cookies: nil, origin: nil, fetchSite: nil,
                host: nil, client: Client(address: "127.0.0.1", userAgent: nil, referer: nil)))
    }

    /// Sends a form and tells which time it is that one is done.
    private func send(_ body: String, path: String = "/console/us-east-1/keys", status: Int = 303) async throws
        -> String
    {
        let answer = await forms.answer(to: try Self.request(body, path: path)) {
            let number = count.withLock { count in
                count += 1
                return count
            }
            await Task.yield()
            return ConsoleResponse(status: status, body: Array("\(number)".utf8))
        }
        return String(decoding: answer.response.body, as: UTF8.self) + (answer.isRepeated ? " again" : "")
    }

    @Test func `a form that is sent twice is done once`() async throws {
        #expect(try await send("token=a.1&action=rotate") == "1")
        #expect(try await send("token=a.1&action=rotate") == "1 again")
    }

    @Test(arguments: [
        ("token=a.2&action=rotate", "/console/us-east-1/keys"), ("token=a.1&action=stop", "/console/us-east-1/keys"),
        ("token=a.1&action=rotate&x=", "/console/us-east-1/keys"), ("token=a.1&action=rotate", "/console/us-east-1/x"),
        ("token=a.1&actionr=otate", "/console/us-east-1/keys"), ("action=rotate&token=a.1", "/console/us-east-1/keys"),
    ])
    func `what differs in anything is another form`(body: String, path: String) async throws {
        #expect(try await send("token=a.1&action=rotate") == "1")
        #expect(try await send(body, path: path) == "2")
    }

    @Test func `what was refused can be sent again`() async throws {
        #expect(try await send("a=1", status: 400) == "1")
        #expect(try await send("a=1", status: 403) == "2")
        #expect(try await send("a=1") == "3")
        #expect(try await send("a=1") == "3 again")
    }

    @Test func `a second sending waits for the first, whatever that is answered`() async throws {
        for status in [303, 400] {
            let gate = AsyncStream.makeStream(of: Void.self)
            let request = try Self.request("status=\(status)")
            let answers = await withTaskGroup(of: [UInt8].self, returning: Set<[UInt8]>.self) { group in
                for number in 0..<8 {
                    group.addTask { [forms] in
                        await forms.answer(to: request) {
                            for await _ in gate.stream { break }
                            return ConsoleResponse(status: status, body: [UInt8(number)])
                        }.response.body
                    }
                }
                // Whoever is first waits at the gate, and the others for it.
                for _ in 0..<1000 { await Task.yield() }
                gate.continuation.finish()
                return await group.reduce(into: []) { $0.insert($1) }
            }
            #expect(status == 400 || answers.count == 1)
        }
    }

    @Test func `so many answers are kept, and then the oldest goes`() async throws {
        for number in 0..<SentForms.mostKept { _ = try await send("n=\(number)") }
        #expect(try await send("n=0") == "1 again")
        #expect(try await send("one more") == "\(SentForms.mostKept + 1)")
        #expect(try await send("n=1") == "2 again")
        #expect(try await send("n=0") == "\(SentForms.mostKept + 2)")
    }
}
