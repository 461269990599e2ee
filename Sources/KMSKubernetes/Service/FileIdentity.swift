import CoreFoundation
import Glibc

/// Which file a name or a descriptor means (stat(2)): that of a symbolic link's name is the link.
///
/// CoreFoundation is imported because to the compiler the members of `stat` are its own, as soon as a dependency, here
/// swift-certificates behind gRPC, has imported that.
struct FileIdentity: Equatable {
    private let device: dev_t
    private let number: ino_t
    let isSocket: Bool

    /// Nil when there is none, or when nobody may look; then it cannot be replaced either.
    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    init?(of descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        (device, number) = (status.st_dev, status.st_ino)
        isSocket = status.st_mode & S_IFMT == S_IFSOCK
    }
}
