#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An IP address: 4 or 16 bytes.
///
/// One of IPv4 that IPv6 carries (RFC 4291, section 2.5.5.2) is that of IPv4: who writes it in the other way is nobody else.
package struct Address: Sendable, Equatable, CustomStringConvertible {
    /// What stands before an address of IPv4.
    fileprivate static let carrier: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]

    let bytes: [UInt8]

    /// Reads the usual text of an IPv4 or IPv6 address.
    package init?(_ text: String) {
        guard let bytes = Self.bytes(of: text) else { return nil }
        self.bytes = bytes.starts(with: Self.carrier) ? Array(bytes.dropFirst(Self.carrier.count)) : bytes
    }

    /// The bytes as they are written.
    fileprivate static func bytes(of text: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }

    /// The one text of the address (RFC 5952).
    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else {
            return ""
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// What one household has of the Internet: an IPv4 address, or the first 64 bits of one of IPv6 (RFC 6177).
    package var network: [UInt8] {
        Array(bytes.prefix(8))
    }
}

/// Addresses of one family that begin with the same bits (RFC 4632).
package struct AddressRange: Sendable {
    private let prefix: [UInt8]
    private let bitCount: Int

    /// Reads `address/bits`; without bits it is the one address.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let bytes = Address.bytes(of: String(parts[0])) else { return nil }
        let longest = bytes.count * 8
        var bits = longest
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let given = Int(parts[1]), given <= longest
            else { return nil }
            bits = given
        }
        let carried = Address.carrier.count * 8
        let isCarried = bits >= carried && bytes.starts(with: Address.carrier)
        prefix = isCarried ? Array(bytes.dropFirst(Address.carrier.count)) : bytes
        bitCount = isCarried ? bits - carried : bits
    }

    /// Whether the address is in the range; one of the other family never is.
    package func contains(_ address: Address) -> Bool {
        guard address.bytes.count == prefix.count else { return false }
        let whole = bitCount / 8
        guard address.bytes.prefix(whole) == prefix.prefix(whole) else { return false }
        guard bitCount % 8 != 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xff00 >> (bitCount % 8))
        return address.bytes[whole] & mask == prefix[whole] & mask
    }
}
