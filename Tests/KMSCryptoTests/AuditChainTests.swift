import KMSCrypto
import KMSModel
import TestVectors
import Testing

/// The key that ties the records of an audit log together.
struct AuditChainTests {
    private static let digest = Digest.sha256(Array("{}".utf8))
    private static let previous = [UInt8](repeating: 1, count: 32)

    private static func keyring(_ byte: UInt8 = 7) throws -> Keyring {
        try Keyring(rootKey: Sample.rootKey(byte), capacity: 1)
    }

    private static func vectors() throws -> [VectorCase] {
        try Vectors.cases(
            "chatelaine/audit-chain-v1.json",
            ["rootKey", "key", "nonce", "wrapped", "previous", "sequence", "record", "line", "note"])
    }

    private static func nodeVectors() throws -> [VectorCase] {
        try Vectors.cases(
            "chatelaine/audit-node-v1.json", ["rootKey", "wrapped", "node", "nodeKey", "record", "line", "note"])
    }

    @Test(arguments: try vectors())
    func `a key is wrapped as it was, and makes the codes that it made`(vector: VectorCase) throws {
        let rootKey = try Sample.rootKey(bytes: vector.bytes("rootKey"))
        let random = try PreparedRandomness(vector.bytes("key") + vector.bytes("nonce"))
        let wrapped = try Keyring(rootKey: rootKey, randomness: random, capacity: 1).makeAuditKey()
        #expect(try wrapped == vector.bytes("wrapped"))
        let chain = try Keyring(rootKey: rootKey, capacity: 1).openAuditKey(wrapped)
        let sequence = try #require(UInt64(vector.text("sequence")))
        let record = try vector.text("record")
        let code = try chain.code(
            ofRecord: Digest.sha256(Array(record.utf8)), sequence: sequence, after: vector.bytes("previous"))
        #expect(try vector.text("line").hasSuffix(#""mac":"\#(Base64.encode(code))"}}"#))
        #expect(try vector.bytes("note").suffix(32) == chain.code(ofAnchor: sequence, code)[...])
    }

    @Test(arguments: try nodeVectors())
    func `a node's chain makes the codes that it made`(vector: VectorCase) throws {
        let rootKey = try Sample.rootKey(bytes: vector.bytes("rootKey"))
        let chain = try Keyring(rootKey: rootKey, capacity: 1).openAuditKey(vector.bytes("wrapped"))
            .chain(ofNode: vector.text("node"))
        let record = try vector.text("record")
        let code = chain.code(
            ofRecord: Digest.sha256(Array(record.utf8)), sequence: 1, after: [UInt8](repeating: 0, count: 32))
        #expect(try vector.text("line").hasSuffix(#""mac":"\#(Base64.encode(code))"}}"#))
        #expect(try vector.bytes("note").suffix(32) == chain.code(ofAnchor: 1, code)[...])
    }

    @Test func `every node has a chain of its own`() throws {
        let keyring = try Self.keyring()
        let chain = try keyring.openAuditKey(keyring.makeAuditKey())
        let codes = try [chain, chain.chain(ofNode: "a"), chain.chain(ofNode: "b"), chain.chain(ofNode: "")].map {
            $0.code(ofRecord: Self.digest, sequence: 1, after: Self.previous)
        }
        #expect(Set(codes).count == codes.count)
        let again = try chain.chain(ofNode: "a").code(ofRecord: Self.digest, sequence: 1, after: Self.previous)
        #expect(again == codes[1])
    }

    @Test func `a key opens under its root key only`() throws {
        let wrapped = try Self.keyring().makeAuditKey()
        let code = try Self.keyring().openAuditKey(wrapped).code(
            ofRecord: Self.digest, sequence: 1, after: Self.previous)
        let again = try Self.keyring().openAuditKey(wrapped).code(
            ofRecord: Self.digest, sequence: 1, after: Self.previous)
        #expect(code == again)
        #expect(throws: CryptoFailure.damagedRecord) { try Self.keyring(8).openAuditKey(wrapped) }
    }

    @Test func `a key of which one bit was changed does not open`() throws {
        let keyring = try Self.keyring()
        let wrapped = try keyring.makeAuditKey()
        for index in wrapped.indices {
            var changed = wrapped
            changed[index] ^= 1
            #expect(throws: CryptoFailure.damagedRecord) { try keyring.openAuditKey(changed) }
        }
        #expect(throws: CryptoFailure.damagedRecord) { try keyring.openAuditKey([]) }
    }

    @Test func `every log has a key of its own`() throws {
        let keyring = try Self.keyring()
        let codes = try (0..<2).map { _ in
            try keyring.openAuditKey(keyring.makeAuditKey()).code(
                ofRecord: Self.digest, sequence: 1, after: Self.previous)
        }
        #expect(codes[0] != codes[1])
    }

    @Test func `no code is made without random bytes`() throws {
        let keyring = try Keyring(rootKey: Sample.rootKey(), randomness: FailingRandomness(), capacity: 1)
        #expect(throws: CryptoFailure.unavailable) { try keyring.makeAuditKey() }
    }

    @Test func `a code depends on the record, its number and the code before it, and on what it is for`() throws {
        let keyring = try Self.keyring()
        let chain = try keyring.openAuditKey(keyring.makeAuditKey())
        let other = [UInt8](repeating: 2, count: 32)
        let codes = [
            chain.code(ofRecord: Self.digest, sequence: 1, after: Self.previous),
            chain.code(ofRecord: other, sequence: 1, after: Self.previous),
            chain.code(ofRecord: Self.digest, sequence: 2, after: Self.previous),
            chain.code(ofRecord: Self.digest, sequence: 1 << 32, after: Self.previous),
            chain.code(ofRecord: Self.digest, sequence: 1, after: other),
            chain.code(ofAnchor: 1, Self.previous), chain.code(ofAnchor: 2, Self.previous),
            chain.code(ofAnchor: 1, other),
        ]
        #expect(Set(codes).count == codes.count)
        for code in codes { #expect(code.count == AuditChain.codeByteCount) }
    }

    @Test func `what is sealed opens whole, for what it was sealed for, and with the same key only`() throws {
        let keyring = try Self.keyring()
        let (chain, other) = (
            try keyring.openAuditKey(keyring.makeAuditKey()), try keyring.openAuditKey(keyring.makeAuditKey())
        )
        let (content, binding) = (Array("a place".utf8), Array("a request".utf8))
        let sealed = try chain.seal(content, binding: binding)
        #expect(chain.open(sealed, binding: binding) == content)
        #expect(try chain.seal(content, binding: binding) != sealed)
        #expect(chain.open(sealed, binding: []) == nil && other.open(sealed, binding: binding) == nil)
        for place in sealed.indices {
            var changed = sealed
            changed[place] ^= 1
            #expect(chain.open(changed, binding: binding) == nil)
            #expect(chain.open(Array(sealed[..<place]), binding: binding) == nil)
        }
    }
}
