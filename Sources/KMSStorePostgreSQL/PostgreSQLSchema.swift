import KMSStore
import KMSStoreSQL

/// The tables, as a list of steps that lead there.
///
/// Steps are only ever appended: a released one never changes. The columns are those of SQLite's tables, with the same
/// rules; what is different is said beside it. There is nothing in them but what the distributed relatives of PostgreSQL
/// have too: tables, primary and foreign keys, and indexes.
enum PostgreSQLSchema {
    /// Text is compared by its bytes, as the program does, whatever the language of the database is.
    private static let text = #"TEXT COLLATE "C""#

    // MARK: Steps

    /// Whether there are tables of a store.
    static func isThere(_ connection: PostgreSQLConnection) throws -> Bool {
        do {
            return try lastStep(connection) > 0
        } catch let error as PostgreSQLError where error.isAboutMissingTable {
            return false
        }
    }

    private static func lastStep(_ connection: PostgreSQLConnection) throws -> Int {
        let query = Statement(sql: "SELECT number FROM schema_step ORDER BY number DESC LIMIT 1")
        let found = try connection.run([query]).first?.map { row throws(StoreError) in try row.integer(0) }
        return Int(found?.first ?? 0)
    }

    /// Does the steps that are missing, while every other node that does so waits.
    static func bringUpToDate(_ connection: PostgreSQLConnection) throws {
        // A lock is a row: number 0. Others who make it at this moment make it for us.
        try makeLock(connection)
        _ = try connection.run([
            .begin, .once("SET LOCAL lock_timeout = 0"),
            Statement(sql: "SELECT number FROM schema_step WHERE number = 0 FOR UPDATE"),
        ])
        let done = try lastStep(connection)
        guard done <= steps.count else {
            throw StoreError.wrongFormat("the store was written by a newer version of this program")
        }
        for (index, step) in steps.enumerated().dropFirst(done) {
            do {
                _ = try connection.run(step.statements.map(Statement.once))
            } catch let error as PostgreSQLError where error.state == "42P07" {
                throw StoreError.wrongFormat("the database has tables of another program: \(error.message)")
            }
            _ = try connection.run([
                Statement(
                    sql: "INSERT INTO schema_step (number, name) VALUES (?, ?)",
                    values: [.integer(Int64(index + 1)), .text(step.name)])
            ])
        }
        try connection.commit()
    }

    private static func makeLock(_ connection: PostgreSQLConnection) throws {
        guard try !hasLock(connection) else { return }
        do {
            _ = try connection.run([
                .once("CREATE TABLE IF NOT EXISTS schema_step (number BIGINT PRIMARY KEY, name \(text) NOT NULL)")
            ])
        } catch let error as PostgreSQLError where ["42P07", "23505", "42710"].contains(error.state) {
            // `IF NOT EXISTS` looks first and makes then (appendix A: duplicate_table, unique_violation, duplicate_object).
        }
        _ = try connection.run([
            .once("INSERT INTO schema_step (number, name) VALUES (0, 'lock') ON CONFLICT (number) DO NOTHING")
        ])
    }

    private static func hasLock(_ connection: PostgreSQLConnection) throws -> Bool {
        do {
            return try connection.run([Statement(sql: "SELECT number FROM schema_step WHERE number = 0")])
                .first?.rowCount == 1
        } catch let error as PostgreSQLError where error.isAboutMissingTable {
            return false
        }
    }

    private static let steps: [(name: String, statements: [String])] = [
        ("keys, accounts, change feed, leases", accounts + keys + counts + belongings + indexes + nodes),
        ("custom key stores", keyStores),
        ("external keys", externalKeys),
    ]

    // MARK: Tables

