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
        let file = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            if errno == EEXIST { throw .alreadyExists(path: path) }
            throw failure("create")
        }
        defer { close(file) }
        var line = Self.line(for: key)
        defer { line.wipe() }
        let written = unsafe line.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
        guard written == line.count, fsync(file) == 0 else { throw failure("write") }
        try syncDirectory()
    }

    package func open() throws(SealFailure) -> RootKey {
        var text = try read()
        defer { text.wipe() }
        guard text.last == UInt8(ascii: "\n") else { throw .damaged(path: path) }
        let parts = text.dropLast().split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0].elementsEqual(Self.label.utf8) else { throw .damaged(path: path) }
        guard parts[1].elementsEqual(Self.version.utf8) else { throw .unknownVersion(path: path) }
        guard parts.count == 4, let secret = Base64.decodeSecret(String(decoding: parts[2], as: UTF8.self)),
            secret.count == RootKey.byteCount
        else { throw .damaged(path: path) }
        let key: RootKey
        do throws(CryptoFailure) {
            key = try unsafe RootKey { buffer throws(CryptoFailure) in
                unsafe secret.withBytes { unsafe buffer.copyMemory(from: $0) }
            }
        } catch {
            throw .unavailable
        }
        guard Self.checksum(of: key).utf8.elementsEqual(parts[3]) else { throw .damaged(path: path) }
        return key
    }

    // MARK: File

    private func read() throws(SealFailure) -> [UInt8] {
        let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { throw .missing(path: path) }
            throw failure("open")
        }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw failure("look at") }
        guard status.st_mode & 0o077 == 0 else { throw .exposed(path: path) }
        var buffer = [UInt8](repeating: 0, count: Self.largestFile + 1)
        defer { buffer.wipe() }
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw failure("read") }
        guard count <= Self.largestFile else { throw .damaged(path: path) }
        return Array(buffer.prefix(count))
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

extension [UInt8] {
    /// Zeroes the elements in place.
    fileprivate mutating func wipe() {
        unsafe withUnsafeMutableBytes { bytes in
            guard let address = bytes.baseAddress else { return }
            unsafe explicit_bzero(address, bytes.count)
        }
    }
}
