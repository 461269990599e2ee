import Foundation
import KMSConsole
import KMSEngine
import KMSModel
import Testing

struct KeyListQueryTests {
    private static func query(_ text: String) throws -> KeyListQuery {
        KeyListQuery(try #require(FormFields(text.utf8)))
    }

    private static func key(
        _ number: Int, aliases: [String] = [], description: String? = "", state: KeyState = .enabled,
        tags: [KMSModel.Tag]? = []
    ) throws -> KeyOverview {
        let id = try #require(KeyID("00000000-0000-0000-0000-00000000000\(number)"))
        let details = description.map {
            KeyOverview.Details(
                state: state, spec: .symmetricDefault, usage: .encryptDecrypt, origin: .awsKMS, manager: .customer,
                isMultiRegion: false, creationDate: Date(timeIntervalSince1970: Double(1000 - number)), description: $0)
        }
        return KeyOverview(keyID: id, details: details, aliases: aliases, tags: tags)
    }

    private static func order(_ sort: String, _ keys: [KeyOverview]) throws -> String {
        try query("sort=\(sort)").sorted(keys).map { String($0.keyID.description.suffix(1)) }.joined()
    }

    @Test(arguments: [
        ("", ""), ("q=+&state=&sort=alias&page=1", ""), ("q=a+b", "?q=a%20b"),
        ("q=1%2B1%26%3D%23", "?q=1%2B1%26%3D%23"),
        ("state=Disabled", "?state=Disabled"), ("sort=-created&page=3", "?sort=-created&page=3"),
        ("sort=-alias", "?sort=-alias"),
        // What makes no sense is not there.
        ("state=Melted&sort=size&page=-7", ""), ("page=x", ""), ("page=99999999999999999999", ""),
        ("sort=--id", "?sort=-id"),
    ])
    func `a query is written as it was understood`(sent: String, written: String) throws {
        let text = try Self.query(sent).text
        #expect(text == written)
        #expect(try Self.query(String(text.dropFirst())).text == written)
    }

    @Test func `a search has an end`() throws {
        #expect(try Self.query("q=" + String(repeating: "a", count: 1000)).fields.search.count == 200)
    }

    @Test(arguments: [
        ("", true), ("PAYMENTS", true), ("alias/pay", true), ("other", true), ("-000000000003", true), ("card", true),
        ("team=blue", true), ("=blu", true), ("pay team=blue card", true), ("pay missing", false), ("team=red", false),
        ("blue=team", false),
    ])
    func `each word is in a name, the identifier, the description or a tag`(search: String, isFound: Bool) throws {
        let key = try Self.key(
            3, aliases: ["alias/payments", "alias/other"], description: "Card numbers",
            tags: [KMSModel.Tag(key: "team", value: "Blue")])
        let escaped = search.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        #expect(try Self.query("q=\(escaped)").admits(key) == isFound)
    }

    @Test func `keys are chosen by their state`() throws {
        let disabled = try Self.query("state=Disabled")
        #expect(try disabled.admits(Self.key(1, state: .disabled)))
        #expect(try !disabled.admits(Self.key(1)))
    }

    @Test func `what may not be seen is not found`() throws {
        let hidden = try Self.key(1, description: nil, tags: nil)
        #expect(try Self.query("").admits(hidden))
        #expect(try Self.query("q=000001").admits(hidden))
        #expect(try !Self.query("state=Enabled").admits(hidden))
        #expect(try !Self.query("q=team").admits(hidden))
    }

    @Test func `keys stand in the order that is asked for, those without anything last`() throws {
        let keys = [
            try Self.key(3, aliases: ["alias/b"]), try Self.key(1),
            try Self.key(4, aliases: ["alias/a"], state: .disabled),
            try Self.key(2, description: nil, tags: nil),
        ]
        #expect(try Self.order("alias", keys) == "4312")
        #expect(try Self.order("-alias", keys) == "3412")
        #expect(try Self.order("id", keys) == "1234")
        #expect(try Self.order("-id", keys) == "4321")
        #expect(try Self.order("state", keys) == "4132")
        #expect(try Self.order("created", keys) == "4312")
        #expect(try Self.order("-state", keys) == "1342")
    }

    @Test(arguments: [
        ("", "12", 1, 3, 5), ("page=2", "34", 2, 3, 5), ("page=9", "5", 3, 3, 5), ("sort=-id&page=1", "54", 1, 3, 5),
        ("q=-000000000004", "4", 1, 1, 1), ("q=nothing&page=2", "", 1, 1, 0),
    ])
    func `a page has its keys and knows how many there are`(
        query: String, keys: String, number: Int, pages: Int, count: Int
    ) throws {
        let all = try (1...5).map { try Self.key($0) }
        let page = try Self.query(query).page(of: all, size: 2)
        #expect(page.keys.map { String($0.keyID.description.suffix(1)) }.joined() == keys)
        #expect(page.number == number && page.pages == pages)
        #expect(page.count == count && page.total == 5)
    }
}
