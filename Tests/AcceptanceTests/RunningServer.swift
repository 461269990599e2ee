import Foundation

/// The built server, running in development mode for one test.
struct RunningServer: Sendable {
    /// Its address, as it said on its first line.
    let endpoint: String

    // The development account's own, which `chatelaine dev` documents.
    static let account = "000000000000"
    static let accessKeyID = "AKIAIOSFODNN7EXAMPLE"
    static let secretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    static let region = "us-east-1"

    /// What any AWS client needs to reach the server and to ignore whatever else the machine is configured for.
    var clientEnvironment: [String: String] {
        [
            "AWS_ACCESS_KEY_ID": Self.accessKeyID,
            "AWS_SECRET_ACCESS_KEY": Self.secretAccessKey,
            "AWS_DEFAULT_REGION": Self.region,
            "AWS_REGION": Self.region,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "AWS_SESSION_TOKEN": "",
        ]
    }

    /// Starts a server on a free port, lends it to `body`, and ends it, whatever happened.
    ///
    /// - Parameter flags: More of them for the command.
    /// - Throws: What `body` throws, or ``ProgramFailure`` with the server's log when it does not start within 20
    ///   seconds, ends by itself, or does not end within 15 seconds of being asked.
    static func use<Result: Sendable>(
        dataDirectory: URL, flags: [String] = [], _ body: (RunningServer) async throws -> Result
    ) async throws -> Result {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let (output, log) = (files.file("output"), files.file("log"))
        let process = try ExternalProgram(path: Repository.binary).launch(
            ["dev", "--listen", "127.0.0.1:0", "--data-dir", dataDirectory.path] + flags, output: output, errors: log
        )
        do {
            let endpoint = try await firstLine(of: output, from: process, log: log)
            let result = try await body(RunningServer(endpoint: endpoint))
            guard process.isRunning else { throw failure("ended by itself", log: log) }
            process.terminate()
            guard await process.waitForExit(atMost: .seconds(15)) else { throw failure("ignores SIGTERM", log: log) }
            guard process.terminationStatus == 0 else {
                throw failure("ended with exit code \(process.terminationStatus)", log: log)
            }
            return result
        } catch {
            await process.endByForce(grace: .seconds(2))
            throw error
        }
    }

    private static func firstLine(of output: URL, from process: Process, log: URL) async throws -> String {
        let ready = "listening on "
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            let text = String(decoding: try Data(contentsOf: output), as: UTF8.self)
            if let end = text.firstIndex(of: "\n") {
                guard text.hasPrefix(ready) else { throw failure("says \(text)", log: log) }
                return String(text[..<end].dropFirst(ready.count))
            }
            guard process.isRunning else { throw failure("did not start", log: log) }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw failure("did not say that it listens", log: log)
    }

    private static func failure(_ what: String, log: URL) -> ProgramFailure {
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        return ProgramFailure(description: "the server \(what); its log:\n\(text.suffix(20_000))")
    }
}
