import Foundation
import Glibc
import Synchronization

/// A server of PostgreSQL that belongs to this process, with a database for each store.
///
/// It keeps nothing: what it is asked to have on the disk may be in the system's memory only.
final class PostgreSQLServer: Sendable {
    /// What went wrong when it was started.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let started = Result { try PostgreSQLServer() }

    /// The server, which is started when it is first needed.
    static var shared: PostgreSQLServer { get throws { try started.get() } }

    let directory: String
    private let programs: String
    private let count = Atomic(0)
    /// The number of the server's process; zero while there is none.
    private let server = Mutex<pid_t>(0)

    private init() throws {
        guard let programs = Self.findPrograms() else {
            throw Failure(description: "PostgreSQL's server programs are not installed: make install-dependencies")
        }
        self.programs = programs
        directory = FileManager.default.temporaryDirectory.appending(path: "pg-\(getpid())").path
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        if geteuid() == 0, chown(directory, Self.unprivileged, Self.unprivileged) != 0 {
            throw Failure(description: "cannot give \(directory) to another user")
        }
        try run("initdb", ["-D", "\(directory)/data", "-A", "trust", "-U", "test", "-E", "UTF8", "--no-sync"])
        try start()
        atexit { if case .success(let server)? = Optional(PostgreSQLServer.started) { server.end() } }
    }

    /// Starts the server, also again once it has been stopped.
    ///
    /// It is a child of this process: Foundation takes a program for running as long as one that it started does.
    func start() throws {
        let options = ["-D", "\(directory)/data", "-k", directory, "-c", "listen_addresses="]
        let settings = ["fsync=off", "max_connections=500"].flatMap { ["-c", $0] }
        let process = process("postgres", options + settings)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        server.withLock { $0 = process.processIdentifier }
        for _ in 0..<300 {
            if (try? run("psql", ["-X", "-h", directory, "-U", "test", "-d", "postgres", "-c", "SELECT 1"])) != nil {
                return
            }
            usleep(100_000)
        }
        throw Failure(description: "PostgreSQL did not start in \(directory)")
    }

    /// Stops the server at once, as a crash would.
    func stop() throws {
        let number = server.withLock { $0 }
        guard number > 0, kill(number, SIGQUIT) == 0 else { throw Failure(description: "there is no server to stop") }
        for _ in 0..<300 where FileManager.default.fileExists(atPath: "\(directory)/data/postmaster.pid") {
            usleep(100_000)
        }
        server.withLock { $0 = 0 }
    }

    private func end() {
        try? stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Makes a database, and answers where it is.
    func makeDatabase() throws -> String {
        let name = "store\(count.add(1, ordering: .relaxed).newValue)"
        try run("createdb", ["-h", directory, "-U", "test", name])
        return location(of: name)
    }

    /// Where the database of this name is.
    func location(of name: String) -> String { "postgresql://test@/\(name)?host=\(directory)" }

    /// Runs statements in a database, and answers what they print.
    @discardableResult
    func sql(_ text: String, in location: String) throws -> String {
        try run("psql", ["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", location, "-c", text])
    }

    /// The numbers of the user and group that the server runs as when this process is root: initdb refuses root.
    private static let unprivileged: UInt32 = 65_534

    private static func findPrograms() -> String? {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        let places = versions.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "/usr/lib/postgresql/\($0)/bin" }
        return (places + ["/usr/local/bin", "/usr/bin"]).first {
            FileManager.default.isExecutableFile(atPath: "\($0)/initdb")
        }
    }

    /// What runs one of the server's programs, as a user that is not root.
    private func process(_ program: String, _ arguments: [String]) -> Process {
        let process = Process()
        let command = ["\(programs)/\(program)"] + arguments
        if geteuid() == 0 {
            process.executableURL = URL(filePath: "/usr/bin/setpriv")
            let user = "\(Self.unprivileged)"
            process.arguments = ["--reuid", user, "--regid", user, "--clear-groups"] + command
        } else {
            process.executableURL = URL(filePath: command[0])
            process.arguments = arguments
        }
        process.currentDirectoryURL = URL(filePath: "/")
        process.standardInput = FileHandle.nullDevice
        return process
    }

    @discardableResult
    private func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = process(program, arguments)
        let output = "\(FileManager.default.temporaryDirectory.path)/pg-output-\(UUID())"
        try Data().write(to: URL(filePath: output))
        defer { try? FileManager.default.removeItem(atPath: output) }
        let file = try FileHandle(forWritingTo: URL(filePath: output))
        process.standardOutput = file
        process.standardError = file
        try process.run()
        process.waitUntilExit()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        guard process.terminationStatus == 0 else { throw Failure(description: "\(program): \(text)") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