    /// Wrapped secrets stand in the rows that they belong to.
    private static let accounts = [
        """
        CREATE TABLE account (
            id \(text) NOT NULL PRIMARY KEY,
            partition \(text) NOT NULL,
            creation_date BIGINT NOT NULL,
            version BIGINT NOT NULL
        )
        """,
        """
        CREATE TABLE access_key (
            id BYTEA NOT NULL PRIMARY KEY,
            account \(text) NOT NULL,
            user_id \(text),
            creation_date BIGINT NOT NULL,
            is_active BIGINT NOT NULL,
            secret BYTEA NOT NULL
        )
        """,
        "CREATE INDEX access_key_by_account ON access_key (account)",
        """
        CREATE TABLE identity (
            account \(text) NOT NULL REFERENCES account (id),
            kind \(text) NOT NULL,
            id \(text) NOT NULL,
            name \(text) NOT NULL,
            document BYTEA NOT NULL,
            PRIMARY KEY (account, id),
            UNIQUE (name, kind, account)
        )
        """,
        "CREATE TABLE setting (name BYTEA NOT NULL PRIMARY KEY, value BYTEA NOT NULL)",
    ]

    private static let keyStores = [
        """
        CREATE TABLE key_store (
            account \(text) NOT NULL REFERENCES account (id),
            region \(text) NOT NULL,
            id \(text) NOT NULL,
            version BIGINT NOT NULL,
            document BYTEA NOT NULL,
            secret BYTEA NOT NULL,
            PRIMARY KEY (account, region, id)
        )
        """,
        "ALTER TABLE kms_key ADD COLUMN key_store \(text)",
        "CREATE INDEX kms_key_by_key_store ON kms_key (account, region, key_store) WHERE key_store IS NOT NULL",
    ]

    private static let externalKeys = [
        "ALTER TABLE kms_key ADD COLUMN external_key \(text)",
        """
        CREATE UNIQUE INDEX kms_key_by_external_key ON kms_key (account, region, key_store, external_key)
            WHERE external_key IS NOT NULL
        """,
    ]

    private static let keys = [
        """
        CREATE TABLE kms_key (
            account \(text) NOT NULL,
            region \(text) NOT NULL,
            key_id \(text) NOT NULL,
            version BIGINT NOT NULL,
            spec \(text) NOT NULL,
            usage \(text) NOT NULL,
            origin \(text) NOT NULL,
            manager \(text) NOT NULL,
            primary_region \(text),
            creation_date BIGINT NOT NULL,
            state \(text) NOT NULL,
            description BYTEA NOT NULL,
            deletion_date BIGINT,
            pending_window_in_days BIGINT,
            policy BYTEA NOT NULL,
            rotation_period_in_days BIGINT,
            next_rotation_date BIGINT,
            current_material BYTEA,
            PRIMARY KEY (account, region, key_id),
            CHECK ((rotation_period_in_days IS NULL) = (next_rotation_date IS NULL))
        )
        """
    ]

    /// How many keys each account and region has: to count millions with each CreateKey would take seconds.
    private static let counts = [
        """
        CREATE TABLE key_count (
            account \(text) NOT NULL,
            region \(text) NOT NULL,
            count BIGINT NOT NULL,
            PRIMARY KEY (account, region)
        )
        """
    ]

    private static let ofKey = """
        FOREIGN KEY (account, region, key_id) REFERENCES kms_key (account, region, key_id) ON DELETE CASCADE
        """

    private static let belongings = [
        """
        CREATE TABLE key_tag (
            account \(text) NOT NULL,
            region \(text) NOT NULL,
            key_id \(text) NOT NULL,
            ordinal BIGINT NOT NULL,
            tag_key BYTEA NOT NULL,
            tag_value BYTEA NOT NULL,
            PRIMARY KEY (account, region, key_id, ordinal),
            \(ofKey)
        )
        """,
        """
        CREATE TABLE material (
            account \(text) NOT NULL,
            region \(text) NOT NULL,
            key_id \(text) NOT NULL,
            material_id BYTEA NOT NULL,
            ordinal BIGINT NOT NULL GENERATED BY DEFAULT AS IDENTITY,
            spec \(text) NOT NULL,
            creation_date BIGINT NOT NULL,
            stage \(text) NOT NULL,
            rotation_date BIGINT,
            valid_to BIGINT,
            description BYTEA,
            secret BYTEA,
            PRIMARY KEY (account, region, key_id, material_id),
            CHECK ((stage IN ('AUTOMATIC', 'ON_DEMAND')) = (rotation_date IS NOT NULL)),
            \(ofKey)
        )
        """,
        """
        CREATE TABLE key_usage (
            account \(text) NOT NULL,
            region \(text) NOT NULL,
            key_id \(text) NOT NULL,
            operation \(text) NOT NULL,
            date BIGINT NOT NULL,
            event_id \(text) NOT NULL,
            request_id \(text) NOT NULL,
            PRIMARY KEY (account, region, key_id),
            \(ofKey)
        )
        """,
        """
        CREATE TABLE alias (
            account \(text) NOT NULL,
            region \(text) NOT NULL,
            name \(text) NOT NULL,
            version BIGINT NOT NULL,
            target \(text) NOT NULL,
            creation_date BIGINT NOT NULL,
            last_updated_date BIGINT NOT NULL,
            PRIMARY KEY (account, region, name),
            FOREIGN KEY (account, region, target) REFERENCES kms_key (account, region, key_id) ON DELETE CASCADE
        )
        """,
        """
        CREATE TABLE key_grant (
            account \(text) NOT NULL,
            region \(text) NOT NULL,
            key_id \(text) NOT NULL,
            grant_id BYTEA NOT NULL,
            name BYTEA,
            creation_date BIGINT NOT NULL,
            grantee BYTEA NOT NULL,
            retiring BYTEA,
            issuer \(text) NOT NULL,
            operations \(text) NOT NULL,
            context_equals BYTEA,
            context_subset BYTEA,
            PRIMARY KEY (account, region, key_id, grant_id),
            \(ofKey)
        )
        """,
    ]

