import KMSBoringSSL
import TestVectors
import Testing

/// ML-DSA is that of FIPS 204.
struct MLDSATests {
    private static func vectors(_ file: String, _ members: Set<String>) throws -> [(MLDSA, VectorCase)] {
        try zip(MLDSA.allCases, ["44", "65", "87"]).flatMap { parameters, name in
            try Vectors.cases("mldsa/\(name)-\(file).json", members).map { (parameters, $0) }
        }
    }

    @Test(arguments: try vectors("keys", ["seed", "publicKey"]))
    func `a seed has the public key of FIPS 204`(parameters: MLDSA, vector: VectorCase) throws {
        let seed = try vector.bytes("seed")
        let publicKey = try seed.withUnsafeBytes { seed throws(MLDSAFailure) in try parameters.publicKey(seed: seed) }
        #expect(try publicKey == vector.bytes("publicKey"))
        #expect(publicKey.count == parameters.publicKeyByteCount)
    }

    @Test(arguments: try vectors("verify", ["publicKey", "message", "signature", "result"]))
    func `a signature is verified as FIPS 204 says`(parameters: MLDSA, vector: VectorCase) throws {
        let (signature, publicKey) = (try vector.bytes("signature"), try vector.bytes("publicKey"))
        let isValid = try vector.bytes("message").withUnsafeBytes { message in
            parameters.isSignature(signature, of: message, by: publicKey)
        }
        #expect(try isValid == vector.isValid)
    }
}
