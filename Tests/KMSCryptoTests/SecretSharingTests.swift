import KMSCrypto
import KMSModel
import Testing

/// Shamir's scheme: the field, published values, and what any and too few shares give.
struct SecretSharingTests {
    /// The product by school arithmetic: polynomials, then the rest modulo x⁸ + x⁴ + x³ + x + 1.
    private static func product(_ left: UInt8, _ right: UInt8) -> UInt8 {
        var product = 0
        for bit in 0..<8 where right >> bit & 1 == 1 { product ^= Int(left) << bit }
        for bit in stride(from: 14, through: 8, by: -1) where product >> bit & 1 == 1 { product ^= 0x11B << (bit - 8) }
        return UInt8(product)
    }

    @Test func `every product is that of polynomials`() {
        for left in UInt8.min...(.max) {
            for right in UInt8.min...(.max) where Primitives.fieldProduct(left, right) != Self.product(left, right) {
                Issue.record("\(left) times \(right)")
            }
        }
    }

    @Test func `every element but 0 has its inverse`() {
        #expect(Primitives.fieldInverse(0) == 0)
        for element in UInt8(1)...(.max) {
            #expect(Primitives.fieldProduct(element, Primitives.fieldInverse(element)) == 1, "\(element)")
        }
    }

    /// FIPS 197, section 4.2: 57 times 83, and 57 times 13.
    @Test func `products are those of the standard`() {
        #expect(Primitives.fieldProduct(0x57, 0x83) == 0xC1)
        #expect(Primitives.fieldProduct(0x57, 0x13) == 0xFE)
    }

    /// Threshold Secret Sharing (draft-mcgrew-tss-03), test case: 7465737400 of two shares.
    @Test func `published shares give the published secret`() throws {
        let first = (point: UInt8(1), value: try #require(Hex.decode("b9fa07e185")))
        let second = (point: UInt8(2), value: try #require(Hex.decode("f5409b4511")))
        #expect(Hex.encode(Primitives.secret(of: [first, second])) == "7465737400")
        #expect(Hex.encode(Primitives.secret(of: [second, first])) == "7465737400")
    }

    @Test(arguments: [(2, 2), (2, 3), (3, 5), (5, 9), (13, 20), (255, 255)])
    func `as many shares as are needed give the secret, whichever they are`(threshold: Int, count: Int) throws {
        let randomness = SeededRandomness(seed: UInt64(threshold))
        let coefficients = try (0..<threshold).map { _ in try randomness.some(32) }
        var shares = (1...UInt8(count)).map { (point: $0, value: Primitives.share(at: $0, of: coefficients)) }
        for seed in 0..<20 as Range<UInt64> {
            var order = Order(seed)
            shares.shuffle(using: &order)
            #expect(Primitives.secret(of: Array(shares.prefix(threshold))) == coefficients[0])
            #expect(Primitives.secret(of: Array(shares.prefix(threshold - 1))) != coefficients[0])
        }
    }

    /// The strong form: with one share less than are needed, each secret is as likely as any other.
    @Test func `one share too few fits every secret equally often`() {
        // Of all lines through a secret byte and the value of one share there is just one for each value.
        for point in [UInt8(1), 2, 77, 255] {
            for secret in [UInt8(0), 1, 0x53, 255] {
                let values = (UInt8.min...(.max)).map { Primitives.share(at: point, of: [[secret], [$0]])[0] }
                #expect(Set(values).count == 256, "point \(point), secret \(secret)")
            }
        }
    }
}

extension RandomSource {
    fileprivate func some(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { try fill($0) }
        return bytes
    }
}

/// Numbers that are the same in each run.
private struct Order: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &+ 1 }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state
    }
}
