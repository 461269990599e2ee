import Glibc
import KMSModel

/// Identifiers of requests and of audit records: lower-case UUIDs, version 4 (RFC 9562).
package enum RequestID {
    /// A new identifier.
    package static func make() -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        // They are names, not secrets: should the system have no random bytes, the generator of the library has some.
        if bytes.withUnsafeMutableBytes({ getentropy($0.baseAddress, $0.count) }) != 0 {
            for index in bytes.indices { bytes[index] = .random(in: 0...255) }
        }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        return KeyID(bytes: bytes, isMultiRegion: false)?.description ?? Hex.encode(bytes)
    }
}
