import GRDB
import KMSStore

/// How the one connection to the file is set up: what makes a commit durable, and the file this program's alone.
enum Connection {
    /// "Chat": what `PRAGMA application_id` says in files of this program.
    static let applicationID: Int32 = 0x4368_6174

    static func configuration(patience: Duration) -> Configuration {
        var configuration = Configuration()
        configuration.label = "chatelaine.store"
        configuration.busyMode = .timeout(patience / .seconds(1))
        // GRDB would set synchronous=NORMAL with its own WAL mode, which loses the last commits in a power cut.
        configuration.journalMode = .default
        // GRDB would end the process if a failing disk kept even ROLLBACK from working; the next BEGIN is refused
        // anyway.
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase(prepare)
        return configuration
    }

    @Sendable private static func prepare(_ database: Database) throws {
        // Before anything else is read: in this mode the first look at the file takes a lock that lasts until it is
        // closed, and the index of the write-ahead log stays in memory instead of a -shm file.
        try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
        try admit(database)
        guard try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL") == "wal" else {
            throw StoreError.unavailable("the file system does not support a write-ahead log")
        }
        try database.execute(
            sql: """
                PRAGMA synchronous = FULL;
                PRAGMA fullfsync = ON;
                PRAGMA checkpoint_fullfsync = ON;
                PRAGMA secure_delete = ON;
                PRAGMA temp_store = MEMORY;
                PRAGMA cell_size_check = ON;
                PRAGMA trusted_schema = OFF;
                """
        )
    }

    /// Refuses a file that is something else before anything in it is changed.
    private static func admit(_ database: Database) throws {
        let marked = try Int32.fetchOne(database, sql: "PRAGMA application_id")
        guard marked != applicationID else { return }
        guard marked == 0, try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") == 0 else {
            throw StoreError.wrongFormat("the file is a database of another program")
        }
        try database.execute(sql: "PRAGMA application_id = \(applicationID)")
    }

    /// Moves everything from the write-ahead log into the database file and cuts the log to nothing.
    ///
    /// Pages with destroyed material in them go with it: what replaces them in the database file has zeros there.
    static func emptyLog(_ database: Database) throws {
        try database.checkpoint(.truncate)
    }
}
