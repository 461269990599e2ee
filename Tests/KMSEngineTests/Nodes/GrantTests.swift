import KMSModel
import KMSStore
import Synchronization
import Testing

/// What nodes know of each other's grants, of which a key may have tens of thousands.
@Suite struct GrantTests {
    private func grant(_ name: String, on key: String, by node: NodeHarness) async throws -> String {
        try await node.call(
            .createGrant,
            #"""
            {"KeyId":"\#(key)","GranteePrincipal":"arn:aws:iam::111122223333:root","Operations":["Decrypt"],"Name":"\#(name)"}
            """#
        ).string("GrantId")
    }

    private func names(of key: String, on node: NodeHarness) async throws -> [String] {
        let list = try await node.call(.listGrants, #"{"KeyId":"\#(key)","Limit":100}"#).object()
        guard case .array(let grants)? = list["Grants"] else { return [] }
        return grants.compactMap {
            guard case .object(let grant) = $0, case .string(let name)? = grant["Name"] else { return nil }
            return name
        }.sorted()
    }

    @Test func `grants come and go on every node, and no key is read as a whole for them`() async throws {
        try await withNodes { nodes in
            let key = try await nodes[0].makeKey()
            _ = try await nodes[1].encrypt(with: key)
            var ids: [String] = []
            for number in 0..<20 { ids.append(try await grant("g\(number)", on: key, by: nodes[number % 2])) }
            for id in ids[..<10] {
                let answer = await nodes[1].call(.revokeGrant, #"{"KeyId":"\#(key)","GrantId":"\#(id)"}"#)
                #expect(answer.code == nil)
            }
            let rest = (10..<20).map { "g\($0)" }
            for node in nodes {
                try await eventually("ten grants") { try await names(of: key, on: node) == rest }
                #expect(await node.call(.describeKey, #"{"KeyId":"\#(key)"}"#).code == nil)
            }
            #expect(nodes[0].store.wholeReadingCount.load(ordering: .relaxed) == 0)
        }
    }

    @Test func `a grant that another node made just now is found when it is asked for once more`() async throws {
        try await withNodes(follow: false) { nodes in
            let key = try await nodes[0].makeKey()
            _ = try await nodes[1].encrypt(with: key)
            let first = try await grant("one", on: key, by: nodes[0])
            #expect(try await grant("one", on: key, by: nodes[1]) == first)
            // Neither is one that another node revoked.
            let revoked = await nodes[1].call(.revokeGrant, #"{"KeyId":"\#(key)","GrantId":"\#(first)"}"#)
            #expect(revoked.code == nil)
            #expect(try await grant("one", on: key, by: nodes[0]) != first)
            #expect(nodes[0].store.wholeReadingCount.load(ordering: .relaxed) == 0)
        }
    }

    @Test func `a replica that is made anew has none of the grants of the one before`() async throws {
        try await withNodes { nodes in
            let key = try await nodes[0].makeKey(#"{"MultiRegion":true}"#)
            let id = try #require(KeyID(key))
            _ = try await nodes[1].encrypt(with: key)
            _ = try await grant("old", on: key, by: nodes[0])
            try await eventually("the grant") { try await names(of: key, on: nodes[1]) == ["old"] }
            // As by nodes that delete and replicate between two readings of the feed.
            let store = nodes[0].store
            let stored = try #require(try await store.keys([id]).first)
            var again = stored.record
            again.version = 1
            try await store.commit(Change([.deleteKey(stored.record.arn, expecting: stored.record.version)]))
            try await store.commit(
                Change([.insertKey(again)] + stored.materials.map(Mutation.insertMaterial)))
            for node in nodes { try await eventually("no grant") { try await names(of: key, on: node).isEmpty } }
            #expect(store.wholeReadingCount.load(ordering: .relaxed) > 0)
        }
    }
}
