import KMSCrypto
import Testing

struct DigestTests {
    @Test func `bytes are equal to themselves and to nothing else`() {
        let bytes: [UInt8] = [0, 1, 2, 255]
        #expect(Digest.areEqual(bytes, [0, 1, 2, 255]))
        #expect(Digest.areEqual([], []))
        for index in bytes.indices {
            for bit in 0..<8 { #expect(!Digest.areEqual(bytes, bytes.flipped(at: index, by: 1 << bit))) }
        }
        for other in [[], [0], [0, 1, 2], [0, 1, 2, 255, 0], [255, 2, 1, 0]] as [[UInt8]] {
            #expect(!Digest.areEqual(bytes, other))
            #expect(!Digest.areEqual(other, bytes))
        }
    }
}

struct SystemRandomnessTests {
    @Test(arguments: [1, 32, 255, 256, 257, 512, 1000])
    func `all of a buffer is filled, and nothing beside it`(count: Int) throws {
        // Where a byte stayed zero in sixteen draws, it was not written.
        var seen = [UInt8](repeating: 0, count: count)
        for _ in 0..<16 {
            var buffer = [UInt8](repeating: 0, count: count + 2)
            try buffer.withUnsafeMutableBytes { bytes in
                try SystemRandomness().fill(UnsafeMutableRawBufferPointer(rebasing: bytes[1..<count + 1]))
            }
            #expect(buffer[0] == 0 && buffer[count + 1] == 0)
            for index in seen.indices { seen[index] |= buffer[index + 1] }
        }
        #expect(seen.allSatisfy { $0 != 0 })
    }

    @Test func `an empty buffer is filled with nothing`() throws {
        #expect(throws: Never.self) { try SystemRandomness().fill(UnsafeMutableRawBufferPointer(start: nil, count: 0)) }
    }
}
