import CSodium
import Glibc
import KMSModel

/// Why a secret cannot be read from where it was said to be.
package enum SecretFailure: Error, Equatable, Sendable {
    /// More than ``SealSecret/largest`` bytes.
    case tooLong
    case empty
    /// Who was asked pressed control-C, or closed the terminal.
    case interrupted
    case system(reason: String)
    /// The system gave no guarded memory.
    case unavailable
}

/// A passphrase, a PIN or the text of a share, in guarded memory from the moment that it is read.
package final class SealSecret: Sendable {
    /// The most bytes that one may have.
    package static let largest = 1024

    private let memory: GuardedBytes
    let count: Int

    /// All that there is to read at `descriptor`, but one line feed at its end.
    ///
    /// Nothing else is changed: no white space is taken away, and no letters are made alike.
    ///
    /// - Throws: ``SecretFailure``.
    package convenience init(contentsOf descriptor: Int32) throws(SecretFailure) {
        try unsafe self.init { buffer throws(SecretFailure) in
            var count = 0
            while count < buffer.count {
                let part = unsafe read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
                if part < 0, errno == EINTR { continue }
                guard part >= 0 else { throw .system(reason: unsafe String(cString: strerror(errno))) }
                if part == 0 { break }
                count += part
            }
            guard count < buffer.count else { throw .tooLong }
            return unsafe count > 0 && buffer[count - 1] == UInt8(ascii: "\n") ? count - 1 : count
        }
    }

    /// What is typed at a terminal that hands over each key as it is pressed, until the return key.
    ///
    /// The delete key takes back a character, control-U all of them.
    ///
    /// - Throws: ``SecretFailure``.
    package convenience init(typedAt descriptor: Int32) throws(SecretFailure) {
        try unsafe self.init { buffer throws(SecretFailure) in
            var count = 0
            while true {
                guard count < buffer.count else { throw .tooLong }
                let part = unsafe read(descriptor, buffer.baseAddress?.advanced(by: count), 1)
                if part < 0, errno == EINTR { continue }
                guard part == 1 else { throw .interrupted }
                switch unsafe buffer[count] {
                case 0x03: throw .interrupted
                case 0x04 where count == 0: throw .interrupted
                case 0x0A, 0x0D: return count
                case 0x08, 0x7F: unsafe Self.takeBack(&count, in: buffer)
                case 0x15: count = 0
                default: count += 1
                }
            }
        }
    }

    /// The bytes that somebody sent.
    ///
    /// - Throws: ``SecretFailure``.
    package convenience init(copying bytes: some Collection<UInt8>) throws(SecretFailure) {
        guard bytes.count <= Self.largest else { throw .tooLong }
        try unsafe self.init { buffer throws(SecretFailure) in
            unsafe buffer.copyBytes(from: bytes)
            return bytes.count
        }
    }

    private init(
        filledBy body: (UnsafeMutableRawBufferPointer) throws(SecretFailure) -> Int
    ) throws(SecretFailure) {
        // A byte more than there may be, to see that there are more, and one for the line feed.
        var result: Result<Int, SecretFailure> = .failure(.unavailable)
        do throws(CryptoFailure) {
            memory = try unsafe GuardedBytes(count: Self.largest + 2) { buffer in
                result = Result { () throws(SecretFailure) in try unsafe body(buffer) }
            }
        } catch {
            throw .unavailable
        }
        count = try result.get()
        guard count > 0 else { throw .empty }
        guard count <= Self.largest else { throw .tooLong }
    }

    /// Whether both are the same bytes, in a time that tells no more than their lengths.
    package func isSame(as other: SealSecret) -> Bool {
        unsafe withBytes { left in
            unsafe other.withBytes { right in
                guard left.count == right.count, let one = left.baseAddress, let two = right.baseAddress else {
                    return false
                }
                return unsafe sodium_memcmp(one, two, left.count) == 0
            }
        }
    }

    /// The secret as text, on its way to another process of the same user.
    package func base64() -> String { unsafe withBytes { unsafe Base64.encode(Array($0)) } }

    /// Lends the bytes for the duration of `body`, which must not keep the pointer.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe memory.withBytes { bytes throws(Failure) in
            try unsafe body(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
    }

    /// Goes back over the bytes of one character of UTF-8.
    private static func takeBack(_ count: inout Int, in buffer: UnsafeMutableRawBufferPointer) {
        while count > 0 {
            count -= 1
            if unsafe buffer[count] & 0b1100_0000 != 0b1000_0000 { return }
        }
    }
}
