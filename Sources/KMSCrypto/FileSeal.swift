import Foundation
import KMSModel

#if canImport(Glibc)
    import Glibc
#endif

/// A root key in a file that only its owner may read.
///
/// The file is one line of text: `chatelaine-root-key`, the version, the key in base64 and the first eight hex digits of
/// the key's SHA-256, separated by single spaces. The checksum tells a damaged file from a wrong one; it is a hash of 32
/// random bytes and tells nothing about them.
package struct FileSeal: Seal {
    private static let label = "chatelaine-root-key"
    private static let version = "1"
    /// More than any version of the file will need.
    private static let largestFile = 1024

    private let path: String

    /// The root key file at `path`, which need not exist yet.
    package init(path: String) { self.path = path }

    /// Whether there is a file.
    package var exists: Bool { unsafe access(path, F_OK) == 0 }

    /// Makes a file with a new random root key, durably.
    ///
    /// - Throws: ``SealFailure``; an existing file is never touched.
    package func create(from randomness: any RandomSource = SystemRandomness()) throws(SealFailure) {
        let key: RootKey
        do throws(CryptoFailure) {
            key = try unsafe RootKey { buffer throws(CryptoFailure) in try unsafe randomness.fill(buffer) }
        } catch {
            throw .unavailable
        }
        let unfinished = unfinishedPath
        defer { _ = unsafe unlink(unfinished) }
        try write(key, to: unfinished)
        // A link refuses to replace a file, unlike a rename.
        guard unsafe link(unfinished, path) == 0 else {
            if errno == EEXIST { throw .alreadyExists(path: path) }
            throw failure("create")
        }
        try syncDirectory()
    }

    package func seal(_ key: RootKey) throws(SealFailure) {
        let unfinished = unfinishedPath
        defer { _ = unsafe unlink(unfinished) }
        try write(key, to: unfinished)
        guard unsafe rename(unfinished, path) == 0 else { throw failure("replace") }
        try syncDirectory()
    }

    /// A file gets its name when it is complete: a process that is killed before leaves no half of a root key behind.
    private var unfinishedPath: String { "\(path).\(UUID().uuidString)" }

    package func open() throws(SealFailure) -> RootKey {
        let (text, count) = try read()
        return try unsafe text.withBytes { bytes throws(SealFailure) in
            try unsafe parse(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
    }

    // MARK: File

    /// What the file holds, in memory that is zeroed when it is let go, and how many bytes that is.
    private func read() throws(SealFailure) -> (text: GuardedBytes, count: Int) {
        // Without blocking: a pipe in the place of the file would be waited for, for ever.
        let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { throw .missing(path: path) }
            throw failure("open")
        }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw failure("look at") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        guard status.st_uid == geteuid() else { throw .ownedByAnother(path: path) }
        guard status.st_mode & 0o077 == 0 else { throw .exposed(path: path) }
        var count = 0
        let text: GuardedBytes
        do throws(CryptoFailure) {
            text = try unsafe GuardedBytes(count: Self.largestFile + 1) { buffer in
                count = unsafe Glibc.read(file, buffer.baseAddress, buffer.count)
            }
        } catch {
            throw .unavailable
        }
        guard count >= 0 else { throw failure("read") }
        guard count <= Self.largestFile else { throw .damaged(path: path) }
        return (text, count)
    }

    private func write(_ key: RootKey, to path: String) throws(SealFailure) {
        let file = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("create") }
        defer { close(file) }
        var line = Self.line(for: key)
        defer { line.wipe() }
        let written = unsafe line.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        guard written == line.count, fsync(file) == 0 else { throw failure("write") }
    }

    /// Makes the file's name durable too.
    private func syncDirectory() throws(SealFailure) {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let file = unsafe Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw failure("open the directory of") }
        defer { close(file) }
        guard fsync(file) == 0 else { throw failure("sync the directory of") }
    }

    private func failure(_ attempt: String) -> SealFailure {
        .system(attempt: attempt, path: path, reason: unsafe String(cString: strerror(errno)))
    }

    // MARK: Text

    private func parse(_ text: UnsafeRawBufferPointer) throws(SealFailure) -> RootKey {
        guard unsafe text.last == UInt8(ascii: "\n") else { throw .damaged(path: path) }
        let parts = unsafe text.dropLast().split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard unsafe parts.count >= 2, unsafe parts[0].elementsEqual(Self.label.utf8) else {
            throw .damaged(path: path)
        }
        guard unsafe parts[1].elementsEqual(Self.version.utf8) else { throw .unknownVersion(path: path) }
        guard unsafe parts.count == 4, let key = try unsafe decode(UnsafeRawBufferPointer(rebasing: parts[2])),
            unsafe parts[3].elementsEqual(Self.checksum(of: key).utf8)
        else { throw .damaged(path: path) }
        return key
    }

    /// The key that `base64` stands for; nil unless that is base64 of as many bytes as a root key has.
    private func decode(_ base64: UnsafeRawBufferPointer) throws(SealFailure) -> RootKey? {
        let base64 = unsafe base64.bindMemory(to: UInt8.self)
        guard unsafe Base64.decodedCount(of: base64) == RootKey.byteCount else { return nil }
        var isValid = false
        do throws(CryptoFailure) {
            let key = try unsafe RootKey { buffer in isValid = unsafe Base64.decode(base64, into: buffer) }
            return isValid ? key : nil
        } catch {
            throw .unavailable
        }
    }

    private static func line(for key: RootKey) -> [UInt8] {
        var line = Array("\(label) \(version) ".utf8)
        // Room for all of it, so that no growing leaves a copy behind.
        line.reserveCapacity(largestFile)
        unsafe key.withBytes { unsafe Base64.encode($0, to: &line) }
        line.append(contentsOf: " \(checksum(of: key))\n".utf8)
        return line
    }

    private static func checksum(of key: RootKey) -> String {
        unsafe key.withBytes { bytes in unsafe Hex.encode(Array(Digest.sha256(bytes).prefix(4))) }
    }
}
