import ArgumentParser
import Foundation
import FoundationNetworking
import KMSAccess
import KMSModel

/// The options of every command that asks a running server.
struct AdministrationOptions: ParsableArguments {
    @Option(help: "The server's URL.")
    var endpoint = "http://\(ListenAddress.standard)"

    @Option(help: "An access key (default: AWS_ACCESS_KEY_ID, or that of `dev`).")
    var accessKeyId: String?

    @Option(help: "Its secret (default: AWS_SECRET_ACCESS_KEY, or that of `dev`).")
    var secretAccessKey: String?

    @Option(help: "The region of the request (default: AWS_REGION, AWS_DEFAULT_REGION, or us-east-1).")
    var region: String?

    func client() throws -> AdministrationClient {
        let environment = ProcessInfo.processInfo.environment
        let id = accessKeyId ?? environment["AWS_ACCESS_KEY_ID"]
        let secret = secretAccessKey ?? environment["AWS_SECRET_ACCESS_KEY"] ?? DevelopmentCredential.secret
        return try AdministrationClient(
            endpoint: endpoint, accessKeyID: id ?? DevelopmentCredential.accessKeyID,
            secret: SecretBytes(copying: secret.utf8),
            // A token goes with the access key of the environment, and with no other one.
            token: accessKeyId == nil ? environment["AWS_SESSION_TOKEN"] : nil,
            region: region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? "us-east-1"
        )
    }
}

/// Sends requests of this server's own API, signed like every other request.
struct AdministrationClient {
    /// A year's work on many keys takes hours: a week without an answer is nobody's patience, but a server's end closes the
    /// connection long before.
    private static let longestWait: TimeInterval = 7 * 86_400

    /// What says that nothing was sent.
    private static let unreachable: Set<URLError.Code> = [
        .cannotConnectToHost, .cannotFindHost, .dnsLookupFailed, .unsupportedURL,
    ]

    /// What a command says in its own words.
    enum Failure: Error {
        /// The connection ended without an answer.
        case interrupted
        /// The server does not have the operation.
        case unknownOperation
    }

    let endpoint: String
    private let url: URL
    private let authority: String
    private let signer: Signer
    private let token: String?
    private let region: String

    init(endpoint: String, accessKeyID: String, secret: SecretBytes, token: String?, region: String) throws {
        guard let url = URL(string: endpoint), let host = url.host else {
            throw CommandFailure.configuration("\"\(endpoint)\" is not a URL")
        }
        self.endpoint = endpoint
        self.url = url
        authority = url.port.map { "\(host):\($0)" } ?? host
        signer = Signer(accessKeyID: accessKeyID, secret: secret)
        self.token = token
        self.region = region
    }

    /// Sends a request, and returns what a server that did it answers.
    ///
    /// - Throws: ``Failure``; ``CommandFailure`` with what the server says.
    func send(_ operation: String, _ members: JSONObject) async throws -> JSONObject {
        var writer = JSONWriter()
        writer.value(.object(members))
        var headers = [
            ("host", authority), ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Chatelaine.\(operation)"),
        ]
        if let token { headers.append(("x-amz-security-token", token)) }
        let unsigned = SignedRequest(method: "POST", path: "/", query: "", headers: headers, body: writer.bytes)
        let signed = signer.sign(unsigned, region: region, service: .administration, at: Date())
        var request = URLRequest(url: url)
        request.timeoutInterval = Self.longestWait
        request.httpMethod = "POST"
        request.httpBody = Data(writer.bytes)
        for header in signed.headers where header.name != "host" {
            request.setValue(header.value, forHTTPHeaderField: header.name)
        }
        return try answer(try await bytes(of: request))
    }

    private func bytes(of request: URLRequest) async throws -> Data {
        do {
            return try await URLSession.shared.data(for: request).0
        } catch let error as URLError where Self.unreachable.contains(error.code) {
            throw CommandFailure.operation("cannot reach \(endpoint): no server listens there")
        } catch {
            throw Failure.interrupted
        }
    }

    private func answer(_ body: Data) throws -> JSONObject {
        guard case .object(let object)? = try? JSONParser.parse(body) else {
            throw CommandFailure.operation("\(endpoint) is not a Chatelaine server")
        }
        guard case .string(let type)? = object["__type"] else { return object }
        guard type != KMSError.Code.unknownOperation.rawValue else { throw Failure.unknownOperation }
        if case .string(let message)? = object["message"] ?? object["Message"] {
            throw CommandFailure.operation("\(type): \(message)")
        }
        throw CommandFailure.operation(type)
    }
}
