import Foundation
import KMSEngine
import KMSModel
import Testing

struct CatalogueTests {
    @Test func `each operation of the catalogue is found under its name`() {
        for operation in Catalogue.operations {
            let found = Catalogue.operation(operation.description.name)
            #expect(found != nil && found == operation)
        }
        #expect(Set(Catalogue.operations.map { $0.description.name }).count == Catalogue.operations.count)
    }

    @Test func `what the audit log records are members of the model's request`() {
        for operation in Catalogue.operations {
            let name = operation.description.name
            let recorded = operation.description.recorded
            #expect(Set(recorded.members).isSubset(of: name.requestMembers), "\(name)")
            #expect(Set(recorded.defaults.map(\.name)).isSubset(of: recorded.members), "\(name)")
        }
    }

    /// Members that no record may hold, whatever the operation.
    @Test func `no secret is among what the audit log records`() {
        let forbidden: Set = [
            "Plaintext", "CiphertextBlob", "Message", "Mac", "Signature", "PublicKey", "EncryptedKeyMaterial",
            "ImportToken", "GrantTokens", "GrantToken", "KeyStorePassword", "XksProxyAuthenticationCredential",
            "Recipient",
        ]
        for operation in Catalogue.operations {
            #expect(forbidden.isDisjoint(with: operation.description.recorded.members))
        }
    }

    @Test func `every operation of the API model is in the catalogue`() {
        #expect(OperationName.allCases.filter { Catalogue.operation($0) == nil } == [])
    }
}

struct PageScopeTests {
    @Test func `a marker of another operation or another key is refused`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let keys = [try await harness.makeKey(), try await harness.makeKey()].sorted()
            let page = await harness.call(.listKeys, #"{"Limit":1}"#)
            let marker = try page.string("NextMarker")
            let next = try await harness.call(.listKeys, #"{"Limit":1,"Marker":"\#(marker)"}"#).object()
            #expect(next["Truncated"] == .bool(false))
            #expect(await harness.call(.listAliases, #"{"Marker":"\#(marker)"}"#).code == .invalidMarker)
            let body = #"{"KeyId":"\#(keys[0])","Marker":"\#(marker)"}"#
            #expect(await harness.call(.listResourceTags, body).code == .invalidMarker)
            for forged in ["x", Base64.encode(Array("ListKeys\n\nnot-a-key".utf8)), Base64.encode([0xFF])] {
                #expect(await harness.call(.listKeys, #"{"Marker":"\#(forged)"}"#).code == .invalidMarker)
            }
            try await harness.close()
        }
    }
}

struct UTCTimeTests {
    @Test(arguments: [
        (0.0, "1970-01-01T00:00:00Z", "Jan 1, 1970, 12:00:00 AM"),
        (951_782_399, "2000-02-28T23:59:59Z", "Feb 28, 2000, 11:59:59 PM"),
        (951_868_799.999, "2000-02-29T23:59:59Z", "Feb 29, 2000, 11:59:59 PM"),
        (1_660_171_107, "2022-08-10T22:38:27Z", "Aug 10, 2022, 10:38:27 PM"),
        (4_107_542_400, "2100-03-01T00:00:00Z", "Mar 1, 2100, 12:00:00 AM"),
        (-1, "1969-12-31T23:59:59Z", "Dec 31, 1969, 11:59:59 PM"),
        (1_735_732_800, "2025-01-01T12:00:00Z", "Jan 1, 2025, 12:00:00 PM"),
    ])
    func `a moment is shown as the calendar has it`(seconds: TimeInterval, iso: String, spelled: String) {
        let time = UTCTime(Date(timeIntervalSince1970: seconds))
        #expect(time.iso8601 == iso)
        #expect(time.spelledOut == spelled)
    }
}
