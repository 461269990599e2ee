import Foundation
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

/// Calls that are answered where they arrive, and what is handed on.
@Suite struct CallHandlerTests {
    private static let json = "application/x-amz-json-1.1"

    private func withConnection(waits: Bool = false, _ body: (CallConnection) async throws -> Void) async throws {
        let connection = try await CallConnection(waits: waits)
        try await body(connection)
        try await connection.close()
    }

    /// A call without a signature, which is refused at once.
    private static func call(_ headers: [String] = [], body: String = "{}", length: Int? = nil) -> String {
        let lines = ["Host: kms", "X-Amz-Target: TrentService.DescribeKey", "Content-Type: \(json)"] + headers
        return "POST / HTTP/1.1\r\n" + lines.map { "\($0)\r\n" }.joined()
            + "Content-Length: \(length ?? body.utf8.count)\r\n\r\n\(body)"
    }

    @Test func `a call is answered at once, with what every answer has`() async throws {
        try await withConnection { connection in
            try await connection.send(connection.genuine(#"{"NumberOfBytes":32}"#))
            let answer = try await connection.written()
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            for header in [
                "Server: Chatelaine", "x-amzn-RequestId: ", "Content-Type: \(Self.json)", "Content-Length: ", "Date: ",
                "Cache-Control: no-cache, no-store, must-revalidate, private", "Expires: 0", "Pragma: no-cache",
            ] { #expect(answer.contains("\r\n\(header)"), "\(header)") }
            #expect(answer.contains(#"{"Plaintext":"#))
            #expect(connection.framework.log.isEmpty)
        }
    }

    @Test func `calls that come together, or in pieces, are answered in their order`() async throws {
        try await withConnection { connection in
            let genuine = connection.genuine(#"{"NumberOfBytes":32}"#)
            try await connection.send(Self.call() + genuine + Self.call() + genuine.prefix(genuine.count - 5))
            let first = try await connection.written()
            #expect(first.components(separatedBy: "HTTP/1.1 ").map { $0.prefix(3) } == ["", "400", "200", "400"])
            try await connection.send(String(genuine.suffix(5).prefix(2)))
            #expect(try await connection.written().isEmpty)
            try await connection.send(String(genuine.suffix(3)))
            #expect(try await connection.written().hasPrefix("HTTP/1.1 200"))
            #expect(connection.framework.log.isEmpty)
        }
    }

    @Test(arguments: [
        "GET /ping HTTP/1.1\r\nHost: kms\r\n\r\n", "POST /x HTTP/1.1\r\nHost: kms\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: kms\r\nContent-Length: 0\r\n\r\n",
        call().replacing("DescribeKey", with: "CreateGrant"), call().replacing("DescribeKey", with: "ListKeys"),
        call(body: #"{"KeySpec":"RSA_4096"}"#).replacing("DescribeKey", with: "CreateKey"),
        call(body: #"{"\u004beyS\u0070ec":"RSA_4096"}"#).replacing("DescribeKey", with: "CreateKey"),
        call(body: #"{"CustomKeyStoreId":"cks-1"}"#).replacing("DescribeKey", with: "CreateKey"),
        call(["Expect: 100-continue"]),
        call(["Connection: close"]), call(["X-Amz-Target: TrentService.Encrypt"]), call(["Cookie: a=b"]),
        call(["X-Forwarded-For: 10.0.0.1"]), call(["User-Agent: für"]), call(["Content-Type: text/plain"]),
        call(["Host: other"]), call(["A: " + String(repeating: "a", count: 9000)]),
        call(body: String(repeating: " ", count: 8193)),
        call().replacing("HTTP/1.1", with: "HTTP/1.0"),
        "POST / HTTP/1.1\r\nHost: kms\r\nX-Amz-Target: TrentService.DescribeKey\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ])
    func `whatever is not plain is handed on`(request: String) async throws {
        try await withConnection { connection in
            try await connection.send(request)
            let log = connection.framework.log
            #expect(log.first?.contains("/") == true && log.last == "end", "\(log)")
            #expect(try await connection.written().isEmpty)
        }
    }

    @Test func `a call behind a request that the framework has not answered goes to it too`() async throws {
        try await withConnection { connection in
            try await connection.send("GET /ping HTTP/1.1\r\nHost: kms\r\n\r\n" + Self.call())
            #expect(connection.framework.log == ["GET /ping", "end", "POST /", "+2", "end"])
            #expect(try await connection.written().isEmpty)
            for _ in 0..<2 {
                let channel = connection.channel
                try await connection.onLoop { Framework.answer(on: channel) }
            }
            try await connection.send(Self.call())
            let answers = try await connection.written().components(separatedBy: "HTTP/1.1 ").map { $0.prefix(3) }
            #expect(answers == ["", "202", "202", "400"])
        }
    }

    @Test func `what comes while a call waits has to wait too, and comes in its order`() async throws {
        try await withConnection(waits: true) { connection in
            let genuine = connection.genuine(#"{"NumberOfBytes":32}"#)
            let channel = connection.channel
            // All of it before the disk has answered.
            try await connection.onLoop {
                let text = genuine + Self.call() + "GET /ping HTTP/1.1\r\nHost: kms\r\n\r\n"
                channel.pipeline.fireChannelRead(ByteBuffer(string: text))
                channel.pipeline.fireChannelReadComplete()
                channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
            }
            let answers = try await connection.written(2).components(separatedBy: "HTTP/1.1 ").map { $0.prefix(3) }
            #expect(answers == ["", "200", "400"])
            #expect(connection.framework.log == ["GET /ping", "end", "quiesce"])
        }
    }

    @Test func `what was handed on late is said to be all, and an answer is sent before the server's end is told`()
        async throws
    {
        try await withConnection(waits: true) { connection in
            let channel = connection.channel
            let genuine = connection.genuine(#"{"NumberOfBytes":32}"#)
            connection.framework.closesAtTheEnd.store(true, ordering: .relaxed)
            try await connection.onLoop {
                channel.pipeline.fireChannelRead(
                    ByteBuffer(string: genuine + "GET /ping HTTP/1.1\r\nHost: kms\r\n\r\n"))
                channel.pipeline.fireChannelReadComplete()
            }
            #expect(try await connection.written(1).hasPrefix("HTTP/1.1 200"))
            #expect(connection.framework.log == ["GET /ping", "end"])
            #expect(connection.framework.completeCount.load(ordering: .relaxed) > 1)
        }
        try await withConnection(waits: true) { connection in
            let channel = connection.channel
            let genuine = connection.genuine(#"{"NumberOfBytes":32}"#)
            connection.framework.closesAtTheEnd.store(true, ordering: .relaxed)
            try await connection.onLoop {
                channel.pipeline.fireChannelRead(ByteBuffer(string: genuine))
                channel.pipeline.fireChannelReadComplete()
                channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
            }
            #expect(try await connection.written(1).hasPrefix("HTTP/1.1 200"))
            #expect(connection.framework.log == ["quiesce"])
        }
    }

    @Test func `nothing is a call that comes after the last request of a connection`() async throws {
        try await withConnection { connection in
            let channel = connection.channel
            try await connection.send("GET /ping HTTP/1.1\r\nHost: kms\r\nConnection: close\r\n\r\n")
            try await connection.onLoop { Framework.answer(on: channel) }
            try await connection.send(Self.call())
            #expect(try await connection.written().components(separatedBy: "HTTP/1.1 ").count == 2)
            // The parser takes nothing for a request that stands there.
            #expect(connection.framework.log == ["GET /ping", "end", "error"])
        }
    }

    @Test func `of many calls that come together each is sent its answer before the next is begun`() async throws {
        try await withConnection { connection in
            let channel = connection.channel
            let calls = String(repeating: Self.call(), count: 200)
            let sent = try await channel.eventLoop.submit {
                channel.pipeline.fireChannelRead(ByteBuffer(string: calls))
                return connection.outbound.flushCount.load(ordering: .relaxed)
            }.get()
            #expect(sent == 0)
            #expect(try await connection.written(200).components(separatedBy: "HTTP/1.1 400").count == 201)
            #expect(connection.outbound.flushCount.load(ordering: .relaxed) == 200)
        }
    }

    @Test func `what happens in the middle of a call leaves it to the framework`() async throws {
        try await withConnection { connection in
            try await connection.send(Self.call(body: "{", length: 2))
            let channel = connection.channel
            try await connection.onLoop {
                channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
            }
            try await connection.send("}")
            #expect(connection.framework.log == ["POST /", "+1", "quiesce", "+1", "end"])
        }
        try await withConnection { connection in
            try await connection.send(Self.call(body: "{", length: 2))
            let channel = connection.channel
            try await connection.onLoop { channel.pipeline.fireErrorCaught(ChannelError.eof) }
            #expect(connection.framework.log == ["POST /", "+1", "error"])
            #expect(try await connection.written().isEmpty)
        }
    }

    @Test func `a client that takes no answers gets no more of them`() async throws {
        try await withConnection { connection in
            let channel = connection.channel
            channel.isWritable = false
            try await connection.send(Self.call() + Self.call())
            #expect(try await connection.written().isEmpty)
            channel.isWritable = true
            try await connection.onLoop { channel.pipeline.fireChannelWritabilityChanged() }
            #expect(try await connection.written(2).components(separatedBy: "HTTP/1.1 ").count == 3)
            #expect(connection.framework.log.isEmpty)
        }
    }

    @Test func `a connection that is gone before the answer does no harm`() async throws {
        try await withConnection(waits: true) { connection in
            let channel = connection.channel
            let genuine = connection.genuine(#"{"NumberOfBytes":32}"#)
            try await connection.onLoop {
                channel.pipeline.fireChannelRead(ByteBuffer(string: genuine + genuine))
                channel.close(promise: nil)
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
