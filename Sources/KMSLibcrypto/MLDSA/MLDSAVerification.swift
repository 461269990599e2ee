/// Whether an ML-DSA signature is one of a message representative (FIPS 204, algorithm 8, from line 8 on).
///
/// The library that signs does not offer this half. Nothing here is secret, so nothing has to take the same time.
package struct MLDSAVerification: Sendable {
    /// The lines of FIPS 204, table 1, that a verifier needs.
    private struct Parameters {
        /// Rows and columns of the matrix.
        let (k, l): (Int, Int)
        /// How many coefficients of a challenge are not zero.
        let tau: Int
        /// The range of the private key's coefficients.
        let eta: Int
        /// The range of the masks is 2 to this power.
        let gamma1Bits: Int
        /// Half the width of a rounding interval.
        let gamma2: UInt32
        /// The most hints.
        let omega: Int
        /// The length of the commitment's hash, in bytes.
        let challengeByteCount: Int

        var beta: UInt32 { UInt32(tau * eta) }
        var signatureByteCount: Int { challengeByteCount + l * 32 * (gamma1Bits + 1) + omega + k }
        var publicKeyByteCount: Int { 32 + k * 320 }
    }

    private static let sets = [
        Parameters(
            k: 4, l: 4, tau: 39, eta: 2, gamma1Bits: 17, gamma2: (Polynomial.q - 1) / 88, omega: 80,
            challengeByteCount: 32
        ),
        Parameters(
            k: 6, l: 5, tau: 49, eta: 4, gamma1Bits: 19, gamma2: (Polynomial.q - 1) / 32, omega: 55,
            challengeByteCount: 48
        ),
        Parameters(
            k: 8, l: 7, tau: 60, eta: 2, gamma1Bits: 19, gamma2: (Polynomial.q - 1) / 32, omega: 75,
            challengeByteCount: 64
        ),
    ]

    private let parameters: Parameters
    private let seed: [UInt8]
    private let highBits: [Polynomial]

    /// Reads an encoded public key (FIPS 204, algorithm 23), whose length tells the parameter set.
    ///
    /// - Throws: ``LibcryptoFailure/refused``.
    package init(publicKey: [UInt8]) throws(LibcryptoFailure) {
        guard let parameters = Self.sets.first(where: { $0.publicKeyByteCount == publicKey.count }) else {
            throw .refused
        }
        self.parameters = parameters
        seed = Array(publicKey.prefix(32))
        highBits = (0..<parameters.k).map { row in
            let bits = BitReader(publicKey[(32 + 320 * row)..<(32 + 320 * (row + 1))], width: 10)
            return Polynomial(coefficients: (0..<Polynomial.degree).map { bits[$0] })
        }
    }

    /// Whether `signature` is one of the representative `mu`.
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package func isSignature(_ signature: [UInt8], ofRepresentative mu: [UInt8]) throws(LibcryptoFailure) -> Bool {
        guard signature.count == parameters.signatureByteCount else { return false }
        let challenge = Array(signature.prefix(parameters.challengeByteCount))
        let masked = masked(in: signature)
        guard let hints = hints(in: signature),
            masked.allSatisfy({ $0.norm < 1 << parameters.gamma1Bits - parameters.beta })
        else { return false }
        let commitment = try commitment(challenge: challenge, masked: masked, hints: hints)
        let expected = try SHAKE.shake256.output(of: [mu, commitment], count: challenge.count)
        return expected == challenge
    }

    // MARK: The signature's parts (FIPS 204, algorithm 27)

    private func masked(in signature: [UInt8]) -> [Polynomial] {
        let width = parameters.gamma1Bits + 1
        let gamma1: UInt32 = 1 << parameters.gamma1Bits
        return (0..<parameters.l).map { column in
            let start = parameters.challengeByteCount + 32 * width * column
            let bits = BitReader(signature[start..<start + 32 * width], width: width)
            return Polynomial(
                coefficients: (0..<Polynomial.degree).map { index in
                    let value = bits[index]
                    return value <= gamma1 ? gamma1 - value : Polynomial.q + gamma1 - value
                }
            )
        }
    }

    /// For each row the places with a hint; nil for an encoding that no signer writes (FIPS 204, algorithm 21).
    private func hints(in signature: [UInt8]) -> [Set<Int>]? {
        let encoded = Array(signature.suffix(parameters.omega + parameters.k))
        var hints: [Set<Int>] = []
        var position = 0
        for row in 0..<parameters.k {
            let end = Int(encoded[parameters.omega + row])
            guard end >= position, end <= parameters.omega else { return nil }
            let places = encoded[position..<end].map(Int.init)
            guard zip(places, places.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
            hints.append(Set(places))
            position = end
        }
        return encoded[position..<parameters.omega].allSatisfy { $0 == 0 } ? hints : nil
    }

    // MARK: The commitment that the signature stands for

    private func commitment(
        challenge: [UInt8], masked: [Polynomial], hints: [Set<Int>]
    ) throws(LibcryptoFailure) -> [UInt8] {
        var challenge = try ball(challenge)
        challenge.transform()
        var transformed = masked
        for column in transformed.indices { transformed[column].transform() }
        var encoded: [UInt8] = []
        for row in 0..<parameters.k {
            var sum = Polynomial()
            for column in 0..<parameters.l {
                sum += try uniform(row: row, column: column) * transformed[column]
            }
            var high = highBits[row]
            for index in high.coefficients.indices { high.coefficients[index] <<= 13 }
            high.transform()
            sum -= challenge * high
            sum.transformBack()
            append(rounded(sum, hints[row]), to: &encoded)
        }
        return encoded
    }

    /// An entry of the matrix, already transformed (FIPS 204, algorithms 30 and 32).
    private func uniform(row: Int, column: Int) throws(LibcryptoFailure) -> Polynomial {
        let input = [seed, [UInt8(column), UInt8(row)]]
        // Five blocks are nearly always enough: one triple of bytes in a thousand is not used.
        var byteCount = 5 * 168
        while true {
            let bytes = try SHAKE.shake128.output(of: input, count: byteCount)
            var coefficients: [UInt32] = []
            coefficients.reserveCapacity(Polynomial.degree)
            for start in stride(from: 0, to: bytes.count - 2, by: 3) where coefficients.count < Polynomial.degree {
                let value =
                    UInt32(bytes[start]) | UInt32(bytes[start + 1]) << 8 | UInt32(bytes[start + 2] & 0x7f) << 16
                if value < Polynomial.q { coefficients.append(value) }
            }
            if coefficients.count == Polynomial.degree { return Polynomial(coefficients: coefficients) }
            byteCount += 168
        }
    }

    /// The polynomial that a challenge stands for: `tau` coefficients are 1 or -1 (FIPS 204, algorithm 29).
    private func ball(_ challenge: [UInt8]) throws(LibcryptoFailure) -> Polynomial {
        var byteCount = 2 * 136
        while true {
            let bytes = try SHAKE.shake256.output(of: [challenge], count: byteCount)
            if let ball = ball(from: bytes) { return ball }
            byteCount += 136
        }
    }

    private func ball(from bytes: [UInt8]) -> Polynomial? {
        let signs = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        var result = Polynomial()
        var position = 8
        for (count, index) in (Polynomial.degree - parameters.tau..<Polynomial.degree).enumerated() {
            while position < bytes.count, Int(bytes[position]) > index { position += 1 }
            guard position < bytes.count else { return nil }
            let place = Int(bytes[position])
            position += 1
            result.coefficients[index] = result.coefficients[place]
            result.coefficients[place] = signs >> UInt64(count) & 1 == 0 ? 1 : Polynomial.q - 1
        }
        return result
    }

    /// The high bits of each coefficient, one step further where there is a hint (FIPS 204, algorithms 36, 37 and 40).
    private func rounded(_ polynomial: Polynomial, _ hints: Set<Int>) -> [UInt32] {
        let width = 2 * parameters.gamma2
        let count = (Polynomial.q - 1) / width
        return polynomial.coefficients.enumerated().map { index, value in
            // The remainder is in -gamma2 < low <= gamma2.
            let isLowPositive = value % width != 0 && value % width <= parameters.gamma2
            var high = value % width > parameters.gamma2 ? value / width + 1 : value / width
            if high == count { high = 0 }
            guard hints.contains(index) else { return high }
            return isLowPositive ? (high + 1) % count : (high + count - 1) % count
        }
    }

    private func append(_ values: [UInt32], to output: inout [UInt8]) {
        let width = (Polynomial.q - 1) / (2 * parameters.gamma2) == 16 ? 4 : 6
        var (pending, bitCount): (UInt32, Int) = (0, 0)
        for value in values {
            pending |= value << UInt32(bitCount)
            bitCount += width
            while bitCount >= 8 {
                output.append(UInt8(truncatingIfNeeded: pending))
                pending >>= 8
                bitCount -= 8
            }
        }
    }
}

/// Numbers of a fixed width, packed one behind the other, the least significant bit first (FIPS 204, algorithm 18).
private struct BitReader {
    private let bytes: ArraySlice<UInt8>
    private let width: Int

    init(_ bytes: ArraySlice<UInt8>, width: Int) {
        self.bytes = bytes
        self.width = width
    }

    subscript(_ index: Int) -> UInt32 {
        let firstBit = index * width
        var value: UInt64 = 0
        for offset in 0...(width + 7) / 8 {
            let place = bytes.startIndex + firstBit / 8 + offset
            if place < bytes.endIndex { value |= UInt64(bytes[place]) << UInt64(8 * offset) }
        }
        return UInt32(truncatingIfNeeded: value >> UInt64(firstBit % 8)) & (1 << UInt32(width) - 1)
    }
}
