import KMSModel

/// Into how many shares a sealing key is split, and how many of them open it.
package struct ShareScheme: Equatable, Sendable {
    static let setByteCount = 4
    /// The points of the field but 0, where the secret is.
    package static let mostShares = 255
    /// One share that opens everything is a passphrase, which should then be called that.
    package static let smallestThreshold = 2

    /// Which set of shares: random, and no secret.
    let set: [UInt8]
    /// How many shares there are.
    package let count: Int
    /// How many of them are needed.
    package let threshold: Int

    /// The name of the set as shares show it: eight hex digits.
    package var setName: String { Hex.encode(set) }

    /// Nil unless 2 ≤ threshold ≤ count ≤ 255.
    init?(set: [UInt8], count: Int, threshold: Int) {
        guard set.count == Self.setByteCount, (Self.smallestThreshold...Self.mostShares).contains(threshold),
            (threshold...Self.mostShares).contains(count)
        else { return nil }
        self.set = set
        self.count = count
        self.threshold = threshold
    }

    /// Splits a sealing key.
    func split(_ key: SealingKey, _ randomness: any RandomSource) throws(CryptoFailure) -> [KeyShare] {
        let coefficients = try unsafe key.withBytes { key throws(CryptoFailure) in
            try unsafe GuardedBytes(count: threshold * key.count) { buffer throws(CryptoFailure) in
                unsafe buffer.copyMemory(from: key)
                try unsafe randomness.fill(UnsafeMutableRawBufferPointer(rebasing: buffer[key.count...]))
            }
        }
        var shares: [KeyShare] = []
        for point in 1...UInt8(count) {
            shares.append(
                KeyShare(
                    set: set, threshold: threshold, index: Int(point),
                    value: try unsafe GuardedBytes(count: SealingKey.byteCount) { output in
                        unsafe coefficients.withBytes {
                            unsafe SecretSharing.evaluate($0, at: point, to: output)
                        }
                    }))
        }
        return shares
    }

    /// The key that these shares of different indices stand for; another one if one of them is wrong.
    func join(_ shares: [KeyShare]) throws(CryptoFailure) -> SealingKey {
        let points = shares.map { UInt8($0.index) }
        return try unsafe SealingKey { output in
            unsafe output.initializeMemory(as: UInt8.self, repeating: 0)
            for share in shares {
                unsafe share.value.withBytes { value in
                    unsafe SecretSharing.accumulate(value, at: UInt8(share.index), among: points, to: output)
                }
            }
        }
    }
}
