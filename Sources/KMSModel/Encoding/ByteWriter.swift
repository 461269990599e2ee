#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Bytes that are written one behind the other, in memory that grows.
///
/// An array finds out with each append whether its memory is its own, and it finds out in the system's allocator how much it
/// got. This is its memory's only owner. There may be secrets among the bytes: they are zeroed when the memory is let go.
package struct ByteWriter: ~Copyable {
    private var start: UnsafeMutableRawPointer
    private var capacity: Int
    /// How many bytes have been written.
    package private(set) var count = 0

    /// - Parameter capacity: How many bytes there will be, as a rule.
    package init(capacity: Int) {
        self.capacity = max(capacity, 1)
        start = Self.memory(self.capacity)
    }

    deinit { Self.letGo(start, count) }

    /// A copy of what has been written so far.
    package var bytes: [UInt8] {
        [UInt8](count: count) { $0.copyMemory(from: UnsafeRawBufferPointer(start: start, count: count)) }
    }

    /// Lends what has been written so far.
    package borrowing func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// Appends a byte.
    package mutating func append(_ byte: UInt8) {
        makeRoom(for: 1)
        start.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// Appends a text in UTF-8.
    package mutating func append(_ text: String) {
        let isCopied: Void? = text.utf8.withContiguousStorageIfAvailable { append(UnsafeRawBufferPointer($0)) }
        // Texts of Foundation on Darwin need not stand in one piece.
        if isCopied == nil { for byte in text.utf8 { append(byte) } }
    }

    /// Appends a text in UTF-8.
    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends the bytes of an array.
    package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    /// Appends the bytes of a part of an array.
    package mutating func append(_ bytes: ArraySlice<UInt8>) { bytes.withUnsafeBytes { append($0) } }

    /// Appends bytes that are lent.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        append(count: bytes.count) { $0.copyMemory(from: bytes) }
    }

    /// Takes back what was written last.
    ///
    /// - Parameter length: How many bytes there were before.
    package mutating func takeBack(to length: Int) {
        precondition((0...count).contains(length))
        UnsafeMutableRawBufferPointer(start: start + length, count: count - length).zero()
        count = length
    }

    /// Appends so many bytes, all of which `write` writes.
    @inline(__always)
    mutating func append(count added: Int, writing write: (UnsafeMutableRawBufferPointer) -> Void) {
        makeRoom(for: added)
        write(UnsafeMutableRawBufferPointer(start: start + count, count: added))
        count += added
    }

    @inline(__always)
    private mutating func makeRoom(for added: Int) {
        if capacity - count < added { grow(for: added) }
    }

    @inline(never)
    private mutating func grow(for added: Int) {
        let old = start
        capacity = max(2 * capacity, count + added)
        start = Self.memory(capacity)
        start.copyMemory(from: old, byteCount: count)
        Self.letGo(old, count)
    }

    /// Of the system: Swift's own asks for memory that begins at a multiple of sixteen, which takes five times as long, and
    /// this always does.
    private static func memory(_ capacity: Int) -> UnsafeMutableRawPointer {
        // As Swift ends a program for which there is no memory.
        guard let memory = malloc(capacity) else { preconditionFailure("no memory") }
        return memory
    }

    private static func letGo(_ start: UnsafeMutableRawPointer, _ count: Int) {
        UnsafeMutableRawBufferPointer(start: start, count: count).zero()
        free(start)
    }
}
