import Foundation
import Glibc
package import KMSCrypto
import KMSModel

/// What of a data directory goes into a backup: the store as it is at one moment, and the audit log behind it.
///
/// The copy of the store comes first, so the log has whatever the store expects of it. It blocks but for the copy: never use
/// it on an event loop.
package struct BackupSource {
    /// The names of the store's file and of the folder of the audit log.
    package static let (storeName, auditName) = ("chatelaine.sqlite", "audit")
    private static let currentLog = "audit.jsonl"
    /// How often to look for a file that must be there, a millisecond apart: between two files of the log there is none.
    private static let mostLooks = 50

    private struct File {
        let name: String
        let descriptor: Int32
        let inode: UInt64
        let byteCount: Int
    }

    private var files: [File]

    /// Opens what is to be copied; log files that are closed and renamed meanwhile are followed.
    ///
    /// - Parameters:
    ///   - store: A copy of the store (``Store/copy(to:)``).
    ///   - auditDirectory: Nil to leave the log out.
    /// - Throws: ``BackupFailure``.
    package init(store: String, auditDirectory: String?) throws(BackupFailure) {
        files = [try Self.required(Self.storeName, at: store)]
        guard let auditDirectory else { return }
        // First the one that is written: if it is closed now, it is found under its new name as the same file.
        let current = try Self.required(
            "\(Self.auditName)/\(Self.currentLog)", at: "\(auditDirectory)/\(Self.currentLog)")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: auditDirectory)) ?? []
        for name in names.sorted() where name != Self.currentLog && Self.admits("\(Self.auditName)/\(name)") {
            guard let file = try Self.open("\(Self.auditName)/\(name)", at: "\(auditDirectory)/\(name)") else {
                continue
            }
            if file.inode == current.inode { Glibc.close(file.descriptor) } else { files.append(file) }
        }
        files.append(current)
    }

    /// Whether a backup has a file of this name: the store, or one of the log.
    package static func admits(_ name: String) -> Bool {
        if name == storeName { return true }
        guard name.hasPrefix("\(auditName)/"), name.hasSuffix(".jsonl") else { return false }
        return name.dropFirst(auditName.count + 1).utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "-"), UInt8(ascii: "."): true
            default: false
            }
        }
    }

    /// How many bytes there are to copy.
    package var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }

    /// Writes all of it, durably.
    ///
    /// - Parameter onProgress: Called with the bytes that were read since the last call.
    /// - Throws: ``BackupFailure``; a half of a file is left then.
    package func write(
        to path: String, _ header: BackupHeader, rootKey: RootKey, onProgress: (Int) -> Void
    ) throws(BackupFailure) {
        let writer = try BackupWriter(to: path, header, rootKey: rootKey)
        for file in files { try writer.add(file.name, from: file.descriptor, onProgress: onProgress) }
        try writer.finish()
    }

    /// Closes the files.
    package func close() { for file in files { Glibc.close(file.descriptor) } }

    private static func required(_ name: String, at path: String) throws(BackupFailure) -> File {
        guard let file = try open(name, at: path, mostLooks: mostLooks) else {
            throw .system(attempt: "copy", path: path, reason: "it is not a regular file")
        }
        return file
    }

    /// Opens a file.
    ///
    /// - Parameter mostLooks: How often to look for one that is not there.
    /// - Returns: Nil for what the log has none of: a link may lead anywhere, and a pipe would be waited for.
    private static func open(
        _ name: String, at path: String, mostLooks: Int = 1
    ) throws(BackupFailure) -> File? {
        var descriptor: Int32 = -1
        for look in 1...mostLooks {
            descriptor = Glibc.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard descriptor < 0, errno == ENOENT, look < mostLooks else { break }
            usleep(1000)
        }
        guard descriptor >= 0 else {
            // What a link and a socket are answered with.
            if errno == ELOOP || errno == ENXIO { return nil }
            throw .failing("open", path)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(descriptor)
            return nil
        }
        return File(
            name: name, descriptor: descriptor, inode: UInt64(status.st_ino), byteCount: Int(status.st_size))
    }
}
