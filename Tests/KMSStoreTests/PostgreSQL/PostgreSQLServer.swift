import Foundation
import Glibc
import Synchronization

/// A server of PostgreSQL for the tests alone, on a port of 127.0.0.1; it ends with the tests, however they end.
final class PostgreSQLServer: Sendable {
    /// The one of this process for whatever does not harm it.
    static let shared = Result { try PostgreSQLServer() }

    /// Where the programs of the newest version are that is installed.
    private static let programs: String? = {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let places = versions.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "\(root)/\($0)/bin" }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (places + path.split(separator: ":").map(String.init)).first { place in
            ["initdb", "postgres", "psql"].allSatisfy {
                FileManager.default.isExecutableFile(atPath: "\(place)/\($0)")
            }
        }
    }()

    static var isInstalled: Bool { programs != nil }

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    private struct Running {
        let keeper: Process
        let orders: FileHandle
    }

    let port: UInt16
    private let programs: String
    private let directory: ScratchDirectory
    private let running = Mutex<Running?>(nil)
    private let schemas = Mutex<Set<String>>([])

    init() throws {
        guard let programs = Self.programs else { throw Failed(description: "PostgreSQL is not installed") }
        self.programs = programs
        directory = try ScratchDirectory()
        port = try Self.freePort()
        if geteuid() == 0 { chown(directory.path, Self.nobody, Self.nobody) }
        try Self.run(
            Self.unprivileged + [
                "\(programs)/initdb", "--pgdata=\(directory.path)/data", "--username=postgres", "--auth=trust",
                "--encoding=UTF8", "--locale=C", "--no-sync",
            ])
        try start()
    }

    deinit { try? running.withLock { try $0?.orders.close() } }

    // MARK: Beginning and end

    private static let nobody: uid_t = 65534
    /// The server refuses to run as root.
    private static var unprivileged: [String] {
        geteuid() == 0 ? ["setpriv", "--reuid=\(nobody)", "--regid=\(nobody)", "--clear-groups"] : []
    }

    /// Ends the server with the signal that it is told, or, when there is nobody left to tell it, with all that it has.
    private static let keeper = """
        directory=$1; shift
        "$@" >"$directory/log" 2>&1 </dev/null &
        server=$!
        last=
        read -r signal || { signal=QUIT; last=yes; }
        kill -s "$signal" $server
        wait $server
        [ -z "$last" ] || rm -rf "$directory"
        """

    func start() throws {
        let keeper = Process()
        let orders = Pipe()
        keeper.executableURL = URL(filePath: "/bin/bash")
        keeper.arguments =
            ["-c", Self.keeper, "keeper", directory.path] + Self.unprivileged + [
                "\(programs)/postgres", "-D", "\(directory.path)/data", "-p", "\(port)",
                "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
                "-c", "max_connections=900", "-c", "shared_buffers=64MB", "-c", "max_wal_size=256MB",
                "-c", "deadlock_timeout=100ms",
            ]
        keeper.standardInput = orders
        // Whoever reads the output of the tests waits until nobody has it open any more.
        (keeper.standardOutput, keeper.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
        try keeper.run()
        running.withLock { $0 = Running(keeper: keeper, orders: orders.fileHandleForWriting) }
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                try sql("SELECT 1")
                return
            } catch {
                let log = (try? String(contentsOfFile: "\(directory.path)/log", encoding: .utf8)) ?? ""
                guard .now < deadline else { throw Failed(description: "the server does not start: \(log)") }
                usleep(50_000)
            }
        }
    }

    /// Ends the server: in order (INT), or as a crash would (QUIT).
    func stop(_ signal: String = "INT") throws {
        guard let running = running.withLock({ $0.take() }) else { return }
        try running.orders.write(contentsOf: Data("\(signal)\n".utf8))
        running.keeper.waitUntilExit()
    }

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        guard isBound else { throw Failed(description: "there is no free port") }
        return UInt16(bigEndian: address.sin_port)
    }

    /// Stops every process of the server, so that it takes what is sent and says nothing, or lets them go on.
    func freeze(_ isFrozen: Bool) throws {
        let file = try String(contentsOfFile: "\(directory.path)/data/postmaster.pid", encoding: .utf8)
        guard let postmaster = pid_t(file.prefix { $0 != "\n" }) else { throw Failed(description: "no process") }
        let processes = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }
        let children = processes.filter { process in
            let status = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
            return status.split(separator: ")").last?.split(separator: " ").dropFirst().first == "\(postmaster)"
        }
        // The postmaster first: it would take its children's silence for nothing, but would make new ones.
        for process in [postmaster] + children { kill(process, isFrozen ? SIGSTOP : SIGCONT) }
    }

    // MARK: Use

    /// Where the tables are that belong to a directory: in a schema of their own, which there is after the first call.
    func location(of directory: ScratchDirectory) throws -> String {
        let name = Self.schema(of: directory)
        if schemas.withLock({ $0.insert(name).inserted }) { try sql("CREATE SCHEMA IF NOT EXISTS \(name)") }
        return location(schema: name)
    }

    static func schema(of directory: ScratchDirectory) -> String {
        URL(filePath: directory.path).lastPathComponent.lowercased().replacing("-", with: "_")
    }

    func location(schema: String, port: UInt16? = nil) -> String {
        "postgresql://postgres@127.0.0.1:\(port ?? self.port)/postgres?options=-csearch_path%3D\(schema)"
    }

    /// What statements answer, one line for each row.
    @discardableResult
    func sql(_ text: String, in directory: ScratchDirectory? = nil) throws -> String {
        let place = directory.map { location(schema: Self.schema(of: $0)) } ?? location(schema: "public")
        return try Self.run(["\(programs)/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", place, "-c", text])
    }

    /// Begins statements that are not waited for, in a session that is called a lock and the end of the schema's name.
    func begin(_ text: String, in directory: ScratchDirectory) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "\(programs)/psql")
        let schema = Self.schema(of: directory)
        let place = location(schema: schema) + "&application_name=lock%20\(schema.suffix(12))"
        process.arguments = ["-XAtq", "-d", place, "-c", text]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    @discardableResult
    private static func run(_ command: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failed(description: "\(command.first ?? "") failed: \(text)")
        }
        return text.trimmingCharacters(in: .newlines)
    }
}
