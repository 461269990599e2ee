import KMSCrypto
import TestVectors
import Testing

/// Ed25519 and Ed25519ph are those of RFC 8032, and nothing else passes for one of their signatures.
struct Ed25519Tests {
    private static let signed: Set = ["seed", "publicKey", "message", "signature"]

    private func checkEd25519(_ vector: VectorCase, isPrehashed: Bool) throws {
        let (seed, message) = (try vector.bytes("seed"), try vector.bytes("message"))
        let (publicKey, signature) = (try vector.bytes("publicKey"), try vector.bytes("signature"))
        #expect(try Primitives.ed25519PublicKey(seed: seed) == publicKey)
        #expect(try Primitives.ed25519Signature(of: message, seed: seed, isPrehashed: isPrehashed) == signature)
        func isSignature(_ signature: [UInt8], isPrehashed: Bool) -> Bool {
            Primitives.isEd25519Signature(signature, of: message, by: publicKey, isPrehashed: isPrehashed)
        }
        #expect(isSignature(signature, isPrehashed: isPrehashed))
        #expect(!isSignature(signature, isPrehashed: !isPrehashed))
        for index in signature.indices { #expect(!isSignature(signature.flipped(at: index), isPrehashed: isPrehashed)) }
    }

    @Test(arguments: try Vectors.cases("ed25519/sign.json", signed))
    func `Ed25519 is that of RFC 8032`(vector: VectorCase) throws { try checkEd25519(vector, isPrehashed: false) }

    @Test(arguments: try Vectors.cases("ed25519/prehashed.json", signed))
    func `Ed25519ph is that of RFC 8032`(vector: VectorCase) throws { try checkEd25519(vector, isPrehashed: true) }

    @Test(arguments: try Vectors.cases("ed25519/verify.json", ["publicKey", "message", "signature", "result"]))
    func `Ed25519 refuses what Wycheproof calls invalid`(vector: VectorCase) throws {
        let isValid = try Primitives.isEd25519Signature(
            vector.bytes("signature"), of: vector.bytes("message"), by: vector.bytes("publicKey"), isPrehashed: false
        )
        #expect(try isValid == vector.isValid)
    }
}
