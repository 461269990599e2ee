import Glibc
package import KMSCrypto

/// Writes a backup: its header, and the files of a data directory in sealed pieces.
///
/// What the pieces hold, one behind the other: for each file the length of its name (4 bytes), the name, the length of the
/// file (8 bytes) and the file; at the end a length of zero.
///
/// It blocks: never use it on an event loop.
package final class BackupWriter {
    private let descriptor: Int32
    private let path: String
    private let cipher: BackupCipher
    private var piece: [UInt8] = []
    private var number: UInt64 = 0

    /// Makes the file, for its owner only.
    ///
    /// - Parameter path: Where there is no file yet.
    /// - Throws: ``BackupFailure``.
    package init(to path: String, _ header: BackupHeader, rootKey: RootKey) throws(BackupFailure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .failing("create", path) }
        self.descriptor = descriptor
        self.path = path
        let bytes = header.bytes
        cipher = BackupCipher(rootKey: rootKey, salt: header.salt, header: bytes)
        piece.reserveCapacity(2 * BackupCipher.pieceByteCount)
        try write(bytes)
    }

    deinit { Glibc.close(descriptor) }

    /// Adds a file, with as many bytes as it has now.
    ///
    /// - Parameters:
    ///   - name: Its path in the data directory.
    ///   - onProgress: Called with the bytes that were read since the last call.
    /// - Throws: ``BackupFailure``.
    package func add(
        _ name: String, at source: String, onProgress: (Int) -> Void
    ) throws(BackupFailure) {
        let file = open(source, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .failing("open", source) }
        defer { Glibc.close(file) }
        let end = lseek(file, 0, SEEK_END)
        guard end >= 0, lseek(file, 0, SEEK_SET) == 0 else { throw .failing("read", source) }
        try append(Self.bytes(of: UInt32(name.utf8.count)) + Array(name.utf8) + Self.bytes(of: UInt64(end)))
        var left = Int(end)
        var buffer = [UInt8](repeating: 0, count: BackupCipher.pieceByteCount)
        while left > 0 {
            let count = Glibc.read(file, &buffer, min(left, buffer.count))
            guard count > 0 else { throw .failing("read", source) }
            try append(buffer[..<count])
            left -= count
            onProgress(count)
        }
    }

    /// Writes what is left, and returns once all of it would survive a power cut.
    ///
    /// - Throws: ``BackupFailure``.
    package func finish() throws(BackupFailure) {
        try append(Self.bytes(of: UInt32(0)))
        try seal(piece, isLast: true)
        guard fsync(descriptor) == 0 else { throw .failing("sync", path) }
    }

    private func append(_ bytes: some Collection<UInt8>) throws(BackupFailure) {
        piece.append(contentsOf: bytes)
        // One piece is held back: only the end tells which is the last.
        while piece.count > BackupCipher.pieceByteCount {
            try seal(Array(piece.prefix(BackupCipher.pieceByteCount)), isLast: false)
            piece.removeFirst(BackupCipher.pieceByteCount)
        }
    }

    private func seal(_ piece: [UInt8], isLast: Bool) throws(BackupFailure) {
        let sealed: [UInt8]
        do throws(CryptoFailure) {
            sealed = try cipher.seal(piece, number: number, isLast: isLast)
        } catch {
            throw .crypto
        }
        number += 1
        try write(sealed)
    }

    private func write(_ bytes: [UInt8]) throws(BackupFailure) {
        var position = 0
        while position < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: position), $0.count - position)
            }
            if count > 0 { position += count } else if errno != EINTR { throw .failing("write", path) }
        }
    }

    private static func bytes(of number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}

extension BackupFailure {
    static func failing(_ attempt: String, _ path: String) -> Self {
        .system(attempt: attempt, path: path, reason: String(cString: strerror(errno)))
    }
}
