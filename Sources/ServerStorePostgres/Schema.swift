internal import ServerStore

/// The tables, as in the SQLite store, with forced row-level security on each that holds anybody's rows.
///
/// `org_id` is the first column of every tenant table's primary key and of every foreign key. A policy compares it with the
/// setting `app.org` of the transaction; without one, no row is there. What happens before there is an organization sees the row that
/// its credential names and nothing else. Policies ask for settings in sub-selects, which PostgreSQL evaluates once a statement
/// and not once a row.
enum Schema {
    /// The migrations in order; the first is number 1.
    static let migrations = [version1, passkeys, github, eventBlocks, bodies, compression]

    /// Tables that must have forced row-level security; `PostgresStore` refuses to work without.
    static let protectedTables = [
        "orgs", "users", "memberships", "sessions", "sign_in_links", "passkeys", "challenges", "invitations",
        "device_grants", "runner_tokens",
        "runs", "event_blocks", "artifacts", "receipt_keys", "org_keys", "audit", "github_connections",
        "git_grants", "loose_bodies",
    ]

    /// Brings the schema up to date. One server does it, others wait.
    /// - Throws: `.damaged` when the database is of a newer version of this program.
    static func migrate(_ connection: Connection) throws {
        _ = try connection.write("migrate", Visibility()) { transaction in
            try transaction.lock("pipemason-migrations")
            try transaction.execute(
                """
                CREATE TABLE IF NOT EXISTS schema_versions (
                    version bigint NOT NULL PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())
                """)
            let done = try transaction.count("SELECT coalesce(max(version), 0) AS n FROM schema_versions")
            guard done <= migrations.count else {
                throw StoreError(.damaged, "the database is of a newer version of this program")
            }
            for (index, statements) in migrations.enumerated().dropFirst(done) {
                for statement in statements { try transaction.execute(statement) }
                try transaction.execute("INSERT INTO schema_versions (version) VALUES ($1)", [index + 1])
            }
        }
    }

    /// Times are milliseconds since 1970. Text is compared and sorted by its bytes, as SQLite does, whatever the database's
    /// language is.
    private static let version1: [String] = settings + tables + policies

    /// Blocks of lines are compressed to a quarter: a line repeats the hash of the one before, and much else. LZ4 takes less time than to
    /// write what it saves; PostgreSQL's own method, for builds without LZ4, takes as much. What is stored already stays as it is.
    private static let compression: [String] = [
        "ALTER TABLE event_blocks ALTER COLUMN content SET STORAGE EXTENDED",
        """
        DO $$ BEGIN
            IF (SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
                ALTER TABLE event_blocks ALTER COLUMN content SET COMPRESSION lz4;
            END IF;
        END $$
        """,
    ]

    /// Events by the batch (`EventBlock`), from a table that had a row for each. Rows are only added: pages can be full.
    private static let eventBlocks: [String] =
        [
            """
            CREATE TABLE event_blocks (
                org_id uuid NOT NULL,
                run_id uuid NOT NULL,
                last_seq bigint NOT NULL,
                first_seq bigint NOT NULL,
                content bytea NOT NULL,
                PRIMARY KEY (org_id, run_id, last_seq),
                FOREIGN KEY (org_id, run_id) REFERENCES runs ON DELETE CASCADE
            )
            """,
            "ALTER TABLE event_blocks ALTER COLUMN content SET STORAGE EXTERNAL",
            // The migration sees every organization's rows, which no policy shows to a request.
            "ALTER TABLE events NO FORCE ROW LEVEL SECURITY",
            """
            INSERT INTO event_blocks (org_id, run_id, last_seq, first_seq, content)
            SELECT org_id, run_id, seq, seq, int4send(length(line)) || line FROM events
            """,
            "DROP TABLE events",
        ] + protect("event_blocks", inOrganization)

    /// Passkeys and challenges belong to users, as sign-in links do, not to organizations.
    private static let passkeys: [String] =
        [
            """
            CREATE TABLE passkeys (
                credential bytea NOT NULL PRIMARY KEY,
                passkey_id uuid NOT NULL UNIQUE,
                user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
                name text COLLATE "C" NOT NULL,
                public_key bytea NOT NULL,
                sign_count bigint NOT NULL,
                created bigint NOT NULL,
                last_used bigint
            )
            """,
            "CREATE INDEX passkeys_by_user ON passkeys (user_id)",
            """
            CREATE TABLE challenges (
                hash bytea NOT NULL PRIMARY KEY,
                user_id uuid REFERENCES users ON DELETE CASCADE,
                expires bigint NOT NULL
            )
            """,
            "CREATE INDEX challenges_by_user ON challenges (user_id)",
            "CREATE INDEX challenges_by_expiry ON challenges (expires)",
        ] + protect("passkeys", "user_id = (SELECT app_user()) OR credential = (SELECT app_credential())")
        + protect("challenges", "hash = (SELECT app_credential()) OR (SELECT app_task()) = 'sweep'")

