import Foundation

/// What a program left behind when it ended.
struct ProgramResult: Sendable {
    let command: String
    let exitCode: Int32
    let standardOutput: String
    let standardError: String

    /// Everything that a person needs to see why a test failed.
    var transcript: String {
        "$ \(command)\n\(standardOutput.suffix(20_000))\(standardError.suffix(20_000))\nexit code \(exitCode)"
    }
}

/// A program that did not do what a test needs of it.
struct ProgramFailure: Error, CustomStringConvertible {
    let description: String
}

/// A program that a test runs to its end.
struct ExternalProgram {
    let path: String
    /// What the program's environment has besides the test's own.
    var environment: [String: String] = [:]
    var directory: URL?

    /// Runs the program and waits for its end, whatever the result.
    ///
    /// - Throws: ``ProgramFailure`` when it cannot be started, or has to be ended because `timeout` is over.
    func run(_ arguments: [String], timeout: Duration = .seconds(60)) async throws -> ProgramResult {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let output = files.url.appendingPathComponent("output")
        let errors = files.url.appendingPathComponent("errors")
        let process = try launch(arguments, output: output, errors: errors)
        let ended = await process.waitForExit(atMost: timeout)
        if !ended { await process.endByForce(grace: .seconds(10)) }
        let result = ProgramResult(
            command: ([path] + arguments).joined(separator: " "),
            exitCode: process.terminationStatus,
            standardOutput: try String(decoding: Data(contentsOf: output), as: UTF8.self),
            standardError: try String(decoding: Data(contentsOf: errors), as: UTF8.self)
        )
        guard ended else { throw ProgramFailure(description: "not done within \(timeout):\n\(result.transcript)") }
        return result
    }

    /// Runs the program, which must succeed.
    ///
    /// - Throws: ``ProgramFailure`` with its whole output when its exit code is none of `accepting`.
    @discardableResult
    func succeed(
        _ arguments: [String], accepting: Set<Int32> = [0], timeout: Duration = .seconds(60)
    ) async throws -> ProgramResult {
        let result = try await run(arguments, timeout: timeout)
        guard accepting.contains(result.exitCode) else { throw ProgramFailure(description: result.transcript) }
        return result
    }

    /// Starts the program with its output going to files, which no reader has to keep up with.
    func launch(_ arguments: [String], output: URL, errors: URL) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.currentDirectoryURL = directory
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingNew: output)
        process.standardError = try FileHandle(forWritingNew: errors)
        do { try withNoSignalBlocked(process.run) } catch {
            throw ProgramFailure(description: "\(path) cannot be started: \(error)")
        }
        return process
    }

    /// Runs `body` with no signal blocked in its thread.
    ///
    /// The threads that tests run on block all signals, a new process inherits that, and then SIGTERM does not reach it.
    private func withNoSignalBlocked(_ body: () throws -> Void) rethrows {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try body()
    }
}

extension FileHandle {
    /// Makes an empty file and opens it for writing.
    convenience init(forWritingNew url: URL) throws {
        try Data().write(to: url)
        try self.init(forWritingTo: url)
    }
}

extension Process {
    /// Whether the process ended before `limit` was over.
    func waitForExit(atMost limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while isRunning {
            // A cancelled test must not spin here until its deadline.
            if ContinuousClock.now > deadline || Task.isCancelled { return false }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return true
    }

    /// Asks the process to end, and kills it when it has not done so after `grace`.
    func endByForce(grace: Duration) async {
        guard isRunning else { return }
        terminate()
        // A task of its own, because sleep ends at once in a cancelled one.
        let ended = await Task.detached { await self.waitForExit(atMost: grace) }.value
        guard !ended else { return }
        kill(processIdentifier, SIGKILL)
        waitUntilExit()
    }
}
