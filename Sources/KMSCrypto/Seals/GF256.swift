/// The field of 256 elements as AES has it (FIPS 197, section 4): polynomials modulo x⁸ + x⁴ + x³ + x + 1.
///
/// Nothing here looks anything up or branches on a value, so the time that it takes tells nothing.
enum GF256 {
    /// The product of two elements.
    static func product(_ left: UInt8, _ right: UInt8) -> UInt8 {
        var (sum, power, rest): (UInt8, UInt8, UInt8) = (0, left, right)
        for _ in 0..<8 {
            sum ^= power & mask(rest & 1)
            power = power << 1 ^ 0x1B & mask(power >> 7)
            rest >>= 1
        }
        return sum
    }

    /// The element whose product with `element` is 1; 0 for 0.
    static func inverse(_ element: UInt8) -> UInt8 {
        // The group has 255 elements, so the 254th power; its bits from the left are seven ones and a zero.
        var power = element
        for _ in 0..<6 { power = product(product(power, power), element) }
        return product(power, power)
    }

    /// All ones for 1, and nothing for 0.
    private static func mask(_ bit: UInt8) -> UInt8 { 0 &- bit }
}
