import HTTPTypes
import Synchronization

/// The memory that the bodies of unanswered requests, and their long heads, may take together.
///
/// A body is kept before anybody knows who sent it: a signature can be checked only when all of it is there.
final class BodyAllowance: Sendable {
    /// How much larger bodies may take together, in bytes: sixty-four of the largest.
    private static let total = 64 << 20
    /// The size up to which a body is always admitted, in bytes, because the number of connections bounds those already.
    ///
    /// Every call but a long policy or attestation document fits: they are served while others exhaust the allowance.
    static let always = 8 << 10

    /// What a field of a head takes besides its bytes, about.
    static let bytesBesideField = 64

    private let taken = Atomic<Int>(0)

    /// What a head takes of the allowance, in bytes: nothing, unless it is longer than a body that is always admitted.
    ///
    /// By HTTP/2 a few bytes are enough to ask for a long one, and a hundred of them on one connection.
    static func share(of head: HTTPRequest) -> Int {
        let count = head.headerFields.reduce(head.path?.utf8.count ?? 0) { count, field in
            count + field.name.rawName.utf8.count + field.value.utf8.count + bytesBesideField
        }
        return count > always ? count : 0
    }

    /// Takes what a body needs that grows to `count` bytes and has `reserved` already; answers whether there was enough.
    func reserve(_ count: Int, having reserved: inout Int) -> Bool {
        guard count > Self.always else { return true }
        let more = count - reserved
        guard taken.add(more, ordering: .relaxed).newValue <= Self.total else {
            taken.subtract(more, ordering: .relaxed)
            return false
        }
        reserved = count
        return true
    }

    /// Gives back what was reserved for a body.
    func giveBack(_ reserved: Int) {
        if reserved > 0 { taken.subtract(reserved, ordering: .relaxed) }
    }
}
