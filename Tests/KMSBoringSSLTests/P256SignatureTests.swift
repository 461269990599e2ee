import KMSBoringSSL
import Testing

/// What signatures on P-256 are refused; that others verify them is tested with the keys.
struct P256SignatureTests {
    @Test(arguments: [
        [], [1], [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xff, count: 32),
        [UInt8](repeating: 1, count: 33),
    ])
    func `what is no private key does not sign`(number: [UInt8]) {
        #expect(throws: P256Failure.self) {
            try number.withUnsafeBytes { number throws(P256Failure) in
                try P256Signature.make(of: [UInt8](repeating: 7, count: 32), privateKey: number)
            }
        }
    }
}
