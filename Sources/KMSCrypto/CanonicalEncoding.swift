import KMSModel

/// An unambiguous encoding of a list of fields: before each its length as four bytes, most significant first.
///
/// What is sealed is bound to such a list as additional data, so that no two different lists have the same bytes. It is zeroed
/// when it is let go, should there be a secret in it: then nothing is to be copied out of it.
struct CanonicalEncoding: ~Copyable {
    private var writer: ByteWriter

    init(label: StaticString, capacity: Int = 192) {
        writer = ByteWriter(capacity: capacity)
        append(count: label.utf8CodeUnitCount)
        writer.append(label)
    }

    /// The encoding that follows bytes of a fixed length.
    init(after prefix: [UInt8], capacity: Int) { self.init(after: prefix[...], capacity: capacity) }

    /// The encoding that follows bytes of a fixed length.
    init(after prefix: ArraySlice<UInt8>, capacity: Int) {
        writer = ByteWriter(capacity: prefix.count + capacity)
        writer.append(prefix)
    }

    /// A copy of what was encoded.
    var bytes: [UInt8] { writer.bytes }

    /// Lends what was encoded.
    borrowing func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe writer.withBytes(body)
    }

    mutating func append(_ field: [UInt8]) {
        append(count: field.count)
        writer.append(field)
    }

    mutating func append(_ field: UnsafeRawBufferPointer) {
        append(count: field.count)
        unsafe writer.append(field)
    }

    mutating func append(_ field: String) {
        append(count: field.utf8.count)
        writer.append(field)
    }

    /// Appends a number as a field of eight bytes, most significant first.
    mutating func append(_ field: UInt64) {
        append(count: MemoryLayout<UInt64>.size)
        append(plain: field)
    }

    /// Appends how many pairs there are, and each key and value as a field.
    mutating func append(_ context: EncryptionContext) {
        append(count: context.pairs.count)
        for pair in context.pairs {
            append(pair.key)
            append(pair.value)
        }
    }

    private mutating func append(count: Int) {
        append(plain: UInt32(truncatingIfNeeded: count))
    }

    private mutating func append(plain number: some FixedWidthInteger) {
        unsafe withUnsafeBytes(of: number.bigEndian) { unsafe writer.append($0) }
    }
}
