import Glibc
import KMSModel
import Synchronization

/// Identifiers of requests and of audit records: lower-case UUIDs, version 4 (RFC 9562).
package enum RequestID {
    private static let byteCount = 16
    /// Random bytes for the next ones: to ask the system for each takes longer than all the rest of it.
    private static let stock = Mutex<[UInt8]>([])
    /// As many as the system gives at a time (getentropy(3)).
    private static let stockByteCount = 256

    /// A new identifier.
    package static func make() -> String {
        var bytes = stock.withLock { stock in
            if stock.count < byteCount { refill(&stock) }
            defer { stock.removeLast(byteCount) }
            return Array(stock.suffix(byteCount))
        }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        return KeyID(bytes: bytes, isMultiRegion: false)?.description ?? Hex.encode(bytes)
    }

    private static func refill(_ stock: inout [UInt8]) {
        stock = [UInt8](repeating: 0, count: stockByteCount)
        // They are names, not secrets: should the system have no random bytes, the generator of the library has some.
        if stock.withUnsafeMutableBytes({ getentropy($0.baseAddress, $0.count) }) != 0 {
            for index in stock.indices { stock[index] = .random(in: 0...255) }
        }
    }
}