    /// A member who is removed loses their connection to GitHub by the foreign key.
    private static let github: [String] =
        [
            """
            CREATE TABLE github_connections (
                org_id uuid NOT NULL,
                user_id uuid NOT NULL,
                site text COLLATE "C" NOT NULL,
                account text COLLATE "C" NOT NULL,
                account_id bigint NOT NULL,
                scopes text COLLATE "C" NOT NULL,
                is_app bigint NOT NULL,
                created bigint NOT NULL,
                renewed bigint NOT NULL,
                expires bigint,
                refresh_expires bigint,
                generation bigint NOT NULL,
                state text COLLATE "C" NOT NULL,
                lease_until bigint,
                key_id bytea NOT NULL,
                tokens bytea NOT NULL,
                PRIMARY KEY (org_id, user_id),
                FOREIGN KEY (org_id, user_id) REFERENCES memberships ON DELETE CASCADE
            )
            """,
            """
            CREATE TABLE git_grants (
                org_id uuid NOT NULL,
                grant_id uuid NOT NULL,
                run_id uuid NOT NULL,
                token_id uuid NOT NULL,
                user_id uuid NOT NULL,
                repository text COLLATE "C" NOT NULL,
                operation text COLLATE "C" NOT NULL,
                mode text COLLATE "C" NOT NULL,
                created bigint NOT NULL,
                expires bigint,
                closed bigint,
                key_id bytea,
                token bytea,
                PRIMARY KEY (org_id, grant_id),
                FOREIGN KEY (org_id, run_id) REFERENCES runs ON DELETE CASCADE
            )
            """,
            "CREATE INDEX git_grants_by_run ON git_grants (org_id, run_id)",
            "CREATE INDEX git_grants_open ON git_grants (org_id, expires) WHERE closed IS NULL",
        ] + ["github_connections", "git_grants"].flatMap { protect($0, inOrganization) }

    /// Rows of the transaction's organization.
    private static let inOrganization = "org_id = (SELECT app_org())"

    /// Bodies of artifacts beside the database. `body` is empty where there is a `body_id`. The outbox refers to nothing, so that it
    /// outlives what the bodies belonged to; foreign keys that delete artifacts run the trigger as well, in the scope of the
    /// transaction that deletes.
    private static let bodies: [String] =
        [
            "ALTER TABLE artifacts ADD COLUMN body_id uuid",
            """
            CREATE TABLE loose_bodies (
                org_id uuid NOT NULL,
                body_id uuid NOT NULL,
                due bigint NOT NULL,
                -- Whether it is being deleted.
                going bigint NOT NULL,
                PRIMARY KEY (org_id, body_id)
            )
            """,
            "CREATE INDEX loose_bodies_by_time ON loose_bodies (due)",
            """
            CREATE FUNCTION artifact_leaves_body() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO loose_bodies (org_id, body_id, due, going) VALUES (OLD.org_id, OLD.body_id, 0, 0);
                RETURN NULL;
            END $$
            """,
            """
            CREATE TRIGGER artifact_leaves_body AFTER DELETE ON artifacts FOR EACH ROW WHEN (OLD.body_id IS NOT NULL)
                EXECUTE FUNCTION artifact_leaves_body()
            """,
        ] + protect("loose_bodies", "\(inOrganization) OR (SELECT app_task()) = 'sweep'")

    private static let policies: [String] = {
        var statements: [String] = []
        let byHash = "hash = (SELECT app_credential())"
        let inSweep = "(SELECT app_task()) = 'sweep'"
        statements += protect("orgs", "\(inOrganization) OR (SELECT app_task()) = 'list'")
        // An organization's name is for its members, whichever organization they look from.
        statements.append(
            """
            CREATE POLICY of_member ON orgs FOR SELECT USING (EXISTS (
                SELECT 1 FROM memberships WHERE memberships.org_id = orgs.org_id
                    AND memberships.user_id = (SELECT app_user())))
            """)
        statements += protect(
            "users",
            """
            user_id = (SELECT app_user()) OR email = (SELECT app_email()) OR EXISTS (
                SELECT 1 FROM memberships WHERE memberships.org_id = (SELECT app_org())
                    AND memberships.user_id = users.user_id)
            """)
        statements += protect("memberships", "\(inOrganization) OR user_id = (SELECT app_user())")
        statements += protect("sessions", "\(inOrganization) OR \(byHash) OR \(inSweep)")
        statements += protect("sign_in_links", "user_id = (SELECT app_user()) OR \(byHash) OR \(inSweep)")
        statements += protect("invitations", "\(inOrganization) OR \(byHash) OR \(inSweep)")
        statements += protect(
            "device_grants",
            "device_hash = (SELECT app_credential()) OR user_code = (SELECT app_credential()) OR \(inSweep)")
        statements += protect("runner_tokens", "\(inOrganization) OR \(byHash) OR previous_\(byHash)")
        for table in ["runs", "events", "artifacts", "receipt_keys", "org_keys", "audit"] {
            statements += protect(table, inOrganization)
        }
        return statements
    }()

