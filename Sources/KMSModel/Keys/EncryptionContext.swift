/// Non-secret pairs that a symmetric ciphertext is bound to: the same pairs must be given to decrypt it.
///
/// Pairs are compared by their UTF-8 bytes. Swift's own `String` equality would take two spellings of one accented
/// letter for the same key, and a ciphertext bound to one of them would open under the other.
package struct EncryptionContext: Sendable, Equatable {
    /// One pair.
    package struct Pair: Sendable, Equatable {
        /// What the pair is found by.
        package let key: String
        /// What stands there.
        package let value: String

        package static func == (left: Self, right: Self) -> Bool {
            left.key.isSame(as: right.key) && left.value.isSame(as: right.value)
        }

        fileprivate func comesBefore(_ other: Pair) -> Bool { key.utf8.lexicographicallyPrecedes(other.key.utf8) }
    }

    /// The pairs, ordered by the bytes of their keys, no key twice.
    package let pairs: [Pair]

    /// The context of a request that gave none, and of one that gave no pairs: AWS treats them alike.
    package static let empty = EncryptionContext(pairs: [])

    private init(pairs: [Pair]) { self.pairs = pairs }

    /// Takes pairs in any order; of two with the same key the later one counts, as in JSON.
    package init(_ members: [(String, String)]) {
        let given = members.map { Pair(key: $0.0, value: $0.1) }
        // As clients send few pairs, most come in order.
        let isInOrder = zip(given, given.dropFirst()).allSatisfy { $0.comesBefore($1) }
        guard !isInOrder else {
            pairs = given
            return
        }
        // A stable order of equal keys, so that the last of them is the one given last.
        let order = given.indices.sorted { left, right in
            if given[left].key.isSame(as: given[right].key) { return left < right }
            return given[left].comesBefore(given[right])
        }
        var sorted: [Pair] = []
        sorted.reserveCapacity(given.count)
        for index in order {
            if sorted.last?.key.isSame(as: given[index].key) == true { sorted.removeLast() }
            sorted.append(given[index])
        }
        pairs = sorted
    }

    /// Whether there are no pairs.
    package var isEmpty: Bool { pairs.isEmpty }
}
