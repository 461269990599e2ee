import Glibc
package import KMSCrypto

/// Reads a backup, and writes its files into a directory.
///
/// Nothing of a piece is used before it is known to be what was written in its place. It blocks: never use it on an event
/// loop.
package final class BackupReader {
    /// How many files there are at most, and how long a name is.
    private static let (mostFiles, longestName) = (1 << 20, 255)

    private let descriptor: Int32
    private let path: String
    /// What the backup says of itself.
    package let header: BackupHeader
    /// The bytes of the file.
    package let byteCount: Int
    private let start: Int
    private var cipher: BackupCipher?
    private var number: UInt64 = 0
    /// What was opened and is not used yet.
    private var opened: ArraySlice<UInt8> = []
    private var isAtEnd = false

    /// - Throws: ``BackupFailure``.
    package init(_ path: String) throws(BackupFailure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .failing("open", path) }
        self.descriptor = descriptor
        self.path = path
        byteCount = Int(lseek(descriptor, 0, SEEK_END))
        var beginning = [UInt8](repeating: 0, count: BackupHeader.largest + 64)
        let count = pread(descriptor, &beginning, beginning.count, 0)
        let read = count > 0 ? BackupHeader.read(Array(beginning[..<count])) : nil
        guard let read else {
            Glibc.close(descriptor)
            throw .notABackup
        }
        (header, start) = read
    }

    deinit { Glibc.close(descriptor) }

    /// Writes every file into `directory`, durably.
    ///
    /// - Parameters:
    ///   - admits: Whether a backup may have a file of this name.
    ///   - onProgress: Called with the bytes of the backup that were read.
    /// - Throws: ``BackupFailure``; what was written by then is left.
    package func restore(
        into directory: String, rootKey: RootKey, admits: (String) -> Bool, onProgress: (Int) -> Void
    ) throws(BackupFailure) {
        guard Digest.areEqual(BackupCipher.check(of: rootKey), header.check) else { throw .wrongRootKey }
        cipher = BackupCipher(rootKey: rootKey, salt: header.salt, header: header.bytes)
        for _ in 0..<Self.mostFiles {
            let length = Int(try number(of: 4))
            if length == 0 {
                guard opened.isEmpty, isAtEnd else { throw .damaged }
                return
            }
            guard length <= Self.longestName else { throw .damaged }
            let name = String(decoding: try take(length), as: UTF8.self)
            guard admits(name) else { throw .damaged }
            try restore("\(directory)/\(name)", count: number(of: 8), onProgress)
        }
        throw .damaged
    }

    private func restore(
        _ path: String, count: UInt64, _ onProgress: (Int) -> Void
    ) throws(BackupFailure) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .failing("create", path) }
        defer { Glibc.close(file) }
        var left = count
        while left > 0 {
            if opened.isEmpty { try openNext() }
            let part = opened.prefix(Int(min(left, UInt64(opened.count))))
            guard !part.isEmpty else { throw .damaged }
            let written = part.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard written == part.count else { throw .failing("write", path) }
            opened = opened.dropFirst(part.count)
            left -= UInt64(part.count)
            onProgress(Int(self.number) * BackupCipher.pieceByteCount)
        }
        guard fsync(file) == 0 else { throw .failing("sync", path) }
    }

    private func number(of count: Int) throws(BackupFailure) -> UInt64 {
        try take(count).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private func take(_ count: Int) throws(BackupFailure) -> [UInt8] {
        while opened.count < count { try openNext() }
        defer { opened = opened.dropFirst(count) }
        return Array(opened.prefix(count))
    }

    private func openNext() throws(BackupFailure) {
        guard !isAtEnd, let cipher else { throw .damaged }
        let size = BackupCipher.pieceByteCount + BackupCipher.overhead
        let position = start + Int(number) * size
        var sealed = [UInt8](repeating: 0, count: size)
        let count = pread(descriptor, &sealed, size, off_t(position))
        guard count >= 0 else { throw .failing("read", path) }
        isAtEnd = position + count >= byteCount
        do throws(CryptoFailure) {
            opened = Array(opened)[...] + (try cipher.open(sealed[..<count], number: number, isLast: isAtEnd))
        } catch {
            throw .damaged
        }
        number += 1
    }
}
