/// Shamir's secret sharing over ``GF256``, byte by byte.
///
/// Each byte of the secret is the value at 0 of a polynomial of its own, whose other coefficients are random; a share is the
/// values at one point. As many shares as there are coefficients give the polynomials; fewer tell nothing at all.
enum SecretSharing {
    /// The value at `point` of the polynomials, whose coefficients stand behind one another from the lowest on: those of the
    /// power 0, which are the secret, then those of the power 1, and so on.
    static func evaluate(
        _ coefficients: UnsafeRawBufferPointer, at point: UInt8, to output: UnsafeMutableRawBufferPointer
    ) {
        for index in output.indices {
            var (value, position): (UInt8, Int) = (0, coefficients.count - output.count + index)
            while position >= 0 {
                value = unsafe GF256.product(value, point) ^ coefficients[position]
                position -= output.count
            }
            unsafe output[index] = value
        }
    }

    /// Adds to `output` what the values at one of `points` contribute to the secret (Lagrange).
    ///
    /// - Parameter points: All points that are used, no two alike and none 0.
    static func accumulate(
        _ values: UnsafeRawBufferPointer, at point: UInt8, among points: [UInt8],
        to output: UnsafeMutableRawBufferPointer
    ) {
        var factor: UInt8 = 1
        for other in points where other != point {
            factor = GF256.product(factor, GF256.product(other, GF256.inverse(other ^ point)))
        }
        for index in output.indices {
            unsafe output[index] ^= unsafe GF256.product(factor, values[index])
        }
    }
}
