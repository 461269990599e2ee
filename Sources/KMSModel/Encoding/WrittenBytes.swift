// Arrays that are made of bytes which something else writes.

extension [UInt8] {
    /// So many bytes, all of which `write` writes.
    ///
    /// `init(unsafeUninitializedCapacity:initializingWith:)` looks for the array's type at run time, which takes three times
    /// as long as all the rest of it.
    package init(count: Int, writing write: (UnsafeMutableRawBufferPointer) -> Void) {
        self = []
        append(count: count, writing: write)
    }

    /// Appends so many bytes, all of which `write` writes.
    package mutating func append(count: Int, writing write: (UnsafeMutableRawBufferPointer) -> Void) {
        append(addingCapacity: count) { span in
            span.withUnsafeMutableBufferPointer { buffer, written in
                write(
                    UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[written..<written + count]))
                written += count
            }
        }
    }
}
