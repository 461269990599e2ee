import Foundation
import Testing

/// A call that comes in one piece is read as the library's decoder reads it, to which pieces go.
@Suite struct WholeCallTests {
    /// What a client may write among the fields of a call.
    private static let lines = [
        "", "Accept-Encoding: identity", "User-Agent: aws-cli/2.0 md/x", "amz-sdk-request: attempt=1", "X-No-Space:a",
        "X-Two-Spaces:  a", "X-Behind: a ", "X-Tab:\ta", "X-Tab-Within: a\tb", "X-Empty:", "X-Empty-Too: ", "x_name: a",
        "X Name: a", "X-Name : a", ": a", "no colon", " folded: a", "\tfolded", "X-Null: a\u{0}b", "X-Delete: a\u{7F}",
        "X-Accent: für", "X-Return: a\rb", "Host: kms", "hOST: kms", "Content-Length: 20", "Content-Length: 1",
        "Content-Length: -1", "Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Connection: keep-alive",
        "Connection: Keep-Alive", "Connection: close", "Expect: 100-continue", "Upgrade: h2c",
        "X-Long: " + String(repeating: "a", count: 9000),
    ]

    private static let others: [@Sendable (String) -> String] = [
        { $0.replacing("\r\n", with: "\n") }, { $0.replacing("POST / ", with: "POST  / ") },
        { $0.replacing("POST / ", with: "POST /? ") }, { $0.replacing("POST", with: "post") },
        { $0.replacing("HTTP/1.1", with: "HTTP/1.0") }, { $0.replacing("HTTP/1.1", with: "HTTP/1.1 ") },
        { "\r\n" + $0 }, { $0 + "\r\n" }, { $0 + "a" }, { $0 + $0 }, { String($0.dropLast()) },
        { $0.replacing("host: kms\r\n", with: "") }, { $0.replacing("host: kms\r\n", with: "Host:kms\r\n") },
        { $0.replacing("length: 20", with: "length: +20") }, { $0.replacing("length: 20", with: "length: 020") },
        { $0.replacing("length: 20", with: "length: -0") }, { $0.replacing("length: 20", with: "length: 2 0") },
        { $0.replacing("length: 20", with: "length: 0x14") },
        { $0.replacing("\r\n\r\n", with: "\r\n \r\n\r\n") }, { $0.replacing("\r\n\r\n", with: "\r\n\r\r\n\r\n") },
    ]

    private func answers(to pieces: [String], on connection: CallConnection) async throws -> [String] {
        // What is no HTTP is an error of the channel too, and nothing comes after it.
        var text = ""
        for piece in pieces where !connection.framework.log.contains("error") {
            try? await connection.send(piece)
            text += try await connection.written()
        }
        return text.components(separatedBy: "HTTP/1.1 ").map { String($0.prefix(3)) } + connection.framework.log
    }

    /// - Returns: What became of requests on one connection, each in one piece, and on another, each in two.
    private func answers(
        to requests: (CallConnection) -> [String]
    ) async throws -> (whole: [String], parts: [String]) {
        let (first, second) = (try await CallConnection(waits: false), try await CallConnection(waits: false))
        let (whole, parted) = (requests(first), requests(second))
        let found = (
            try await answers(to: whole, on: first),
            try await answers(to: parted.flatMap { [String($0.prefix(7)), String($0.dropFirst(7))] }, on: second)
        )
        try await first.close()
        try await second.close()
        return found
    }

    private static let body = #"{"NumberOfBytes":32}"#

    @Test(arguments: lines) func `a field is read as in pieces`(line: String) async throws {
        let (whole, parts) = try await answers { connection in
            let genuine = connection.genuine(Self.body)
            return [line.isEmpty ? genuine : genuine.replacing("\r\n\r\n", with: "\r\n\(line)\r\n\r\n")]
        }
        #expect(whole == parts)
    }

    @Test(arguments: lines) func `a field is read as in pieces behind a head without it`(line: String) async throws {
        let (whole, parts) = try await answers { connection in
            let genuine = connection.genuine(Self.body)
            let (first, last) = (
                genuine.replacing("HTTP/1.1\r\n", with: "HTTP/1.1\r\n\(line)\r\n"),
                genuine.replacing("\r\n\r\n", with: "\r\n\(line)\r\n\r\n")
            )
            return line.isEmpty ? [genuine, genuine] : [genuine, last, genuine, first, last, genuine]
        }
        #expect(whole == parts)
    }

    @Test(arguments: others.indices) func `a request is read as in pieces`(number: Int) async throws {
        let (whole, parts) = try await answers { [Self.others[number]($0.genuine(Self.body))] }
        #expect(whole == parts)
    }

    @Test(arguments: others.indices) func `a request is read as in pieces behind others`(number: Int) async throws {
        let (whole, parts) = try await answers { connection in
            let genuine = connection.genuine(Self.body)
            return [genuine, genuine, Self.others[number](genuine), genuine]
        }
        #expect(whole == parts)
    }

    @Test func `a head that is nearly the one before is another one`() async throws {
        let connection = try await CallConnection(waits: false)
        let genuine = connection.genuine(Self.body)
        let digit = try #require(genuine.range(of: "Signature=")).upperBound
        let other: Character = genuine[digit] == "0" ? "1" : "0"
        let forged = genuine.replacingCharacters(in: digit..<genuine.index(after: digit), with: String(other))
        let elsewhere = connection.genuine(#"{"NumberOfBytes":33}"#)
        let answers = try await answers(to: [genuine, forged, genuine, elsewhere, genuine], on: connection)
        #expect(answers == ["", "200", "400", "200", "200", "200"])
        try await connection.close()
    }

    @Test func `calls that come whole are answered before and after one in pieces`() async throws {
        let connection = try await CallConnection(waits: false)
        let genuine = connection.genuine(#"{"NumberOfBytes":32}"#)
        let pieces = [genuine, genuine, String(genuine.prefix(50)), String(genuine.dropFirst(50)), genuine]
        #expect(try await answers(to: pieces, on: connection) == ["", "200", "200", "200", "200"])
        try await connection.close()
    }
}
