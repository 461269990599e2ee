import Foundation
import KMSEngine
import Testing

/// A log on a disk that has no room.
///
/// Needs the right to mount one, and is skipped without it.
@Suite(.enabled("only root can mount a small file system") { SmallDisk.isPossible }, .serialized)
struct AuditFullDiskTests {
    @Test(arguments: [1, 7, 40])
    func `records that do not fit are refused whole, and the chain waits for them`(groupSize: Int) async throws {
        let disk = try SmallDisk(size: "256k")
        let box = try AuditLogBox(in: URL(filePath: disk.path))
        let log = try box.open()
        func group(_ number: Int) -> [UInt8] { (0..<groupSize).flatMap { box.record(groupSize * number + $0) } }
        try await log.append(group(0), .now)
        for _ in 0..<3 {
            try disk.fill()
            var taken = log.durableHead.sequence
            var refusal: AuditFailure?
            while refusal == nil {
                do throws(AuditFailure) {
                    try await log.append(group(1), .later)
                    taken += UInt64(groupSize)
                } catch {
                    refusal = error
                }
            }
            #expect(try #require(refusal).description.contains("No space left on device"))
            await #expect(throws: AuditFailure.self) { try await log.append(group(2), .now) }
            #expect(try Data(contentsOf: box.current).last == 0x0A, "whole lines only")
            #expect(try box.lines().count == Int(taken))
            disk.free()
            try await log.append(group(3), .now)
            #expect(log.durableHead.sequence == taken + UInt64(groupSize), "no number was lost")
        }
        log.close()
        #expect(try box.verify(log.durableHead).isWhole)
    }

    @Test func `a file that cannot give way because the disk is full goes on when there is room`() async throws {
        let disk = try SmallDisk(size: "256k")
        let box = try AuditLogBox(in: URL(filePath: disk.path))
        var configuration = AuditConfiguration()
        configuration.fileSize = 8192
        let log = try box.open(.nothing, configuration)
        for _ in 0..<3 {
            try disk.fill()
            var isFull = false
            for number in 0..<10_000 where !isFull {
                do { try await log.append(box.record(number), .later) } catch { isFull = true }
            }
            #expect(isFull)
            disk.free()
            for number in 0..<100 { try await log.append(box.record(number), .later) }
        }
        log.close()
        let report = try box.verify(log.durableHead)
        #expect(report.isWhole && report.fileCount > 2)
    }
}

/// A file system in memory, which is gone afterwards.
private final class SmallDisk {
    static let isPossible = (try? SmallDisk(size: "64k")) != nil

    let path = FileManager.default.temporaryDirectory.appendingPathComponent("disk-\(UUID().uuidString)").path
    private var filler: String { "\(path)/filler" }

    private struct Failed: Error {}

    init(size: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try run("mount", "-t", "tmpfs", "-o", "size=\(size)", "tmpfs", path)
    }

    /// Takes every page that is left.
    func fill() throws {
        guard FileManager.default.createFile(atPath: filler, contents: nil),
            let file = FileHandle(forWritingAtPath: filler)
        else { throw Failed() }
        while (try? file.write(contentsOf: Data(count: 4096))) != nil {}
        try? file.close()
    }

    func free() { try? FileManager.default.removeItem(atPath: filler) }

    deinit {
        try? run("umount", "-l", path)
        try? FileManager.default.removeItem(atPath: path)
    }

    private func run(_ command: String...) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed() }
    }
}