    /// Policies for owners too: the server's own role owns the tables.
    private static func protect(_ table: String, _ condition: String) -> [String] {
        [
            "ALTER TABLE \(table) ENABLE ROW LEVEL SECURITY", "ALTER TABLE \(table) FORCE ROW LEVEL SECURITY",
            "CREATE POLICY scoped ON \(table) USING (\(condition)) WITH CHECK (\(condition))",
        ]
    }

    /// The settings as values. A setting that was set in an earlier transaction is empty and not NULL afterwards.
    private static let settings = [
        """
        CREATE FUNCTION app_org() RETURNS uuid LANGUAGE sql STABLE
            RETURN nullif(current_setting('app.org', true), '')::uuid
        """,
        """
        CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE
            RETURN nullif(current_setting('app.user', true), '')::uuid
        """,
        """
        CREATE FUNCTION app_credential() RETURNS bytea LANGUAGE sql STABLE
            RETURN decode(nullif(current_setting('app.credential', true), ''), 'hex')
        """,
        """
        CREATE FUNCTION app_email() RETURNS text LANGUAGE sql STABLE
            RETURN nullif(current_setting('app.email', true), '')
        """,
        """
        CREATE FUNCTION app_task() RETURNS text LANGUAGE sql STABLE
            RETURN nullif(current_setting('app.task', true), '')
        """,
    ]

