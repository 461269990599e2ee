import Foundation
import GRDB

/// Where wrapped secrets stand: in rows that are added at the end, overwritten in place, and never removed.
///
/// `PRAGMA secure_delete` is not enough to destroy a row. When SQLite divides or joins pages it copies rows from one
/// to another, and the old copies can stay in the unused part of a page, where nothing finds them when the row is
/// deleted later. Rows of this table are never moved: one that is added behind all others goes to a fresh page when
/// the last is full (`balance_quick` in btree.c), and one that is replaced by as many bytes is overwritten where it
/// is. What is left of a destroyed secret is a row of zeros.
struct SecretSlots {
    private let database: Database

    init(_ database: Database) {
        self.database = database
    }

    /// Adds `wrapped`, and answers its slot.
    func keep(_ wrapped: [UInt8]) throws -> Int64 {
        try database.cachedStatement(sql: "INSERT INTO secret (wrapped) VALUES (?)").execute(arguments: [Data(wrapped)])
        return database.lastInsertedRowID
    }

    /// Overwrites what is in the slots that a query answers.
    func destroy(_ slots: String, _ values: StatementArguments) throws {
        try database.cachedStatement(
            sql: "UPDATE secret SET wrapped = zeroblob(length(wrapped)) WHERE slot IN (\(slots))"
        ).execute(arguments: values)
    }

    /// How many slots belong to nothing any more but do not hold zeros.
    func remainsCount() throws -> Int {
        let sql = """
            SELECT count(*) FROM secret
            WHERE wrapped <> zeroblob(length(wrapped))
                AND slot NOT IN (
                    SELECT secret FROM material WHERE secret IS NOT NULL UNION ALL SELECT secret FROM access_key
                    UNION ALL SELECT secret FROM key_store
                )
            """
        return try Int.fetchOne(database, sql: sql) ?? 0
    }
}
