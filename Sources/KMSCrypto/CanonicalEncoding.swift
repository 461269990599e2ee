import KMSModel

/// An unambiguous encoding of a list of fields: before each its length as four bytes, most significant first.
///
/// What is sealed is bound to such a list as additional data, so that no two different lists have the same bytes.
struct CanonicalEncoding {
    private(set) var bytes: [UInt8] = []

    init(label: StaticString, capacity: Int = 192) {
        bytes.reserveCapacity(capacity)
        unsafe append(UnsafeBufferPointer(start: label.utf8Start, count: label.utf8CodeUnitCount))
    }

    /// The encoding that follows bytes of a fixed length.
    init(after prefix: some Collection<UInt8>, capacity: Int) {
        bytes.reserveCapacity(prefix.count + capacity)
        bytes.append(contentsOf: prefix)
    }

    mutating func append(_ field: some Collection<UInt8>) {
        append(count: field.count)
        bytes.append(contentsOf: field)
    }

    mutating func append(_ field: String) { append(field.utf8) }

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

    /// Zeroes what was encoded, when there was a secret in it.
    mutating func wipe() { bytes.wipe() }

    private mutating func append(count: Int) {
        append(plain: UInt32(truncatingIfNeeded: count))
    }

    private mutating func append(plain number: some FixedWidthInteger) {
        unsafe withUnsafeBytes(of: number.bigEndian) { unsafe bytes.append(contentsOf: $0) }
    }
}
