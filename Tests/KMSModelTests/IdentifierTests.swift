import Foundation
import KMSModel
import Testing

struct IdentifierTests {
    @Test(arguments: 0..<20)
    func `an identifier is written as its bytes are, in both forms`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        let digits = bytes.map { String(format: "%02x", $0) }.joined()
        let uuid = try #require(KeyID(bytes: bytes, isMultiRegion: false))
        let multiRegion = try #require(KeyID(bytes: bytes, isMultiRegion: true))
        #expect(uuid.description.filter { $0 != "-" } == digits)
        #expect(UUID(uuidString: uuid.description)?.uuidString.lowercased() == uuid.description)
        #expect(multiRegion.description == "mrk-\(digits)")
        for id in [uuid, multiRegion] {
            #expect(id.bytes == bytes)
            #expect(KeyID(id.description) == id)
        }
    }

    @Test(arguments: ["1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"])
    func `a key identifier comes back from its bytes`(text: String) throws {
        let keyID = try #require(KeyID(text))
        #expect(keyID.description == text)
        #expect(keyID.bytes.count == 16)
        #expect(KeyID(bytes: keyID.bytes, isMultiRegion: keyID.isMultiRegion) == keyID)
        #expect(keyID.isMultiRegion == text.hasPrefix("mrk-"))
    }

    @Test(arguments: [
        "", "1234abcd12ab34cd56ef1234567890ab", "1234ABCD-12ab-34cd-56ef-1234567890ab",
        "1234abcd-12ab-34cd-56ef-1234567890a",
        "1234abcd-12ab-34cd-56ef-1234567890abc", "mrk-1234abcd12ab34cd56ef1234567890a",
        "mrk-1234ABCD12ab34cd56ef1234567890ab",
        "1234abcd_12ab-34cd-56ef-1234567890ab", "g234abcd-12ab-34cd-56ef-1234567890ab", "alias/a",
        "1234abcd-12ab-34cd-56ef-1234567890a:", "1234abc-d12ab-34cd-56ef-1234567890ab",
        "1234abcd-12ab-34cd-56ef1-234567890ab", "1234abcd-12ab3-4cd-56ef-1234567890ab",
        "mrk-1234abcd-2ab34cd56ef1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890a`",
        "mrk-1234abcd-12a-34cd-56ef1234567890",
    ])
    func `anything else is no key identifier`(text: String) {
        #expect(KeyID(text) == nil)
    }

    @Test(arguments: ["1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"])
    func `a digit can only be another digit, and nothing else can be another`(text: String) throws {
        let digits = Set("0123456789abcdef".utf8)
        let prefixCount = text.hasPrefix("mrk-") ? 4 : 0
        for (place, byte) in text.utf8.enumerated() {
            let isDigit = place >= prefixCount && byte != UInt8(ascii: "-")
            for other in UInt8(0)..<128 where other != byte {
                var bytes = Array(text.utf8)
                bytes[place] = other
                let changed = String(decoding: bytes, as: UTF8.self)
                let keyID = KeyID(changed)
                #expect((keyID != nil) == (isDigit && digits.contains(other)), "\(place) \(other)")
                #expect(keyID.map(\.description) ?? changed == changed)
            }
        }
    }

    @Test func `key identifiers are in the order of their texts`() throws {
        let texts = [
            "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-9000-000000000000",
            "80000000-0000-4000-8000-000000000000", "ffffffff-0000-4000-8000-000000000000",
            "mrk-00000000000040008000000000000000", "mrk-f0000000000040008000000000000000",
        ]
        #expect(try texts.reversed().map { try #require(KeyID($0)) }.sorted().map(\.description) == texts)
    }

    @Test(arguments: ["us-east-1", "eu-central-1", "us-gov-west-1", "ap-southeast-12", "us-iso-east-1"])
    func `a region name is accepted`(text: String) {
        #expect(Region(text)?.description == text)
    }

    @Test(arguments: [
        "", "us", "us-1", "useast1", "US-east-1", "us-east-", "us--1", "-east-1", "us-east-1a", "a-b-c-d-1",
        "us-east-1 ",
        "abcdefghijklmnopqrstuvwxyz-abcdefg-1",
    ])
    func `anything else is no region name`(text: String) {
        #expect(Region(text) == nil)
    }

    @Test(arguments: [
        ("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
    ])
    func `a key ARN has the partition of its region`(region: String, partition: String) throws {
        let arn = KeyARN(
            region: try #require(Region(region)), account: try #require(AccountID("111122223333")),
            keyID: try #require(KeyID("1234abcd-12ab-34cd-56ef-1234567890ab"))
        )
        #expect(
            arn.description == "arn:\(partition):kms:\(region):111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")
    }

    @Test(arguments: ["", "11112222333", "1111222233334", "11112222333a", "١١١١٢٢٢٢٣٣٣٣"])
    func `only twelve ASCII digits are an account`(text: String) {
        #expect(AccountID(text) == nil)
    }

    @Test(arguments: ["alias/a", "alias/a/b_c-D9", "alias/aws/s3"])
    func `an alias name is accepted`(text: String) {
        #expect(AliasName(text)?.isReserved == text.hasPrefix("alias/aws/"))
    }

    @Test(arguments: [
        "", "alias/", "alias", "Alias/a", "alias/a:b", "alias/é", "alias/a b",
        "alias/" + String(repeating: "a", count: 251),
    ])
    func `anything else is no alias name`(text: String) {
        #expect(AliasName(text) == nil)
    }
}

struct EncryptionContextTests {
    @Test func `the order of pairs does not matter`() {
        #expect(EncryptionContext([("b", "2"), ("a", "1")]) == EncryptionContext([("a", "1"), ("b", "2")]))
    }

    @Test func `keys and values are compared byte by byte`() {
        #expect(EncryptionContext([("\u{E9}", "1")]) != EncryptionContext([("e\u{301}", "1")]))
        #expect(EncryptionContext([("a", "1")]) != EncryptionContext([("A", "1")]))
        #expect(EncryptionContext([("\u{E9}", "1"), ("e\u{301}", "1")]).pairs.count == 2)
    }

    @Test func `of two pairs with one key the later counts`() {
        #expect(
            EncryptionContext([("a", "1"), ("b", "x"), ("a", "2")]) == EncryptionContext([("a", "2"), ("b", "x")]))
    }

    @Test func `pairs are ordered by the bytes of their keys`() {
        let context = EncryptionContext([("b", ""), ("aa", ""), ("", ""), ("é", ""), ("a", "")])
        #expect(context.pairs.map { $0.key } == ["", "a", "aa", "b", "é"])
    }
}
