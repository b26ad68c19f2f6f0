internal import Foundation
internal import GRDB
internal import ServerStore

/// The tables. Each that holds an organization's rows has `org_id` as the first column of its primary key and of every
/// foreign key, so a row can refer to nothing of another organization.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in try database.execute(sql: version1) }
        migrator.registerMigration("passkeys") { database in try database.execute(sql: passkeys) }
        migrator.registerMigration("runner-keys") { database in try database.execute(sql: runnerKeys) }
        migrator.registerMigration("github") { database in try database.execute(sql: github) }
        migrator.registerMigration("event-blocks") { database in
            try database.execute(sql: eventBlocks)
            try moveEvents(in: database)
        }
        migrator.registerMigration("bodies") { database in try database.execute(sql: bodies) }
        return migrator
    }

    /// Events by the batch (`EventBlock`). With a rowid, so that what is added comes at the end of the table, whatever its run.
    private static let eventBlocks = """
        CREATE TABLE event_blocks (
            org_id BLOB NOT NULL,
            run_id BLOB NOT NULL,
            last_seq INTEGER NOT NULL,
            first_seq INTEGER NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (org_id, run_id, last_seq),
            FOREIGN KEY (org_id, run_id) REFERENCES runs ON DELETE CASCADE
        ) STRICT;
        """

    /// From a table that had a row for each.
    private static func moveEvents(in database: Database) throws {
        let insert = try database.makeStatement(
            sql: "INSERT INTO event_blocks (org_id, run_id, first_seq, last_seq, content) VALUES (?, ?, ?, ?, ?)")
        let events = try Row.fetchCursor(
            database, sql: "SELECT org_id, run_id, seq, line FROM events ORDER BY org_id, run_id, seq")
        while let row = try events.next() {
            let (organization, run, line): (Data, Data, Data) = (row[0], row[1], row[3])
            for block in EventBlock.pack([StoredEvent(sequence: row[2], line: Array(line))]) {
                try insert.execute(arguments: [organization, run, block.first, block.last, Data(block.content)])
            }
        }
        try database.execute(sql: "DROP TABLE events")
    }

    /// The Ed25519 public keys that machines register when they are paired.
    private static let runnerKeys = """
        ALTER TABLE device_grants ADD COLUMN runner_key BLOB;
        ALTER TABLE runner_tokens ADD COLUMN runner_key BLOB;
        """

    /// Times are milliseconds since 1970, ids and hashes BLOBs.
    private static let version1 = """
        CREATE TABLE orgs (
            org_id BLOB NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            created INTEGER NOT NULL,
            retention_days INTEGER
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE users (
            user_id BLOB NOT NULL PRIMARY KEY,
            email TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            created INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE memberships (
            org_id BLOB NOT NULL REFERENCES orgs ON DELETE CASCADE,
            user_id BLOB NOT NULL REFERENCES users ON DELETE CASCADE,
            role TEXT NOT NULL,
            since INTEGER NOT NULL,
            PRIMARY KEY (org_id, user_id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX memberships_by_user ON memberships (user_id);

        -- A member who is removed loses their sessions by the foreign key.
        CREATE TABLE sessions (
            org_id BLOB NOT NULL,
            session_id BLOB NOT NULL,
            user_id BLOB NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            created INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            address TEXT,
            agent TEXT,
            PRIMARY KEY (org_id, session_id),
            FOREIGN KEY (org_id, user_id) REFERENCES memberships ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX sessions_by_user ON sessions (org_id, user_id);

        CREATE TABLE sign_in_links (
            hash BLOB NOT NULL PRIMARY KEY,
            user_id BLOB NOT NULL REFERENCES users ON DELETE CASCADE,
            created INTEGER NOT NULL,
            expires INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX sign_in_links_by_user ON sign_in_links (user_id);

        CREATE TABLE invitations (
            org_id BLOB NOT NULL REFERENCES orgs ON DELETE CASCADE,
            invitation_id BLOB NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            email TEXT NOT NULL,
            role TEXT NOT NULL,
            created INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            PRIMARY KEY (org_id, invitation_id)
        ) STRICT, WITHOUT ROWID;

        -- Before a person has approved it, a pairing request belongs to no organization.
        CREATE TABLE device_grants (
            device_hash BLOB NOT NULL PRIMARY KEY,
            user_code BLOB NOT NULL UNIQUE,
            name TEXT NOT NULL,
            address TEXT,
            created INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            state TEXT NOT NULL,
            last_poll INTEGER,
            org_id BLOB,
            decided_by BLOB,
            FOREIGN KEY (org_id, decided_by) REFERENCES memberships ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX device_grants_by_member ON device_grants (org_id, decided_by);

        CREATE TABLE runner_tokens (
            org_id BLOB NOT NULL REFERENCES orgs ON DELETE CASCADE,
            token_id BLOB NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            previous_hash BLOB UNIQUE,
            previous_until INTEGER,
            name TEXT NOT NULL,
            created INTEGER NOT NULL,
            created_by BLOB REFERENCES users ON DELETE SET NULL,
            last_used INTEGER,
            last_address TEXT,
            expires INTEGER,
            revoked INTEGER,
            PRIMARY KEY (org_id, token_id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX runner_tokens_by_user ON runner_tokens (created_by);

        CREATE TABLE runs (
            org_id BLOB NOT NULL REFERENCES orgs ON DELETE CASCADE,
            run_id BLOB NOT NULL,
            token_id BLOB NOT NULL,
            created INTEGER NOT NULL,
            title TEXT NOT NULL,
            branch TEXT,
            rules_digest TEXT,
            started INTEGER,
            status TEXT NOT NULL,
            phase TEXT,
            iteration INTEGER,
            exit_code INTEGER,
            ended INTEGER,
            input_tokens INTEGER NOT NULL,
            output_tokens INTEGER NOT NULL,
            -- CURRENCY=MICROS, with one space between them.
            costs TEXT NOT NULL,
            redactions INTEGER NOT NULL,
            next_seq INTEGER NOT NULL,
            head BLOB NOT NULL,
            cancel_requested INTEGER,
            updated INTEGER NOT NULL,
            event_bytes INTEGER NOT NULL,
            PRIMARY KEY (org_id, run_id),
            FOREIGN KEY (org_id, token_id) REFERENCES runner_tokens ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX runs_by_time ON runs (org_id, created, run_id);
        CREATE INDEX runs_by_token ON runs (org_id, token_id);

        -- The exact bytes of a line: a column of JSON would break the hashes.
        CREATE TABLE events (
            org_id BLOB NOT NULL,
            run_id BLOB NOT NULL,
            seq INTEGER NOT NULL,
            hash BLOB NOT NULL,
            line BLOB NOT NULL,
            PRIMARY KEY (org_id, run_id, seq),
            FOREIGN KEY (org_id, run_id) REFERENCES runs ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE artifacts (
            org_id BLOB NOT NULL,
            run_id BLOB NOT NULL,
            digest BLOB NOT NULL,
            name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            size INTEGER NOT NULL,
            created INTEGER NOT NULL,
            key_id BLOB NOT NULL,
            wrapped_key BLOB NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (org_id, run_id, digest),
            FOREIGN KEY (org_id, run_id) REFERENCES runs ON DELETE CASCADE
        ) STRICT;
        CREATE INDEX artifacts_by_key ON artifacts (org_id, key_id);

        CREATE TABLE receipt_keys (
            org_id BLOB NOT NULL PRIMARY KEY REFERENCES orgs ON DELETE CASCADE,
            receipt_key_id TEXT NOT NULL,
            public_key BLOB NOT NULL,
            key_id BLOB NOT NULL,
            sealed BLOB NOT NULL,
            created INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE org_keys (
            org_id BLOB NOT NULL REFERENCES orgs ON DELETE CASCADE,
            purpose TEXT NOT NULL,
            version INTEGER NOT NULL,
            key_id BLOB NOT NULL,
            state TEXT NOT NULL,
            created INTEGER NOT NULL,
            wrapped BLOB NOT NULL,
            PRIMARY KEY (org_id, purpose, version),
            UNIQUE (org_id, key_id)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE audit (
            org_id BLOB NOT NULL REFERENCES orgs ON DELETE CASCADE,
            audit_id BLOB NOT NULL,
            time INTEGER NOT NULL,
            actor TEXT NOT NULL,
            actor_id BLOB,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            detail TEXT NOT NULL,
            address TEXT,
            PRIMARY KEY (org_id, audit_id)
        ) STRICT, WITHOUT ROWID;
        """

    /// Passkeys and challenges belong to users, as sign-in links do, not to organizations.
    private static let passkeys = """
        CREATE TABLE passkeys (
            credential BLOB NOT NULL PRIMARY KEY,
            passkey_id BLOB NOT NULL UNIQUE,
            user_id BLOB NOT NULL REFERENCES users ON DELETE CASCADE,
            name TEXT NOT NULL,
            public_key BLOB NOT NULL,
            sign_count INTEGER NOT NULL,
            created INTEGER NOT NULL,
            last_used INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX passkeys_by_user ON passkeys (user_id);

        CREATE TABLE challenges (
            hash BLOB NOT NULL PRIMARY KEY,
            user_id BLOB REFERENCES users ON DELETE CASCADE,
            expires INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX challenges_by_user ON challenges (user_id);
        """

    /// GitHub. A member who is removed loses their connection by the foreign key.
    private static let github = """
        CREATE TABLE github_connections (
            org_id BLOB NOT NULL,
            user_id BLOB NOT NULL,
            site TEXT NOT NULL,
            account TEXT NOT NULL,
            account_id INTEGER NOT NULL,
            scopes TEXT NOT NULL,
            is_app INTEGER NOT NULL,
            created INTEGER NOT NULL,
            renewed INTEGER NOT NULL,
            expires INTEGER,
            refresh_expires INTEGER,
            generation INTEGER NOT NULL,
            state TEXT NOT NULL,
            lease_until INTEGER,
            key_id BLOB NOT NULL,
            tokens BLOB NOT NULL,
            PRIMARY KEY (org_id, user_id),
            FOREIGN KEY (org_id, user_id) REFERENCES memberships ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE git_grants (
            org_id BLOB NOT NULL,
            grant_id BLOB NOT NULL,
            run_id BLOB NOT NULL,
            token_id BLOB NOT NULL,
            user_id BLOB NOT NULL,
            repository TEXT NOT NULL,
            operation TEXT NOT NULL,
            mode TEXT NOT NULL,
            created INTEGER NOT NULL,
            expires INTEGER,
            closed INTEGER,
            key_id BLOB,
            token BLOB,
            PRIMARY KEY (org_id, grant_id),
            FOREIGN KEY (org_id, run_id) REFERENCES runs ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX git_grants_by_run ON git_grants (org_id, run_id);
        CREATE INDEX git_grants_open ON git_grants (org_id, expires) WHERE closed IS NULL;
        """

    /// Bodies of artifacts beside the database. `body` is empty where there is a `body_id`. The outbox refers to nothing, so that it
    /// outlives what the bodies belonged to; foreign keys that delete artifacts run the trigger as well.
    private static let bodies = """
        ALTER TABLE artifacts ADD COLUMN body_id BLOB;

        CREATE TABLE loose_bodies (
            org_id BLOB NOT NULL,
            body_id BLOB NOT NULL,
            due INTEGER NOT NULL,
            -- Whether it is being deleted.
            going INTEGER NOT NULL,
            PRIMARY KEY (org_id, body_id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX loose_bodies_by_time ON loose_bodies (due);

        CREATE TRIGGER artifact_leaves_body AFTER DELETE ON artifacts WHEN OLD.body_id IS NOT NULL BEGIN
            INSERT INTO loose_bodies (org_id, body_id, due, going) VALUES (OLD.org_id, OLD.body_id, 0, 0);
        END;
        """
}
