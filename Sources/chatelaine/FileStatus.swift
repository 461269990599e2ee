import CoreFoundation
import Glibc

/// What the system says of a file (stat(2)); where an initializer answers nil, `errno` says why.
///
/// The one place that reads `stat`, for to the compiler its members are CoreFoundation's as soon as a dependency, here
/// swift-certificates behind gRPC, has imported that.
struct FileStatus {
    private var status = stat()

    /// The file that a name leads to.
    init?(of path: String) {
        guard stat(path, &status) == 0 else { return nil }
    }

    /// The file that has a name, which may be a symbolic link.
    init?(ofLink path: String) {
        guard lstat(path, &status) == 0 else { return nil }
    }

    /// An open file.
    init?(of descriptor: Int32) {
        guard fstat(descriptor, &status) == 0 else { return nil }
    }

    var user: uid_t { status.st_uid }
    /// How many names it has.
    var linkCount: UInt64 { UInt64(status.st_nlink) }
    var isRegular: Bool { status.st_mode & S_IFMT == S_IFREG }
    /// Whether others than its owner may write.
    var isWritableByOthers: Bool { status.st_mode & (S_IWGRP | S_IWOTH) != 0 }
}
