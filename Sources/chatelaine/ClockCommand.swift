import ArgumentParser
import Foundation
import FoundationNetworking
import KMSAccess
import KMSModel

struct ClockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clock", abstract: "Move the clock of a development server.", subcommands: [Advance.self]
    )

    struct Advance: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Move the clock forward; what is due by then has happened when this returns.",
            discussion: "The server must have been started with `chatelaine dev --clock controllable`."
        )

        @Argument(help: "How far: a number with s, m, h, d or w, such as 30d.")
        var duration: String

        /// A year's work on many keys takes hours: a week without an answer is nobody's patience, but a server's end
        /// closes the connection long before.
        private static let longestWait: TimeInterval = 7 * 86_400

        @Option(help: "The server's URL.")
        var endpoint = "http://\(ListenAddress.standard)"

        @Option(help: "A root user's access key (default: AWS_ACCESS_KEY_ID, or that of `dev`).")
        var accessKeyId: String?

        @Option(help: "Its secret (default: AWS_SECRET_ACCESS_KEY, or that of `dev`).")
        var secretAccessKey: String?

        mutating func run() async throws {
            let seconds = try Self.seconds(in: duration)
            let environment = ProcessInfo.processInfo.environment
            let id = accessKeyId ?? environment["AWS_ACCESS_KEY_ID"] ?? DevelopmentCredential.accessKeyID
            let secret = secretAccessKey ?? environment["AWS_SECRET_ACCESS_KEY"] ?? DevelopmentCredential.secret
            let now = try await Self.advance(by: seconds, at: endpoint, id, SecretBytes(copying: secret.utf8))
            announce("It is now \(now)")
        }

        static func seconds(in text: String) throws -> Int {
            let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
            guard let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()), count >= 0,
                count <= Int.max / 604_800
            else { throw CommandFailure.configuration("\"\(text)\" is not a duration such as 30d, 12h or 90s") }
            return count * unit
        }

        private static func advance(
            by seconds: Int, at endpoint: String, _ id: String, _ secret: SecretBytes
        ) async throws -> String {
            guard let url = URL(string: endpoint), let host = url.host else {
                throw CommandFailure.configuration("\"\(endpoint)\" is not a URL")
            }
            let authority = url.port.map { "\(host):\($0)" } ?? host
            let body = Array("{\"Seconds\":\(seconds)}".utf8)
            let unsigned = SignedRequest(
                method: "POST", path: "/", query: "",
                headers: [
                    ("host", authority), ("content-type", "application/x-amz-json-1.1"),
                    ("x-amz-target", "Chatelaine.AdvanceClock"),
                ],
                body: body
            )
            let signed = Signer(accessKeyID: id, secret: secret).sign(
                unsigned, region: "us-east-1", service: .administration, at: Date()
            )
            var request = URLRequest(url: url)
            request.timeoutInterval = longestWait
            request.httpMethod = "POST"
            request.httpBody = Data(body)
            for header in signed.headers where header.name != "host" {
                request.setValue(header.value, forHTTPHeaderField: header.name)
            }
            return try await send(request, to: endpoint)
        }

        /// What says that nothing was sent.
        private static let unreachable: Set<URLError.Code> = [
            .cannotConnectToHost, .cannotFindHost, .dnsLookupFailed, .unsupportedURL,
        ]

        private static func send(_ request: URLRequest, to endpoint: String) async throws -> String {
            let answer: (Data, URLResponse)
            do {
                answer = try await URLSession.shared.data(for: request)
            } catch let error as URLError where unreachable.contains(error.code) {
                throw CommandFailure.operation("cannot reach \(endpoint): no server listens there")
            } catch {
                throw CommandFailure.operation(
                    "the connection to \(endpoint) ended without an answer; the clock may have moved")
            }
            guard case .object(let object)? = try? JSONParser.parse(answer.0) else {
                throw CommandFailure.operation("\(endpoint) is not a Chatelaine server")
            }
            if case .number(let digits)? = object["Now"], let seconds = TimeInterval(digits) {
                return ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: seconds))
            }
            guard case .string(let type)? = object["__type"] else {
                throw CommandFailure.operation("\(endpoint) is not a Chatelaine server")
            }
            if type == KMSError.Code.unknownOperation.rawValue {
                throw CommandFailure.operation(
                    "the clock of \(endpoint) cannot be moved: start it with --clock controllable")
            }
            if case .string(let message)? = object["message"] {
                throw CommandFailure.operation("\(type): \(message)")
            }
            throw CommandFailure.operation(type)
        }
    }
}
