import Synchronization

/// How many streams of HTTP/2 there may be on all connections together.
///
/// The first on each connection is always admitted, because the number of connections bounds those already.
final class StreamAdmission: Sendable {
    /// As many as there may be connections: what one request costs is then bounded in the same way.
    private static let most = 16_384

    private let count = Atomic<Int>(0)

    /// How many there are.
    var open: Int { count.load(ordering: .relaxed) }

    /// Counts a stream in; answers whether it may ask something, beside so many `others` on its connection.
    func begin(beside others: Int) -> Bool {
        count.add(1, ordering: .relaxed).newValue <= Self.most || others == 0
    }

    /// Counts a stream out.
    func end() { count.subtract(1, ordering: .relaxed) }
}
