/// What the parts of the bodies on one connection cost, set against what they bring.
///
/// A part takes about the same time however short it is, so whoever sends a body byte by byte keeps a processor busy with
/// next to nothing. Clients send bodies in one part or in large ones.
///
/// A value without I/O: ``ConnectionRules`` and ``HTTP2ConnectionRules`` ask it whether to go on.
package struct BodyParts {
    /// What a part brings that costs nothing here, in bytes.
    package static let fairByteCount = 64
    /// How many parts that bring nothing a connection may be ahead of fair ones.
    package static let most = 4096
    /// How many of them each request makes up for, because whoever sends as few for each request costs no more by them than
    /// by the requests.
    package static let perRequest = 64

    /// What is missing, in bytes.
    private var debt = 0

    package init() {}

    /// Another request came.
    package mutating func begin() { debt = max(0, debt - Self.perRequest * Self.fairByteCount) }

    /// A part of so many bytes came; answers whether the connection may go on.
    package mutating func admit(_ byteCount: Int) -> Bool {
        debt = max(0, debt + Self.fairByteCount - byteCount)
        return debt <= Self.most * Self.fairByteCount
    }
}
