import Foundation
import Glibc

/// What the system knows of the process, under the names that Prometheus's client libraries have for it.
///
/// Source: proc(5); Prometheus, "Writing client libraries", process metrics.
struct ProcessStatistics {
    private static let pageSize = UInt64(max(sysconf(Int32(_SC_PAGESIZE)), 1))
    private static let ticksPerSecond = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))

    private let processorSeconds: Double?
    private let residentBytes: UInt64?
    private let virtualBytes: UInt64?
    private let startTime: Double?
    private let openDescriptors: Int?
    private let mostDescriptors: UInt64?

    static var now: ProcessStatistics { ProcessStatistics() }

    private init() {
        // Behind the program's name, which can hold anything, stand the fields from the third on.
        let fields = (Self.text("/proc/self/stat")?.split(separator: ")").last ?? "").split(separator: " ")
        func number(_ field: Int) -> UInt64? { fields.count > field - 3 ? UInt64(fields[field - 3]) : nil }
        let ticks = number(14).flatMap { user in number(15).map { user + $0 } }
        processorSeconds = ticks.map { Double($0) / Self.ticksPerSecond }
        virtualBytes = number(23)
        residentBytes = number(24).map { $0 * Self.pageSize }
        let boot = Self.text("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
        let bootTime = boot.flatMap { Double($0.dropFirst("btime ".count)) }
        startTime = bootTime.flatMap { boot in number(22).map { boot + Double($0) / Self.ticksPerSecond } }
        // Less the one by which they are counted.
        openDescriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { $0.count - 1 }
        var limit = rlimit()
        let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        mostDescriptors = isKnown ? UInt64(limit.rlim_cur) : nil
    }

    /// Adds what is known.
    func add(to text: inout Exposition) {
        text.metric(
            "process_cpu_seconds_total", .counter, "Processor time of the program and the system for it.",
            processorSeconds)
        text.metric("process_resident_memory_bytes", .gauge, "Memory that is resident.", residentBytes)
        text.metric("process_virtual_memory_bytes", .gauge, "Memory that is addressed.", virtualBytes)
        text.metric("process_start_time_seconds", .gauge, "When the process began, since 1970.", startTime)
        text.metric("process_open_fds", .gauge, "Open file descriptors.", openDescriptors)
        text.metric("process_max_fds", .gauge, "The most descriptors that may be open.", mostDescriptors)
    }

    /// The files of proc(5) have no size to be read by.
    private static func text(_ path: String) -> String? {
        guard let file = FileHandle(forReadingAtPath: path), let data = try? file.readToEnd() else { return nil }
        return String(decoding: data, as: UTF8.self)
    }
}
