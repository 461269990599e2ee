import KMSConsole
import KMSEngine
import KMSModel
import Testing

struct AuditFilterTests {
    private static let id = "01234567-89ab-cdef-0123-456789abcdef"
    private static let related = "mrk-0123456789abcdef0123456789abcdef"

    private static func filter(_ query: String) throws -> AuditFilter {
        AuditFilter(try #require(FormFields(query.utf8)), in: try #require(Region("eu-central-1")))
    }

    @Test(arguments: [
        ("2026-11-28", "2026-11-28"), ("2024-02-29", "2024-02-29"), ("+2026-11-28+", "2026-11-28"),
        ("2026-11-28+17:20", "2026-11-28T17:20"), ("2026-11-28T17:20", "2026-11-28T17:20"),
        ("2026-11-28T17:20:05Z", "2026-11-28T17:20:05"), ("2026-11-28+17:20+UTC", "2026-11-28T17:20"),
    ])
    func `a moment is a day, or a minute or second of it`(typed: String, understood: String) throws {
        for field in ["from", "to"] {
            let filter = try Self.filter("\(field)=\(typed)")
            #expect(filter.problems.isEmpty)
            #expect((field == "from" ? filter.query.from : filter.query.to) == understood)
        }
    }

    @Test(arguments: [
        "soon", "2026-11-31", "2023-02-29", "1900-02-29", "2026-00-10", "2026-13-01", "2026-1-01", "0000-01-01",
        "2026-11-28+24:00", "2026-11-28+7:20", "2026-11-28+17", "2026-11-28+17:60", "2026-11-28+17:20:60",
        "2026-11-28T17:20+01:00", "2026-11-28+17:20+18:00", "28.11.2026", "2026-11-2%CC%81", "%D9%A2026-11-28",
    ])
    func `what is no moment is said, and kept`(typed: String) throws {
        let filter = try Self.filter("from=\(typed)&who=ana")
        #expect(filter.problems[.from]?.contains("is no date") == true)
        #expect(filter.problems.count == 1)
        #expect(filter.typed[.from] == FormFields("a=\(typed)".utf8)?["a"])
        #expect(filter.typed[.who] == "ana")
    }

    @Test(arguments: [
        ("from=2026-11-28&to=2026-11-27", true), ("from=2026-11-28&to=2026-11-28", false),
        ("from=2026-11-28+17:20&to=2026-11-28", false), ("from=2026-11-28+17:20&to=2026-11-28+17:19", true),
        ("from=2026-11-28&to=2026-11-28+00:00", false),
    ])
    func `the end is not before the beginning`(query: String, isWrong: Bool) throws {
        #expect((try Self.filter(query).problems[.to] != nil) == isWrong)
    }

    @Test(arguments: [
        (id, id), (id.uppercased(), id), (related.uppercased(), related),
        ("arn:aws:kms:eu-central-1:111122223333:key/\(id)", id),
        ("arn:aws:kms:eu-central-1:111122223333:key/\(id.uppercased())", id),
        ("arn:aws:kms:us-east-1:111122223333:key/\(related)", related),
    ])
    func `a key is known by its identifier and by its ARN`(typed: String, key: String) throws {
        let filter = try Self.filter("key=\(typed)")
        #expect(filter.query.key == key && filter.problems.isEmpty && filter.alias == nil)
    }

    @Test(arguments: [
        "x", "01234567", "alias/", "alias/a%20b", "arn:aws:kms:us-east-1:111122223333:key/\(id)",
        "arn:aws:kms:us-east-1:111122223333:alias/a", "arn:aws:kms:eu-central-1:111122223333:key/x", "arn:",
    ])
    func `what names no key of the region is said`(typed: String) throws {
        let filter = try Self.filter("key=\(typed)")
        #expect(filter.problems[.key] != nil && filter.query.key == nil && filter.alias == nil)
    }

    @Test func `an alias has to be looked up first`() throws {
        for typed in ["alias/a", "arn:aws:kms:eu-central-1:111122223333:alias/a"] {
            let filter = try Self.filter("key=\(typed)")
            #expect(filter.alias == "alias/a" && filter.problems.isEmpty)
            #expect(filter.resolved(to: Self.id).query.key == Self.id)
            #expect(filter.resolved(to: Self.id).problems.isEmpty)
            #expect(filter.resolved(to: nil).problems[.key] != nil)
            #expect(filter.resolved(to: nil).typed[.key] == typed)
        }
    }

    @Test(arguments: [
        ("outcome=denied", nil), ("outcome=", nil), ("outcome=melted", AuditFilter.Field.outcome),
        ("name=Encrypt", nil),
        ("name=kms:Encrypt", .name), ("name=a+b", .name), ("name=%C3%A9", .name), ("who=ana@example.org", nil),
        ("who=" + String(repeating: "x", count: 2049), .who),
    ])
    func `each field says what is wrong with it`(query: String, field: AuditFilter.Field?) throws {
        #expect(Set(try Self.filter(query).problems.keys) == Set([field].compactMap(\.self)))
    }

    @Test func `a link to older records says where it goes on`() throws {
        let filter = try Self.filter("before=7.4096&shown=200")
        #expect(filter.shownBefore == 200 && filter.query.start?.description == "7.4096")
        for wrong in ["later", "7", "7.-1", "-7.1", "7.1.1", ".", "7.99999999999999999999", ""] {
            let filter = try Self.filter("before=\(wrong)&shown=200")
            #expect(filter.shownBefore == 0 && filter.query.start == nil && filter.problems.isEmpty, "\(wrong)")
        }
        for wrong in ["-1", "x", "99999999999", ""] {
            #expect(try Self.filter("before=7.4096&shown=\(wrong)").shownBefore == 0, "\(wrong)")
        }
    }
}
