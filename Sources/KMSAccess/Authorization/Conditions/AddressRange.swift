#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An IP address: 4 or 16 bytes.
package struct Address: Sendable, Equatable {
    let bytes: [UInt8]

    /// Reads the usual text of an IPv4 or IPv6 address.
    package init?(_ text: String) {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 {
                self.bytes = bytes
                return
            }
        }
        return nil
    }
}

/// Addresses of one family that begin with the same bits (RFC 4632).
package struct AddressRange: Sendable {
    private let prefix: Address
    private let bitCount: Int

    /// Reads `address/bits`; without bits it is the one address.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = Address(String(parts[0])) else { return nil }
        prefix = address
        let longest = address.bytes.count * 8
        guard parts.count == 2 else {
            bitCount = longest
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let bits = Int(parts[1]), bits <= longest
        else { return nil }
        bitCount = bits
    }

    /// Whether the address is in the range; one of the other family never is.
    package func contains(_ address: Address) -> Bool {
        guard address.bytes.count == prefix.bytes.count else { return false }
        let whole = bitCount / 8
        guard address.bytes.prefix(whole) == prefix.bytes.prefix(whole) else { return false }
        guard bitCount % 8 != 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xff00 >> (bitCount % 8))
        return address.bytes[whole] & mask == prefix.bytes[whole] & mask
    }
}
