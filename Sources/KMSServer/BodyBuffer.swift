import NIOCore

/// Short parts of a body, put together until they are passed on: each that is costs a turn of the task that reads them.
///
/// The one part that a body has as a rule is passed on as it is.
struct BodyBuffer {
    /// Parts of so many bytes and more are passed on by themselves.
    private static let long = 1 << 10

    private var held: ByteBuffer?

    /// Takes the next part; answers those that are to be passed on now, in their order.
    mutating func add(_ part: ByteBuffer) -> (ByteBuffer?, ByteBuffer?) {
        guard part.readableBytes < Self.long else { return (take(), part) }
        if held == nil {
            held = part
        } else {
            held?.writeImmutableBuffer(part)
        }
        return (nil, nil)
    }

    /// What was put together so far, which is then to be passed on.
    mutating func take() -> ByteBuffer? {
        defer { held = nil }
        return held
    }
}
