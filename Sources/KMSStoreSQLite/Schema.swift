import GRDB
import KMSStore

/// The tables, as a list of steps that lead there.
///
/// Steps are only ever appended: a released one never changes.
///
/// Rules of the columns: text that KMSModel has parsed (identifiers, enumerations) is TEXT. Any other text is its
/// UTF-8 in a BLOB, because it may contain U+0000, where GRDB and PostgreSQL's TEXT would end it. Dates are
/// milliseconds since 1970. What belongs to a key starts with (account, region), so that another engine can spread
/// keys by them.
enum Schema {
    static func bring(upToDate database: DatabaseQueue) throws {
        let steps = migrator
        guard try !database.unsafeRead(steps.hasBeenSuperseded) else {
            throw StoreError.wrongFormat("the store was written by a newer version of this program")
        }
        try steps.migrate(database)
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: keys, aliases, accounts", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: secrets)
            try database.execute(sql: accounts)
            try database.execute(sql: keys)
            try database.execute(sql: feed)
        }
        migrator.registerMigration("2: imported and shared material, last use", foreignKeyChecks: .immediate) {
            database in
            try database.execute(sql: sharedKeys)
            try database.execute(sql: material)
            try database.execute(sql: usage)
        }
        migrator.registerMigration("3: audit lines of changes", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: auditOutbox)
        }
        migrator.registerMigration("4: grants", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: grants)
        }
        migrator.registerMigration("5: users, groups, roles, policies", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: identities)
        }
        migrator.registerMigration("6: the partition of an account", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: partitions)
        }
        migrator.registerMigration("7: no change feed", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: "DROP TABLE change")
        }
        migrator.registerMigration("8: custom key stores", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: keyStores)
        }
        migrator.registerMigration("9: external keys", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: externalKeys)
        }
        return migrator
    }

    /// Accounts were used in every partition before; an account of AWS is in one: here that of all its keys, if they are of
    /// one.
    private static let partitions =
        "ALTER TABLE account ADD COLUMN partition TEXT NOT NULL DEFAULT 'aws';\n"
        + [
            ("aws-cn", "cn-"), ("aws-us-gov", "us-gov-"), ("aws-eusc", "eusc-"), ("aws-iso", "us-iso-"),
            ("aws-iso-b", "us-isob-"), ("aws-iso-e", "eu-isoe-"), ("aws-iso-f", "us-isof-"),
        ].map { partition, prefix in
            """
            UPDATE account SET partition = '\(partition)'
            WHERE EXISTS (SELECT 1 FROM kms_key WHERE kms_key.account = account.id AND region LIKE '\(prefix)%')
            AND NOT EXISTS (SELECT 1 FROM kms_key WHERE kms_key.account = account.id AND region NOT LIKE '\(prefix)%');
            """
        }.joined(separator: "\n")

    /// See `SecretSlots` for why wrapped secrets do not stand in the rows that they belong to.
    private static let secrets = """
        CREATE TABLE secret (
            slot INTEGER PRIMARY KEY AUTOINCREMENT,
            wrapped BLOB NOT NULL
        ) STRICT;
        """

    private static let accounts = """
        CREATE TABLE account (
            id TEXT NOT NULL PRIMARY KEY,
            creation_date INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE access_key (
            id BLOB NOT NULL PRIMARY KEY,
            account TEXT NOT NULL,
            principal_kind TEXT NOT NULL,
            principal_path BLOB,
            principal_name BLOB,
            principal_session BLOB,
            creation_date INTEGER NOT NULL,
            is_active INTEGER NOT NULL,
            secret INTEGER NOT NULL UNIQUE REFERENCES secret (slot)
        ) STRICT;

        CREATE TABLE setting (
            name BLOB NOT NULL PRIMARY KEY,
            value BLOB NOT NULL
        ) STRICT;
        """

    private static let keys = """
        CREATE TABLE kms_key (
            account TEXT NOT NULL,
            region TEXT NOT NULL,
            key_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            spec TEXT NOT NULL,
            usage TEXT NOT NULL,
            origin TEXT NOT NULL,
            manager TEXT NOT NULL,
            is_multi_region INTEGER NOT NULL,
            creation_date INTEGER NOT NULL,
            state TEXT NOT NULL,
            description BLOB NOT NULL,
            deletion_date INTEGER,
            pending_window_in_days INTEGER,
            policy BLOB NOT NULL,
            rotation_period_in_days INTEGER,
            next_rotation_date INTEGER,
            current_material BLOB,
            PRIMARY KEY (account, region, key_id),
            CHECK ((rotation_period_in_days IS NULL) = (next_rotation_date IS NULL))
        ) STRICT;

        CREATE TABLE key_tag (
            account TEXT NOT NULL,
            region TEXT NOT NULL,
            key_id TEXT NOT NULL,
            ordinal INTEGER NOT NULL,
            tag_key BLOB NOT NULL,
            tag_value BLOB NOT NULL,
            PRIMARY KEY (account, region, key_id, ordinal),
            FOREIGN KEY (account, region, key_id) REFERENCES kms_key (account, region, key_id) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE material (
            secret INTEGER PRIMARY KEY REFERENCES secret (slot),
            account TEXT NOT NULL,
            region TEXT NOT NULL,
            key_id TEXT NOT NULL,
            material_id BLOB NOT NULL,
            spec TEXT NOT NULL,
            creation_date INTEGER NOT NULL,
            UNIQUE (account, region, key_id, material_id),
            FOREIGN KEY (account, region, key_id) REFERENCES kms_key (account, region, key_id) ON DELETE CASCADE
        ) STRICT;

        CREATE TABLE alias (
            account TEXT NOT NULL,
            region TEXT NOT NULL,
            name TEXT NOT NULL,
            version INTEGER NOT NULL,
            target TEXT NOT NULL,
            creation_date INTEGER NOT NULL,
            last_updated_date INTEGER NOT NULL,
            PRIMARY KEY (account, region, name),
            FOREIGN KEY (account, region, target) REFERENCES kms_key (account, region, key_id) ON DELETE CASCADE
        ) STRICT;

        CREATE INDEX alias_by_target ON alias (account, region, target);
        """

    /// Multi-Region keys know where their primary is; there were none before.
    private static let sharedKeys = """
        ALTER TABLE kms_key ADD COLUMN primary_region TEXT;
        ALTER TABLE kms_key DROP COLUMN is_multi_region;
        """

    /// Material may be without bytes for a while, so its order is its own and no longer that of its secret.
    ///
    /// All material that is not a key's first came by automatic rotation so far, when it was made.
    private static let material = """
        CREATE TABLE material_2 (
            ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
            account TEXT NOT NULL,
            region TEXT NOT NULL,
            key_id TEXT NOT NULL,
            material_id BLOB NOT NULL,
            spec TEXT NOT NULL,
            creation_date INTEGER NOT NULL,
            stage TEXT NOT NULL,
            rotation_date INTEGER,
            valid_to INTEGER,
            description BLOB,
            secret INTEGER UNIQUE REFERENCES secret (slot),
            UNIQUE (account, region, key_id, material_id),
            CHECK ((stage IN ('AUTOMATIC', 'ON_DEMAND')) = (rotation_date IS NOT NULL)),
            FOREIGN KEY (account, region, key_id) REFERENCES kms_key (account, region, key_id) ON DELETE CASCADE
        ) STRICT;

        INSERT INTO material_2 (ordinal, account, region, key_id, material_id, spec, creation_date, stage, rotation_date,
            secret)
        SELECT secret, account, region, key_id, material_id, spec, creation_date,
            CASE WHEN is_first THEN 'FIRST' ELSE 'AUTOMATIC' END,
            CASE WHEN is_first THEN NULL ELSE creation_date END,
            secret
        FROM (
            SELECT *, secret = min(secret) OVER (PARTITION BY account, region, key_id) AS is_first FROM material
        ) ORDER BY secret;

        DROP TABLE material;
        ALTER TABLE material_2 RENAME TO material;
        """

    private static let usage = """
        CREATE TABLE key_usage (
            account TEXT NOT NULL,
            region TEXT NOT NULL,
            key_id TEXT NOT NULL,
            operation TEXT NOT NULL,
            date INTEGER NOT NULL,
            event_id TEXT NOT NULL,
            request_id TEXT NOT NULL,
            PRIMARY KEY (account, region, key_id),
            FOREIGN KEY (account, region, key_id) REFERENCES kms_key (account, region, key_id) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        """

    private static let auditOutbox = """
        CREATE TABLE audit_outbox (
            ordinal INTEGER PRIMARY KEY,
            event_id TEXT NOT NULL UNIQUE,
            lines BLOB NOT NULL
        ) STRICT;
        """

    private static let grants = """
        CREATE TABLE key_grant (
            account TEXT NOT NULL,
            region TEXT NOT NULL,
            key_id TEXT NOT NULL,
            grant_id BLOB NOT NULL,
            name BLOB,
            creation_date INTEGER NOT NULL,
            grantee BLOB NOT NULL,
            retiring BLOB,
            issuer TEXT NOT NULL,
            operations TEXT NOT NULL,
            context_equals BLOB,
            context_subset BLOB,
            PRIMARY KEY (account, region, key_id, grant_id),
            FOREIGN KEY (account, region, key_id) REFERENCES kms_key (account, region, key_id) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        """

    /// Every access key belonged to a root user so far.
    private static let identities = """
        ALTER TABLE account ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

        CREATE TABLE access_key_2 (
            id BLOB NOT NULL PRIMARY KEY,
            account TEXT NOT NULL,
            user_id TEXT,
            creation_date INTEGER NOT NULL,
            is_active INTEGER NOT NULL,
            secret INTEGER NOT NULL UNIQUE REFERENCES secret (slot)
        ) STRICT;

        INSERT INTO access_key_2 (id, account, creation_date, is_active, secret)
        SELECT id, account, creation_date, is_active, secret FROM access_key;

        DROP TABLE access_key;
        ALTER TABLE access_key_2 RENAME TO access_key;

        CREATE TABLE identity (
            account TEXT NOT NULL REFERENCES account (id),
            kind TEXT NOT NULL,
            id TEXT NOT NULL,
            name TEXT NOT NULL,
            document BLOB NOT NULL,
            PRIMARY KEY (account, id),
            UNIQUE (account, kind, name)
        ) STRICT, WITHOUT ROWID;
        """

    /// A key stays when its store is gone, which happens only to what somebody has damaged: so it has no reference.
    private static let keyStores = """
        CREATE TABLE key_store (
            account TEXT NOT NULL REFERENCES account (id),
            region TEXT NOT NULL,
            id TEXT NOT NULL,
            version INTEGER NOT NULL,
            document BLOB NOT NULL,
            secret INTEGER NOT NULL UNIQUE REFERENCES secret (slot),
            PRIMARY KEY (account, region, id)
        ) STRICT, WITHOUT ROWID;

        ALTER TABLE kms_key ADD COLUMN key_store TEXT;
        CREATE INDEX kms_key_by_key_store ON kms_key (account, region, key_store) WHERE key_store IS NOT NULL;
        """

    /// No two keys of a store have the same key behind them.
    private static let externalKeys = """
        ALTER TABLE kms_key ADD COLUMN external_key TEXT;
        CREATE UNIQUE INDEX kms_key_by_external_key ON kms_key (account, region, key_store, external_key)
            WHERE external_key IS NOT NULL;
        """

    /// Which records changed, in order, for readers that there never were: a file is one process's own.
    private static let feed = """
        CREATE TABLE change (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            account TEXT,
            region TEXT,
            kind TEXT NOT NULL,
            record BLOB NOT NULL
        ) STRICT;
        """
}
