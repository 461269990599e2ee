package import Foundation
import Glibc
import KMSAccess
package import KMSModel
import KMSOutbound
import NIOCore
import NIOFoundationCompat
import NIOPosix

/// Requests of the KMS API and their answers: signed, sent, and sent again when that may help.
package struct KMSExchange: Sendable {
    /// No answer to what is asked here is nearly as long.
    private static let largestAnswer = 64 * 1024
    /// How long a connection may take, so that there is time for another one.
    private static let connectPatience: Duration = .seconds(1)
    /// The pause before the second attempt; each further one is twice as long.
    private static let firstPause: Duration = .milliseconds(100)
    /// What the credentials file may have at the most, in bytes.
    private static let largestFile = 1 << 20

    private let endpoint: KMSEndpoint
    private let region: String
    private let source: CredentialSource
    private let client: OutboundClient
    private let date: @Sendable () -> Date

    /// - Parameters:
    ///   - roots: A PEM file with the certificates that the server's may come from; nil for the system's.
    ///   - date: The system's time, which signatures carry.
    /// - Throws: ``PluginFailure`` when there are no certificates in the file.
    package init(
        endpoint: KMSEndpoint, region: Region, credentials: CredentialSource, roots: String?,
        date: @escaping @Sendable () -> Date = { Date() }
    ) throws(PluginFailure) {
        self.endpoint = endpoint
        self.region = region.description
        source = credentials
        self.date = date
        do throws(OutboundFailure) {
            client = try OutboundClient(
                OutboundClient.Configuration(roots: roots, connectPatience: Self.connectPatience))
        } catch {
            throw PluginFailure("\(error)")
        }
    }

    /// Closes the connections; nothing is sent after this.
    package func end() async { await client.end() }

    /// Sends a request until it is answered, or refused in a way that another attempt does not change, or `deadline`.
    ///
    /// - Parameter members: Writes the members of the request.
    func send(
        _ operation: OperationName, until deadline: ContinuousClock.Instant, members: (inout JSONWriter) -> Void
    ) async throws(KMSFailure) -> JSONObject {
        var writer = JSONWriter()
        writer.object(members)
        var body = writer.bytes
        // Nobody else has the bytes then: what is zeroed is not a copy.
        writer = JSONWriter()
        defer { body.withUnsafeMutableBytes { bytes in _ = bytes.baseAddress.map { explicit_bzero($0, bytes.count) } } }
        var pause = Self.firstPause
        while true {
            do throws(KMSFailure) {
                return try await attempt(operation, body, until: deadline)
            } catch {
                // Not all at the same moment.
                let wait = pause * Double.random(in: 0.5...1)
                guard error.isTransient, !Task.isCancelled, .now + wait < deadline else { throw error }
                await client.pause(wait)
            }
            pause *= 2
        }
    }

    private func attempt(
        _ operation: OperationName, _ body: [UInt8], until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> JSONObject {
        let headers = try await headers(operation, body)
        let answer: (status: Int, body: ByteBuffer)
        do throws(OutboundFailure) {
            answer = try await client.post(
                body, to: endpoint.url, headers: headers, answerAtMost: Self.largestAnswer, until: deadline)
        } catch .tooLong(let limit) {
            throw .unexpectedAnswer("more than \(limit) bytes")
        } catch {
            throw .unreachable("\(endpoint.url): \(error)")
        }
        return try Self.answer(answer.body, answer.status)
    }

    private func headers(_ operation: OperationName, _ body: [UInt8]) async throws(KMSFailure) -> [(String, String)] {
        let credentials = try await credentials()
        var headers = [
            ("host", endpoint.authority), ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "TrentService.\(operation.rawValue)"),
        ]
        if let token = credentials.sessionToken { headers.append(("x-amz-security-token", token)) }
        let unsigned = SignedRequest(method: "POST", path: "/", query: "", headers: headers, body: body)
        let signed = Signer(accessKeyID: credentials.accessKeyID, secret: credentials.secret)
            .sign(unsigned, region: region, service: .kms, at: date())
        // For audit logs; it is not signed, because proxies change it.
        return signed.headers.map { ($0.name, $0.value) } + [("user-agent", "chatelaine-kubernetes-plugin")]
    }

    private func credentials() async throws(KMSFailure) -> Credentials {
        switch source {
        case .fixed(let credentials): return credentials
        case .file(let path, let profile):
            let text: String
            do {
                text = try await NIOThreadPool.singleton.runIfActive { try Self.text(ofFile: path) }
            } catch {
                throw .noCredentials("cannot read \(path)")
            }
            return try SharedCredentialsFile.credentials(of: profile, in: text)
        }
    }

    private static func text(ofFile path: String) throws -> String {
        // Of a pipe nobody waits for the other end.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw CocoaError(.fileReadNoSuchFile) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        return String(decoding: try file.read(upToCount: largestFile) ?? Data(), as: UTF8.self)
    }

    private static func answer(_ bytes: ByteBuffer, _ status: Int) throws(KMSFailure) -> JSONObject {
        guard case .object(let object)? = try? JSONParser.parse(bytes.readableBytesView) else {
            // As of a proxy whose server is away.
            if status >= 500 { throw .unreachable("the answer is \(status)") }
            throw .unexpectedAnswer("\(status), and no JSON")
        }
        guard status != 200 else { return object }
        // A name can come with the name space of the service in front of it.
        let name = object.text("__type")?.split(separator: "#").last.map(String.init) ?? "\(status)"
        throw .refused(
            code: KMSError.Code(rawValue: name) ?? (status >= 500 ? .serviceUnavailable : nil), name: name,
            message: object.text("message") ?? object.text("Message") ?? "")
    }
}
