import Foundation
import GRDB
import KMSModel
import KMSStore
import KMSStoreSQLite
import Testing

/// A damaged store is refused with the name of what is damaged, and never brings the process down.
@Suite struct DamageTests {
    private let samples: Samples
    private let directory: ScratchDirectory

    init() throws {
        samples = try Samples()
        directory = try ScratchDirectory()
    }

    private func fill() async throws {
        let store = try await SQLiteStore.open(in: directory.path)
        try await store.commit(
            Change([
                .insertAccount(AccountRecord(id: samples.account, creationDate: samples.date(1))),
                .insertAccessKey(samples.accessKey()), .insertKey(try samples.fullKey(2)),
                .insertMaterial(try samples.material(1, of: 2)), .insertAlias(try samples.alias(to: 2)),
                .insertGrant(try samples.fullGrant(on: 2)), .setSetting("name", [1]),
                .setUsage(try samples.usage(of: 2)),
                .putIdentity(try StoredIdentity(samples.user, of: samples.account)),
            ])
        )
        try await store.close()
    }

    private func edit(_ sql: String) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        let queue = try DatabaseQueue(path: directory.database, configuration: configuration)
        try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA ignore_check_constraints = ON; " + sql) }
        try queue.close()
    }

    /// Damage that SQLite itself accepts, and the column that the refusal must name.
    static let edits: [(sql: String, named: String)] = [
        ("UPDATE kms_key SET state = 'Sleeping'", "state"), ("UPDATE kms_key SET spec = 'ROT_13'", "spec"),
        ("UPDATE kms_key SET usage = ''", "usage"), ("UPDATE kms_key SET origin = 'aws_kms'", "origin"),
        ("UPDATE kms_key SET manager = 'me'", "manager"),
        ("UPDATE kms_key SET primary_region = 'moon'", "primary_region"),
        ("UPDATE kms_key SET creation_date = -1", "creation_date"),
        ("UPDATE kms_key SET deletion_date = 9223372036854775807", "deletion_date"),
        ("UPDATE kms_key SET description = x'ff'", "description"), ("UPDATE kms_key SET policy = x'c080'", "policy"),
        ("UPDATE kms_key SET current_material = x'00'", "current_material"),
        ("UPDATE kms_key SET next_rotation_date = NULL", "next_rotation_date"),
        ("UPDATE kms_key SET account = '1'", "account"), ("UPDATE kms_key SET region = 'moon'", "region"),
        ("UPDATE kms_key SET key_id = 'x'", "key_id"), ("UPDATE key_tag SET tag_key = x'ff'", "tag_key"),
        ("UPDATE material SET material_id = x''", "material_id"), ("UPDATE material SET spec = 'X'", "spec"),
        ("UPDATE material SET stage = 'LAST'", "stage"), ("UPDATE material SET valid_to = -1", "valid_to"),
        ("UPDATE material SET description = x'ff'", "description"),
        ("UPDATE key_usage SET operation = 'Guess'", "operation"), ("UPDATE key_usage SET date = -1", "date"),
        ("UPDATE alias SET name = 'app'", "name"), ("UPDATE alias SET target = 'x'", "target"),
        ("UPDATE alias SET last_updated_date = -5", "last_updated_date"),
        ("UPDATE key_grant SET grant_id = x'00'", "grant_id"), ("UPDATE key_grant SET grantee = x'ff'", "grantee"),
        ("UPDATE key_grant SET operations = 'Encrypt Guess'", "operations"),
        ("UPDATE key_grant SET issuer = '1'", "issuer"),
        ("UPDATE key_grant SET context_equals = CAST('[]' AS BLOB)", "context_equals"),
        ("UPDATE key_grant SET context_subset = CAST('{\"a\":1}' AS BLOB)", "context_subset"),
        ("UPDATE account SET id = '12345678901x'", "id"), ("UPDATE access_key SET is_active = -1", "is_active"),
        ("UPDATE access_key SET user_id = 'god'", "user_id"), ("UPDATE access_key SET account = '1'", "account"),
        ("UPDATE account SET creation_date = -1", "creation_date"), ("UPDATE identity SET id = 'AIDA'", "id"),
        ("UPDATE setting SET name = x'ff'", "name"),
        ("UPDATE kms_key SET version = 9223372036854775806", "version"), ("UPDATE alias SET version = -1", "version"),
        ("UPDATE account SET version = 9223372036854775807", "version"),
    ]

    @Test(arguments: edits)
    func `a row that cannot be understood is named`(sql: String, named: String) async throws {
        try await fill()
        try edit(sql)
        do throws(StoreError) {
            let store = try await SQLiteStore.open(in: directory.path)
            await expectRefusal(.corrupt) { () throws(StoreError) in try await store.check() }
            do throws(StoreError) {
                _ = try await store.contents()
                Issue.record("was not refused")
            } catch {
                try await store.close()
                throw error
            }
        } catch {
            guard case .corrupt(let text) = error else {
                Issue.record("\(error)")
                return
            }
            let table = try #require(sql.split(separator: " ").dropFirst().first)
            #expect(text.hasPrefix("\(table) ") && text.hasSuffix(": \(named)"), "\(text)")
        }
    }

    @Test func `a refusal names the record but shows nothing of what is in it`() async throws {
        try await fill()
        try edit("UPDATE kms_key SET state = 'Secret'")
        let store = try await SQLiteStore.open(in: directory.path)
        do throws(StoreError) {
            _ = try await store.contents()
            Issue.record("was not refused")
        } catch {
            let key = try samples.arn(2).keyID
            #expect("\(error)".contains("kms_key 111122223333 eu-central-1 \(key): state"))
            #expect(!"\(error)".contains("Secret"))
        }
        try await store.close()
    }

    /// Damage that only a check of the whole finds.
    static let orphans = [
        "DELETE FROM kms_key", "DELETE FROM secret WHERE slot = 1", "INSERT INTO secret (wrapped) VALUES (x'0102')",
        "UPDATE alias SET region = 'us-east-1'",
    ]

    @Test(arguments: orphans)
    func `records that lost their relatives are found by the check`(sql: String) async throws {
        try await fill()
        try edit(sql)
        let store = try await SQLiteStore.open(in: directory.path)
        await expectRefusal(.corrupt) { () throws(StoreError) in try await store.check() }
        try await store.close()
    }

    @Test func `a secret that is gone is noticed at start, not passed over`() async throws {
        try await fill()
        try edit("DELETE FROM secret WHERE slot = 2")
        let store = try await SQLiteStore.open(in: directory.path)
        await expectRefusal(.corrupt) { () throws(StoreError) in _ = try await store.contents() }
        try await store.close()
    }

    @Test func `a missing table is a refusal`() async throws {
        try await fill()
        try edit("DROP TABLE alias")
        let store = try await SQLiteStore.open(in: directory.path)
        await expectRefusal(.corrupt) { () throws(StoreError) in _ = try await store.contents() }
        try await store.close()
    }

    /// Overwrites one page after the other with noise: either the store is refused, or the check finds it, or what is
    /// read is still what was written.
    @Test func `no overwritten page brings the process down or goes unnoticed`() async throws {
        try await fill()
        let whole = try Data(contentsOf: URL(filePath: directory.database))
        let first = try await SQLiteStore.open(in: directory.path)
        let expected = Snapshot(try await first.contents())
        try await first.close()
        for page in 0..<whole.count / 4096 {
            var damaged = whole
            damaged.replaceSubrange(page * 4096..<(page + 1) * 4096, with: Samples.secret(page, count: 4096))
            try damaged.write(to: URL(filePath: directory.database))
            if let refusal = await refusalOfWhatIsThere(unless: { $0 == expected }) {
                #expect([.corrupt, .wrongFormat].contains(Refusal(refusal)), "page \(page): \(refusal)")
            }
        }
    }

    @Test(arguments: [99, 100, 512, 4096, 5000, 20_000])
    func `a file that was cut short is refused`(byteCount: Int) async throws {
        try await fill()
        let whole = try Data(contentsOf: URL(filePath: directory.database))
        try whole.prefix(byteCount).write(to: URL(filePath: directory.database))
        let refusal = try #require(await refusalOfWhatIsThere(unless: { _ in false }))
        #expect([.corrupt, .wrongFormat].contains(Refusal(refusal)), "\(refusal)")
    }

    /// Why the store cannot be opened, checked or read; nil when it can, which needs contents that are `acceptable`.
    private func refusalOfWhatIsThere(unless acceptable: (Snapshot) -> Bool) async -> StoreError? {
        do throws(StoreError) {
            let store = try await SQLiteStore.open(in: directory.path)
            var refusal: StoreError?
            do throws(StoreError) {
                try await store.check()
                #expect(acceptable(Snapshot(try await store.contents())), "damage was not noticed")
            } catch {
                refusal = error
            }
            try await store.close()
            return refusal
        } catch {
            return error
        }
    }
}
