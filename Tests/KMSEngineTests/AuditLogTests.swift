import Foundation
import KMSEngine
import Testing

struct AuditLogTests {
    private func lines(in directory: URL) throws -> [String] {
        String(decoding: try Data(contentsOf: directory.appendingPathComponent("audit.jsonl")), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    @Test func `what was kept is in the file, each line whole`() async throws {
        try await withTemporaryDirectory { directory in
            let log = try AuditLog(directory: directory)
            try await withThrowingTaskGroup { group in
                for number in 0..<500 {
                    group.addTask { try await log.append(Array("line \(number)\n".utf8), durably: number % 7 == 0) }
                }
                try await group.waitForAll()
            }
            #expect(try Set(lines(in: directory)) == Set((0..<500).map { "line \($0)" }))
            log.close()
        }
    }

    @Test func `a closed log keeps nothing and says so`() async throws {
        try await withTemporaryDirectory { directory in
            let log = try AuditLog(directory: directory)
            log.close()
            log.close()
            await #expect(throws: AuditFailure.self) { try await log.append([0x0A], durably: false) }
        }
    }

    @Test(arguments: [3, 4095, 4096, 4097, 10_000])
    func `a line that a crash cut off is gone, and no other`(length: Int) async throws {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            let half = String(repeating: "h", count: length)
            try Data("whole\n\(half)".utf8).write(to: directory.appendingPathComponent("audit.jsonl"))
            let log = try AuditLog(directory: directory)
            try await log.append(Array("next\n".utf8), durably: true)
            log.close()
            #expect(try lines(in: directory) == ["whole", "next"])
        }
    }

    @Test func `a log of whole lines is not touched at the start`() async throws {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            let file = directory.appendingPathComponent("audit.jsonl")
            try Data("whole\n".utf8).write(to: file)
            let then = Date(timeIntervalSince1970: 1_000_000_000)
            try FileManager.default.setAttributes([.modificationDate: then], ofItemAtPath: file.path)
            try AuditLog(directory: directory).close()
            let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
            #expect(attributes[.modificationDate] as? Date == then)
        }
    }

    @Test func `the file is its owner's alone`() async throws {
        try await withTemporaryDirectory { directory in
            let log = try AuditLog(directory: directory)
            log.close()
            let path = directory.appendingPathComponent("audit.jsonl").path
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test func `a directory that cannot be made is a failure`() {
        #expect(throws: AuditFailure.self) { try AuditLog(directory: URL(fileURLWithPath: "/proc/no/such")) }
    }
}
