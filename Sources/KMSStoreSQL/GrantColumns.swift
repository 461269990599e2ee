import Foundation
package import KMSModel
import KMSStore

// How grants become columns, and the way back.

extension GrantRecord {
    /// Grant identifier, name, creation date, grantee, retiring principal, issuer, operations, constraints.
    func columns() throws(StoreError) -> [Column.Value] {
        [
            Column.bytes(id.bytes), name.flatMap(Column.text), try Column.date(creationDate), Column.text(grantee),
            retiring.flatMap(Column.text), issuer.description, operations.map(\.rawValue).joined(separator: " "),
            constraints.equals.flatMap { Column.text($0.json) }, constraints.subset.flatMap { Column.text($0.json) },
        ]
    }
}

extension Table<GrantRecord> {
    package static var grants: Table<GrantRecord> {
        Self(
            name: "key_grant",
            columns: """
                account, region, key_id, grant_id, name, creation_date, grantee, retiring, issuer, operations,
                context_equals, context_subset
                """,
            keyColumnCount: 3
        ) { row throws(StoreError) in
            let key = try row.keyARN()
            guard let id = GrantID(bytes: try row.bytes()) else { throw row.damage() }
            return GrantRecord(
                key: key, id: id, name: try row.optionalText(), creationDate: try row.date(),
                grantee: try row.text(), retiring: try row.optionalText(), issuer: try row.parsed(AccountID.init),
                operations: try row.operations(),
                constraints: GrantConstraints(equals: try row.context(), subset: try row.context())
            )
        }
    }
}

extension RowReader {
    fileprivate mutating func operations() throws(StoreError) -> [GrantOperation] {
        let names = try parsed { $0.split(separator: " ") }
        let operations = names.compactMap { GrantOperation(rawValue: String($0)) }
        guard operations.count == names.count else { throw damage() }
        return operations
    }

    fileprivate mutating func context() throws(StoreError) -> EncryptionContext? {
        guard let text = try optionalText() else { return nil }
        guard let context = EncryptionContext(json: text) else { throw damage() }
        return context
    }
}

extension EncryptionContext {
    /// The pairs as an object of JSON.
    fileprivate var json: String {
        var writer = JSONWriter()
        writer.object { writer in
            for pair in pairs {
                writer.name(escaping: pair.key)
                writer.string(pair.value)
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    fileprivate init?(json text: String) {
        guard case .object(let object)? = try? JSONParser.parse(text.utf8) else { return nil }
        var pairs: [(String, String)] = []
        for member in object.members {
            guard case .string(let value) = member.value else { return nil }
            pairs.append((member.name, value))
        }
        self.init(pairs)
    }
}
