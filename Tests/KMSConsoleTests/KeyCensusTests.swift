import Foundation
import KMSConsole
import KMSEngine
import KMSModel
import Testing

struct KeyCensusTests {
    private static func key(
        _ number: Int, aliases: [String] = [], tags: Int? = 0, grants: Int? = nil, manager: KeyManager? = .customer,
        state: KeyState = .enabled
    ) throws -> KeyOverview {
        let details = manager.map {
            KeyOverview.Details(
                state: state, spec: .symmetricDefault, usage: .encryptDecrypt, origin: .awsKMS, manager: $0,
                isMultiRegion: false, creationDate: Date(timeIntervalSince1970: 1000), description: "")
        }
        return KeyOverview(
            keyID: try #require(KeyID("00000000-0000-0000-0000-00000000000\(number)")), details: details,
            aliases: aliases, tags: tags.map { (0..<$0).map { KMSModel.Tag(key: "k\($0)", value: "") } },
            quotaUse: grants.map { KeyOverview.QuotaUse(grants: $0, policySize: nil, rotationsOnDemand: nil) })
    }

    private static func holders(_ census: KeyCensus, _ quota: KeyCensus.Quota) -> String {
        (census.nearest[quota] ?? []).map { "\($0.id.suffix(1))=\($0.used)" }.joined(separator: " ")
    }

    @Test func `the keys with most of a thing are named, most first`() throws {
        let counts = [3, 0, 7, 7, 1, 9, 2]
        let census = KeyCensus(try counts.enumerated().map { try Self.key($0.offset, grants: $0.element) })
        #expect(Self.holders(census, .grants) == "5=9 2=7 3=7")
        let few = KeyCensus([try Self.key(1, aliases: ["alias/a", "alias/b"], tags: 4), try Self.key(2, tags: nil)])
        #expect(Self.holders(few, .tags) == "1=4")
        #expect(few.nearest[.aliases]?.first?.alias == "alias/a")
        #expect(Self.holders(few, .grants).isEmpty && Self.holders(few, .policySize).isEmpty)
    }

    @Test func `keys are counted by state and spec, without those of AWS services`() throws {
        let census = KeyCensus([
            try Self.key(1), try Self.key(2, state: .disabled), try Self.key(3, manager: nil),
            try Self.key(4, tags: 9, grants: 9, manager: .aws), try Self.key(5, tags: 9, grants: 9, manager: nil),
        ])
        // Of what may not be looked at nobody knows whose it is.
        #expect(census.count == 2)
        #expect(census.states == ["Enabled": 1, "Disabled": 1, nil: 2])
        #expect(census.specs == ["SYMMETRIC_DEFAULT": 2])
        #expect(census.nearest.isEmpty)
    }
}
