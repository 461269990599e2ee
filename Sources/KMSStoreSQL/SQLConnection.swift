import KMSStore

/// A connection to one engine, as the statements of this module use it: within a transaction that the engine has begun.
///
/// The statements are in the SQL that all engines share. A `?` stands for each value.
package protocol SQLConnection {
    /// Runs a statement.
    ///
    /// - Returns: How many rows it added, changed or removed.
    /// - Throws: What the engine makes of a failure; ``StoreError/conflict`` among it, for a row that is there already or
    ///   one whose key is not.
    @discardableResult
    func run(_ sql: String, _ values: [SQLValue]) throws -> Int

    /// Runs a statement that must find the one row it was made for.
    ///
    /// - Throws: As ``run(_:_:)``; ``StoreError/conflict`` when it finds none.
    func runOnOne(_ sql: String, _ values: [SQLValue]) throws

    /// Runs a query, a `?` in which stands for each value, and shows each row in turn.
    func forEachRow(_ sql: String, _ values: [SQLValue], _ body: (any SQLRow) throws -> Void) throws

    /// Keeps a wrapped secret where the engine keeps them.
    ///
    /// - Returns: What the column `secret` of the record that it belongs to has to say.
    func keep(_ wrapped: [UInt8]) throws -> SQLValue

    /// Destroys what the columns `secret` of some rows of `material` or `access_key` refer to, before the rows forget it.
    ///
    /// - Parameter condition: Which rows; a condition with a `?` for each value.
    func destroySecrets(of table: String, where condition: String, _ values: [SQLValue]) throws

    /// What follows `FROM` to get at the wrapped secrets of `table`, and the column that they are in then.
    func secrets(of table: String) -> (join: String, column: String)

    /// Whose audit lines are kept and read; nil for an engine with stores of one process each, and for the lines of all.
    var node: String? { get }
}

extension SQLConnection {
    package func runOnOne(_ sql: String, _ values: [SQLValue]) throws {
        guard try run(sql, values) == 1 else { throw StoreError.conflict }
    }
}

/// One row that a query found.
package protocol SQLRow {
    /// The names of the columns, as the query has them.
    var columnNames: [String] { get }
    /// What is in a column.
    subscript(_ index: Int) -> SQLValue { get }
}
