import Glibc

/// A file that an operator gives the server, and may replace while it runs.
package struct OperatorFile: Sendable, Equatable {
    /// Why it cannot be used; the text is for the operator.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// What tells whether a file was replaced, or what was wrong with it was mended.
    package struct Version: Equatable, Sendable {
        private let device: UInt64
        private let number: UInt64
        private let size: Int64
        private let seconds: Int
        private let nanoseconds: Int
        /// When its owner, its rights or its name were changed.
        private let changeSeconds: Int
        private let changeNanoseconds: Int

        fileprivate init(_ status: stat) {
            device = UInt64(status.st_dev)
            number = UInt64(status.st_ino)
            size = Int64(status.st_size)
            (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
            (changeSeconds, changeNanoseconds) = (status.st_ctim.tv_sec, status.st_ctim.tv_nsec)
        }
    }

    /// Where it is.
    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    /// The file as it is now; nil when there is none.
    package var version: Version? {
        var status = stat()
        return stat(path, &status) == 0 ? Version(status) : nil
    }

    /// Reads the file, which takes milliseconds and waits for the disk.
    ///
    /// - Parameters:
    ///   - isSecret: Whether a file is refused that others than the server may read.
    ///   - mostBytes: How long it may be.
    /// - Throws: ``Failure``.
    package func read(isSecret: Bool, atMost mostBytes: Int) throws(Failure) -> [UInt8] {
        // Without blocking: a pipe in the place of the file would be waited for, for ever.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            throw Failure(description: "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(description: "\(path) is not a file")
        }
        if isSecret { try checkThatOthersCannotRead(status) }
        guard (0...mostBytes).contains(Int(status.st_size)) else {
            throw Failure(description: "\(path) is too large")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress?.advanced(by: count), $0.count - count)
            }
            if more < 0 && errno == EINTR { continue }
            guard more > 0 else { throw Failure(description: "cannot read \(path)") }
            count += more
        }
        return bytes
    }

    /// As PostgreSQL has it for its own: a group may read the file only when root owns it, as where certificates are handed
    /// out by another program.
    private func checkThatOthersCannotRead(_ status: stat) throws(Failure) {
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw Failure(description: "\(path) belongs to another user")
        }
        let isOfRootForGroup = status.st_uid == 0 && geteuid() != 0
        guard status.st_mode & (isOfRootForGroup ? 0o027 : 0o077) == 0 else {
            throw Failure(description: "others than the server may read \(path); it must have mode 0600")
        }
    }
}
