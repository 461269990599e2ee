#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where random bytes come from.
///
/// Tests of what is at rest bring bytes that they know.
package protocol RandomSource: Sendable {
    /// Fills all of `buffer`.
    ///
    /// - Throws: ``CryptoFailure/unavailable`` when there are none to be had.
    func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoFailure)
}

extension RandomSource {
    /// `count` random bytes that are no secret: identifiers, salts and nonces.
    func bytes(_ count: Int) throws(CryptoFailure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let result: Result<Void, CryptoFailure> = unsafe bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(CryptoFailure) in try unsafe fill(buffer) }
        }
        try result.get()
        return bytes
    }
}

/// The system's generator.
package struct SystemRandomness: RandomSource {
    /// The most that one call to the system gives (getentropy(3)).
    private static let mostAtOnce = 256

    /// The system's generator, of which there is one.
    package init() {}

    package func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoFailure) {
        var position = 0
        while position < buffer.count {
            let count = min(Self.mostAtOnce, buffer.count - position)
            guard unsafe getentropy(buffer.baseAddress?.advanced(by: position), count) == 0 else { throw .unavailable }
            position += count
        }
    }
}
