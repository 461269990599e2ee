import Glibc
import KMSModel
import Synchronization

/// Identifiers of requests and of audit records: lower-case UUIDs, version 4 (RFC 9562).
package enum RequestID {
    /// Random halves of the next ones: to ask the system for each takes longer than all the rest of it.
    private static let stock = Mutex<[UInt64]>([])
    /// As many bytes as the system gives at a time (getentropy(3)).
    private static let stockByteCount = 256

    /// A new identifier.
    package static func make() -> String {
        let (high, low) = stock.withLock { stock in
            if stock.count < 2 { refill(&stock) }
            return (stock.removeLast(), stock.removeLast())
        }
        // The version in the seventh byte, the variant in the ninth (RFC 9562, sections 4.1 and 4.2).
        return KeyID(
            high: high & ~0xF000 | 0x4000, low: low & ~(0b11 << 62) | 0b10 << 62, isMultiRegion: false
        ).description
    }

    private static func refill(_ stock: inout [UInt64]) {
        stock = [UInt64](repeating: 0, count: stockByteCount / MemoryLayout<UInt64>.size)
        // They are names, not secrets: should the system have no random bytes, the generator of the library has some.
        if stock.withUnsafeMutableBytes({ getentropy($0.baseAddress, $0.count) }) != 0 {
            for index in stock.indices { stock[index] = .random(in: 0...UInt64.max) }
        }
    }
}
