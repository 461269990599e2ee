#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An IP address of 32 or 128 bits.
///
/// One of IPv4 that IPv6 carries (RFC 4291, section 2.5.5.2) is that of IPv4: who writes it in the other way is nobody else.
package struct Address: Sendable, Equatable, CustomStringConvertible {
    /// How many bits stand before an address of IPv4 that is carried, and what they are.
    fileprivate static let (carrierBitCount, carrier): (Int, UInt128) = (96, 0xffff)

    /// The bits as a number, whose highest are the first.
    fileprivate let number: UInt128
    /// 32 or 128.
    fileprivate let bitCount: Int

    /// Reads the usual text of an IPv4 or IPv6 address.
    package init?(_ text: String) {
        guard let written = Self(asWritten: text) else { return nil }
        let isCarried = written.isIPv6 && written.number >> 32 == Self.carrier
        number = isCarried ? written.number & 0xffff_ffff : written.number
        bitCount = isCarried ? 32 : written.bitCount
    }

    /// Reads an address, and leaves it in its family.
    fileprivate init?(asWritten text: String) {
        var (four, sixteen) = (UInt32(0), UInt128(0))
        if inet_pton(AF_INET, text, &four) == 1 {
            (number, bitCount) = (UInt128(UInt32(bigEndian: four)), 32)
        } else if inet_pton(AF_INET6, text, &sixteen) == 1 {
            (number, bitCount) = (UInt128(bigEndian: sixteen), 128)
        } else {
            return nil
        }
    }

    fileprivate var isIPv6: Bool { bitCount == 128 }

    /// The one text of the address (RFC 5952).
    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(isIPv6 ? AF_INET6 : AF_INET, bytes, &text, socklen_t(text.count)) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private var bytes: [UInt8] {
        stride(from: bitCount - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt128($0)) }
    }

    /// What one household has of the Internet: an IPv4 address, or the first 64 bits of one of IPv6 (RFC 6177).
    package var network: [UInt8] { Array(bytes.prefix(8)) }
}

/// Addresses of one family that begin with the same bits (RFC 4632).
package struct AddressRange: Sendable {
    private let prefix: UInt128
    /// How many bits an address of the family has.
    private let width: Int
    /// How many of them are given.
    private let bitCount: Int

    /// Reads `address/bits`; without bits it is the one address.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = Address(asWritten: String(parts[0])) else { return nil }
        var bits = address.bitCount
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let given = Int(parts[1]), given <= bits
            else { return nil }
            bits = given
        }
        let isCarried =
            address.isIPv6 && bits >= Address.carrierBitCount && address.number >> 32 == Address.carrier
        prefix = isCarried ? address.number & 0xffff_ffff : address.number
        width = isCarried ? 32 : address.bitCount
        bitCount = isCarried ? bits - Address.carrierBitCount : bits
    }

    /// Whether the address is in the range; one of the other family never is.
    package func contains(_ address: Address) -> Bool {
        address.bitCount == width && (address.number ^ prefix) >> UInt128(width - bitCount) == 0
    }
}
