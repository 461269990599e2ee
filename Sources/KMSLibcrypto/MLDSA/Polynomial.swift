/// A polynomial of degree 255 over the integers modulo q = 8380417, or its transform (FIPS 204, section 2.4).
struct Polynomial {
    static let degree = 256
    static let q: UInt32 = 8_380_417

    /// Each below q.
    var coefficients = [UInt32](repeating: 0, count: degree)

    // MARK: Arithmetic, coefficient by coefficient

    static func += (left: inout Self, right: Self) {
        for index in 0..<degree {
            let sum = left.coefficients[index] + right.coefficients[index]
            left.coefficients[index] = sum >= q ? sum - q : sum
        }
    }

    static func -= (left: inout Self, right: Self) {
        for index in 0..<degree {
            left.coefficients[index] = difference(left.coefficients[index], right.coefficients[index])
        }
    }

    static func * (left: Self, right: Self) -> Self {
        var result = Self()
        for index in 0..<degree {
            result.coefficients[index] = product(left.coefficients[index], right.coefficients[index])
        }
        return result
    }

    /// The largest distance of a coefficient from zero, modulo q.
    var norm: UInt32 { coefficients.reduce(0) { max($0, min($1, Self.q - $1)) } }

    // MARK: The number-theoretic transform

    /// FIPS 204, algorithm 41.
    mutating func transform() {
        var root = 0
        var length = Self.degree / 2
        while length >= 1 {
            for start in stride(from: 0, to: Self.degree, by: 2 * length) {
                root += 1
                for index in start..<start + length {
                    let term = Self.product(Self.roots[root], coefficients[index + length])
                    coefficients[index + length] = Self.difference(coefficients[index], term)
                    let sum = coefficients[index] + term
                    coefficients[index] = sum >= Self.q ? sum - Self.q : sum
                }
            }
            length /= 2
        }
    }

    /// FIPS 204, algorithm 42.
    mutating func transformBack() {
        var root = Self.degree
        var length = 1
        while length < Self.degree {
            for start in stride(from: 0, to: Self.degree, by: 2 * length) {
                root -= 1
                for index in start..<start + length {
                    let term = coefficients[index]
                    let sum = term + coefficients[index + length]
                    coefficients[index] = sum >= Self.q ? sum - Self.q : sum
                    let difference = Self.difference(coefficients[index + length], term)
                    coefficients[index + length] = Self.product(Self.roots[root], difference)
                }
            }
            length *= 2
        }
        // The inverse of 256 modulo q.
        for index in 0..<Self.degree { coefficients[index] = Self.product(8_347_681, coefficients[index]) }
    }

    /// The powers of 1753, a 512th root of one, in the order in which the transform uses them (FIPS 204, appendix B).
    private static let roots: [UInt32] = (0..<degree).map { index in
        let reversed = (0..<8).reduce(0) { $0 << 1 | (index >> $1 & 1) }
        return (0..<reversed).reduce(1) { power, _ in product(power, 1753) }
    }

    private static func product(_ left: UInt32, _ right: UInt32) -> UInt32 {
        UInt32(UInt64(left) * UInt64(right) % UInt64(q))
    }

    private static func difference(_ left: UInt32, _ right: UInt32) -> UInt32 {
        left >= right ? left - right : left + q - right
    }
}
