// Secret sharing on plain bytes, for the tests.
extension Primitives {
    /// The product of two elements of the field that shares are computed in.
    package static func fieldProduct(_ left: UInt8, _ right: UInt8) -> UInt8 { GF256.product(left, right) }

    /// The element whose product with `element` is 1; 0 for 0.
    package static func fieldInverse(_ element: UInt8) -> UInt8 { GF256.inverse(element) }

    /// The share at `point` of the secret that is the first of the `coefficients`, which are all of one length.
    package static func share(at point: UInt8, of coefficients: [[UInt8]]) -> [UInt8] {
        var share = [UInt8](repeating: 0, count: coefficients[0].count)
        unsafe Array(coefficients.joined()).withUnsafeBytes { coefficients in
            unsafe share.withUnsafeMutableBytes { unsafe SecretSharing.evaluate(coefficients, at: point, to: $0) }
        }
        return share
    }

    /// What these shares of different points stand for.
    package static func secret(of shares: [(point: UInt8, value: [UInt8])]) -> [UInt8] {
        var secret = [UInt8](repeating: 0, count: shares[0].value.count)
        let points = shares.map(\.point)
        for share in shares {
            unsafe share.value.withUnsafeBytes { value in
                unsafe secret.withUnsafeMutableBytes {
                    unsafe SecretSharing.accumulate(value, at: share.point, among: points, to: $0)
                }
            }
        }
        return secret
    }
}