    /// For what is asked of keys in every account: by the identifier alone, and what is due, so that to find the first few of
    /// many millions takes no longer than of a few.
    ///
    /// None begins with account and region, nor with the first columns of another primary key: as long as a table is new, the
    /// server knows of no number of rows, takes both indexes for equally good, and may go through all of an account to find
    /// one key of it.
    private static let indexes = [
        "CREATE INDEX kms_key_by_id ON kms_key (key_id)",
        "CREATE INDEX kms_key_by_manager ON kms_key (manager, account, region) WHERE manager = 'AWS'",
        "CREATE INDEX kms_key_by_kind ON kms_key (state, spec, origin, manager)",
        """
        CREATE INDEX kms_key_by_rotation ON kms_key (next_rotation_date, key_id, region)
        WHERE state = 'Enabled' AND next_rotation_date IS NOT NULL
        """,
        """
        CREATE INDEX kms_key_by_deletion ON kms_key (deletion_date, key_id, region)
        WHERE state = 'PendingDeletion' AND deletion_date IS NOT NULL
        """,
        "CREATE INDEX kms_key_by_completion ON kms_key (key_id, region) WHERE state IN ('Creating', 'Updating')",
        """
        CREATE INDEX material_by_expiry ON material (valid_to, key_id, region, material_id)
        WHERE valid_to IS NOT NULL AND secret IS NOT NULL
        """,
        "CREATE INDEX alias_by_target ON alias (target)",
        """
        CREATE INDEX key_grant_by_retiring ON key_grant (region, retiring, grant_id, key_id) WHERE retiring IS NOT NULL
        """,
    ]

    /// What nodes have among themselves; SQLite has only the audit lines of it.
    private static let nodes = [
        """
        CREATE TABLE audit_outbox (
            event_id \(text) NOT NULL PRIMARY KEY,
            node \(text) NOT NULL,
            ordinal BIGINT NOT NULL GENERATED BY DEFAULT AS IDENTITY,
            lines BYTEA NOT NULL
        )
        """,
        "CREATE INDEX audit_outbox_by_node ON audit_outbox (node, ordinal)",
        "CREATE TABLE feed (part BIGINT NOT NULL PRIMARY KEY, position BIGINT NOT NULL, tag BIGINT NOT NULL)",
        "INSERT INTO feed (part, position, tag) VALUES "
            + (0..<Feed.partCount).map { "(\($0), 0, 0)" }.joined(separator: ", "),
        """
        CREATE TABLE change (
            part BIGINT NOT NULL,
            position BIGINT NOT NULL,
            tag BIGINT NOT NULL,
            kind \(text) NOT NULL,
            account \(text),
            region \(text),
            record BYTEA,
            PRIMARY KEY (part, position)
        )
        """,
        """
        CREATE TABLE lease (
            name \(text) NOT NULL PRIMARY KEY,
            holder \(text) NOT NULL,
            expiry BIGINT NOT NULL
        )
        """,
    ]
}
