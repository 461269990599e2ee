import Foundation
import Glibc

/// Who started the server and wants to know how it is: systemd, or what speaks its protocol (sd_notify(3)).
struct ServiceManager: Sendable {
    /// What it can be told.
    enum State {
        /// Clients are answered. Said again with another status, only that changes.
        case ready(status: String)
        case alive
        case stopping

        var message: String {
            switch self {
            case .ready(let status): "READY=1\nSTATUS=\(status)"
            case .alive: "WATCHDOG=1"
            case .stopping: "STOPPING=1\nSTATUS=finishing requests"
            }
        }
    }

    /// A path, or `@` and a name that is no file's (unix(7)).
    private let address: String
    /// After how long without a word it takes the server for dead; nil when it does not.
    let patience: Duration?

    /// - Returns: Nil when nobody wants to know: there is no `NOTIFY_SOCKET`, or none of a kind that is known here.
    init?(environment: [String: String]) {
        guard let address = environment["NOTIFY_SOCKET"], address.utf8.count > 1,
            address.utf8.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path),
            address.hasPrefix("/") || address.hasPrefix("@")
        else { return nil }
        self.address = address
        patience = Self.patience(environment)
    }

    private static func patience(_ environment: [String: String]) -> Duration? {
        // A variable that was inherited speaks of another process.
        if let process = environment["WATCHDOG_PID"], pid_t(process) != getpid() { return nil }
        guard let microseconds = environment["WATCHDOG_USEC"].flatMap(Int64.init), microseconds > 0 else { return nil }
        return .microseconds(microseconds)
    }

    /// Sends one datagram, without waiting: a manager that does not listen is no reason to stop.
    func tell(_ state: State) {
        let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { return }
        defer { close(file) }
        let message = Array(state.message.utf8)
        var (address, length) = socketAddress
        withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = sendto(
                    file, message, message.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL), address, length)
            }
        }
    }

    private var socketAddress: (sockaddr_un, socklen_t) {
        var name = Array(address.utf8)
        // The kernel's mark of a name that is no file's.
        if name[0] == UInt8(ascii: "@") { name[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let before = MemoryLayout<sockaddr_un>.size - MemoryLayout.size(ofValue: address.sun_path)
        return (address, socklen_t(before + name.count))
    }
}