    private static let tables = [
        """
        CREATE TABLE orgs (
            org_id uuid NOT NULL PRIMARY KEY,
            name text COLLATE "C" NOT NULL,
            created bigint NOT NULL,
            retention_days bigint
        )
        """,
        """
        CREATE TABLE users (
            user_id uuid NOT NULL PRIMARY KEY,
            email text COLLATE "C" NOT NULL UNIQUE,
            name text COLLATE "C" NOT NULL,
            created bigint NOT NULL
        )
        """,
        """
        CREATE TABLE memberships (
            org_id uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
            user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            role text COLLATE "C" NOT NULL,
            since bigint NOT NULL,
            PRIMARY KEY (org_id, user_id)
        )
        """,
        "CREATE INDEX memberships_by_user ON memberships (user_id)",
        // A member who is removed loses their sessions by the foreign key.
        """
        CREATE TABLE sessions (
            org_id uuid NOT NULL,
            session_id uuid NOT NULL,
            user_id uuid NOT NULL,
            hash bytea NOT NULL UNIQUE,
            created bigint NOT NULL,
            expires bigint NOT NULL,
            address text COLLATE "C",
            agent text COLLATE "C",
            PRIMARY KEY (org_id, session_id),
            FOREIGN KEY (org_id, user_id) REFERENCES memberships ON DELETE CASCADE
        )
        """,
        "CREATE INDEX sessions_by_user ON sessions (org_id, user_id)",
        "CREATE INDEX sessions_by_expiry ON sessions (expires)",
        """
        CREATE TABLE sign_in_links (
            hash bytea NOT NULL PRIMARY KEY,
            user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            created bigint NOT NULL,
            expires bigint NOT NULL
        )
        """,
        "CREATE INDEX sign_in_links_by_user ON sign_in_links (user_id)",
        """
        CREATE TABLE invitations (
            org_id uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
            invitation_id uuid NOT NULL,
            hash bytea NOT NULL UNIQUE,
            email text COLLATE "C" NOT NULL,
            role text COLLATE "C" NOT NULL,
            created bigint NOT NULL,
            expires bigint NOT NULL,
            PRIMARY KEY (org_id, invitation_id)
        )
        """,
        // Before a person has approved it, a pairing request belongs to no organization.
        """
        CREATE TABLE device_grants (
            device_hash bytea NOT NULL PRIMARY KEY,
            user_code bytea NOT NULL UNIQUE,
            name text COLLATE "C" NOT NULL,
            address text COLLATE "C",
            created bigint NOT NULL,
            expires bigint NOT NULL,
            state text COLLATE "C" NOT NULL,
            last_poll bigint,
            org_id uuid,
            decided_by uuid,
            runner_key bytea,
            FOREIGN KEY (org_id, decided_by) REFERENCES memberships ON DELETE CASCADE
        )
        """,
        "CREATE INDEX device_grants_by_member ON device_grants (org_id, decided_by)",
        """
        CREATE TABLE runner_tokens (
            org_id uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
            token_id uuid NOT NULL,
            hash bytea NOT NULL UNIQUE,
            previous_hash bytea UNIQUE,
            previous_until bigint,
            name text COLLATE "C" NOT NULL,
            created bigint NOT NULL,
            created_by uuid REFERENCES users ON DELETE SET NULL,
            last_used bigint,
            last_address text COLLATE "C",
            expires bigint,
            revoked bigint,
            -- The runner's public key (Ed25519), if it has one.
            runner_key bytea,
            PRIMARY KEY (org_id, token_id)
        )
        """,
        "CREATE INDEX runner_tokens_by_user ON runner_tokens (created_by)",
        // Room on each page for the next version of a row: what a batch changes has no index, so no index is written.
        """
        CREATE TABLE runs (
            org_id uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
            run_id uuid NOT NULL,
            token_id uuid NOT NULL,
            created bigint NOT NULL,
            title text COLLATE "C" NOT NULL,
            branch text COLLATE "C",
            rules_digest text COLLATE "C",
            started bigint,
            status text COLLATE "C" NOT NULL,
            -- Bytes: a phase is what an event says, and PostgreSQL's text can not hold U+0000.
            phase bytea,
            iteration bigint,
            exit_code bigint,
            ended bigint,
            input_tokens bigint NOT NULL,
            output_tokens bigint NOT NULL,
            -- CURRENCY=MICROS, with one space between them.
            costs text COLLATE "C" NOT NULL,
            redactions bigint NOT NULL,
            next_seq bigint NOT NULL,
            head bytea NOT NULL,
            cancel_requested bigint,
            updated bigint NOT NULL,
            event_bytes bigint NOT NULL,
            PRIMARY KEY (org_id, run_id),
            FOREIGN KEY (org_id, token_id) REFERENCES runner_tokens ON DELETE CASCADE
        ) WITH (fillfactor = 60)
        """,
        "CREATE INDEX runs_by_time ON runs (org_id, created, run_id)",
        "CREATE INDEX runs_by_token ON runs (org_id, token_id)",
        // The exact bytes of a line: jsonb would break the hashes. Rows are only added: pages can be full.
        """
        CREATE TABLE events (
            org_id uuid NOT NULL,
            run_id uuid NOT NULL,
            seq bigint NOT NULL,
            hash bytea NOT NULL,
            line bytea NOT NULL,
            PRIMARY KEY (org_id, run_id, seq),
            FOREIGN KEY (org_id, run_id) REFERENCES runs ON DELETE CASCADE
        )
        """,
        "ALTER TABLE events ALTER COLUMN hash SET STORAGE PLAIN",
        """
        CREATE TABLE artifacts (
            org_id uuid NOT NULL,
            run_id uuid NOT NULL,
            digest bytea NOT NULL,
            name text COLLATE "C" NOT NULL,
            media_type text COLLATE "C" NOT NULL,
            size bigint NOT NULL,
            created bigint NOT NULL,
            key_id bytea NOT NULL,
            wrapped_key bytea NOT NULL,
            body bytea NOT NULL,
            PRIMARY KEY (org_id, run_id, digest),
            FOREIGN KEY (org_id, run_id) REFERENCES runs ON DELETE CASCADE
        )
        """,
        // Sealed bytes do not get smaller.
        "ALTER TABLE artifacts ALTER COLUMN body SET STORAGE EXTERNAL",
        "CREATE INDEX artifacts_by_key ON artifacts (org_id, key_id)",
        """
        CREATE TABLE receipt_keys (
            org_id uuid NOT NULL PRIMARY KEY REFERENCES orgs ON DELETE CASCADE,
            receipt_key_id text COLLATE "C" NOT NULL,
            public_key bytea NOT NULL,
            key_id bytea NOT NULL,
            sealed bytea NOT NULL,
            created bigint NOT NULL
        )
        """,
        """
        CREATE TABLE org_keys (
            org_id uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
            purpose text COLLATE "C" NOT NULL,
            version bigint NOT NULL,
            key_id bytea NOT NULL,
            state text COLLATE "C" NOT NULL,
            created bigint NOT NULL,
            wrapped bytea NOT NULL,
            PRIMARY KEY (org_id, purpose, version),
            UNIQUE (org_id, key_id)
        )
        """,
        """
        CREATE TABLE audit (
            org_id uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
            audit_id uuid NOT NULL,
            time bigint NOT NULL,
            actor text COLLATE "C" NOT NULL,
            actor_id uuid,
            action text COLLATE "C" NOT NULL,
            subject text COLLATE "C" NOT NULL,
            detail text COLLATE "C" NOT NULL,
            address text COLLATE "C",
            PRIMARY KEY (org_id, audit_id)
        )
        """,
    ]
}
