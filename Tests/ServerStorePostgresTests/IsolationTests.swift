internal import OpenSSLEngine
internal import PostgresTestSupport
internal import SealingKit
internal import ServerStore
internal import ServerStoreContract
internal import Testing

@testable internal import ServerStorePostgres

/// What the database itself refuses, whatever a statement forgets.
@Suite(.enabled(if: PostgresCluster.isExpected)) struct IsolationTests {
    private static let start = Timestamp(milliseconds: 1_700_000_000_000)

    /// An organization with one row in each of its tables, as far as a store makes them; returns its id.
    private func fill(_ store: PostgresStore, _ name: String) async throws -> OrganizationID {
        let now = Self.start
        let organization = Organization(id: .new(at: now), name: name, created: now)
        let owner = User(id: .new(at: now), email: "owner@\(name).example", name: name, created: now)
        let scope = try await store.createOrganization(organization, owner: owner, now: now)
        let link = try Token.generate(.invitation).hash
        _ = try await store.createSignInLink(
            email: owner.email, hash: link, expires: now + .seconds(60), address: nil, now: now)
        _ = try await store.redeemSignInLink(
            link, session: try Token.generate(.user).hash, expires: now + .seconds(600),
            origin: SessionOrigin(address: nil, agent: nil), now: now)
        _ = try await store.createSignInLink(
            email: owner.email, hash: try Token.generate(.invitation).hash, expires: now + .seconds(60), address: nil,
            now: now)
        try await store.createInvitation(
            scope,
            Invitation(
                id: .new(at: now), email: "guest@\(name).example", role: .member, created: now,
                expires: now + .seconds(60)),
            hash: try Token.generate(.invitation).hash, now: now)
        try await store.createDeviceGrant(
            DeviceGrant(name: "desk", address: nil, created: now, expires: now + .seconds(60)),
            device: try Token.generate(.invitation).hash, userCode: Array(name.utf8), now: now)
        try await store.addPasskey(
            Scope(organization: organization.id, actor: .user(owner.id, .owner), address: nil),
            Passkey(
                id: .new(at: now), credential: Array(name.utf8), name: "desk", publicKey: [1], signCount: 0,
                created: now),
            now: now)
        try await store.createChallenge(
            try Token.generate(.invitation).hash, user: nil, expires: now + .seconds(60), now: now)
        let token = try Token.generate(.runner).hash
        try await store.createRunnerToken(
            scope, RunnerToken(id: .new(at: now), name: "desk", created: now, createdBy: owner.id), hash: token,
            now: now)
        let (runner, _) = try #require(try await store.runner(token, address: nil, now: now))
        let run = RunID.new(at: now)
        _ = try await store.putRun(
            runner, run, RunDescription(title: name),
            chain: ChainHead(next: 1, hash: [UInt8](repeating: 0, count: 32)), now: now)
        let event = IncomingEvent(
            sequence: 1, previous: [UInt8](repeating: 0, count: 32), hash: [UInt8](repeating: 1, count: 32),
            line: Array(name.utf8), effect: RunEffect())
        _ = try await store.append(runner, to: run, [event], now: now)
        let place = try RecordContext(purpose: "test", tenant: "", table: "", row: "", column: "", generation: "")
        let wrapped = try SealedRecord.wrapKey(
            try Secret.random(count: 32), context: place, key: try SealingKey.generate())
        _ = try await store.putArtifact(
            runner,
            Artifact(
                run: run, digest: [UInt8](repeating: 1, count: 32), name: name, mediaType: "text/plain", size: 1,
                created: now, wrappedKey: wrapped), body: .here([1]), now: now)
        try await store.announceBody(runner, .new(at: now), due: now)
        let ring = KeyRing(store: AnyKeyRingStore(base: store.keys), keks: try KeyFile.generate())
        try await ring.create(organization.id.description, now: 1)
        let keys = try await ring.open(organization.id.description)
        try await store.addReceiptKey(
            scope,
            ReceiptKey(
                id: "00", publicKey: [1],
                sealed: try keys.sealField([1].span, try SealedPlace.receiptKey(organization.id, "00")), created: now))
        let tokens = try SealedPlace.githubTokens(organization.id, owner.id, generation: 1)
        try await store.putGitHubConnection(
            scope,
            GitHubConnection(
                user: owner.id, site: "https://github.com", account: name, accountID: 1, scopes: "repo", isApp: false,
                created: now, renewed: now, expires: nil, refreshExpires: nil, generation: 1,
                tokens: try keys.sealField([1].span, tokens)), now: now)
        guard case .runner(let id) = runner.actor else { throw StoreError(.refused, "not a runner") }
        let grant = GitGrant(
            id: .new(at: now), run: run, runner: id, user: owner.id, repository: "acme/tools", operation: "fetch",
            mode: "oauth", created: now, expires: nil, token: nil)
        #expect(try await store.addGitGrant(runner, grant, now: now))
        return organization.id
    }

    private func counts(_ cluster: PostgresCluster, _ database: String, role: String, set: String) throws -> [String] {
        try Schema.protectedTables.map { table in
            let text = try cluster.sql("\(set) SELECT count(*) FROM \(table);", database: database, role: role)
            return "\(table) \(text)"
        }
    }

    @Test func withoutAScopeThereIsNothing() async throws {
        try await withStore { store, database, cluster in
            let acme = try await fill(store, "acme")
            _ = try await fill(store, "other")
            let all = try counts(cluster, database, role: "admin", set: "")
            #expect(all.allSatisfy { !$0.hasSuffix(" 0") && !$0.hasSuffix(" 1") }, "\(all)")
            let none = try counts(cluster, database, role: "pipemason", set: "")
            #expect(none == Schema.protectedTables.map { "\($0) 0" })
            // Of an organization: its own rows. Links, passkeys, challenges and pairings belong to none.
            let outside = ["sign_in_links", "passkeys", "challenges", "device_grants"]
            let own = try counts(cluster, database, role: "pipemason", set: "SET app.org = '\(acme)';")
            for line in own {
                let isOutside = outside.contains { line.hasPrefix($0 + " ") }
                #expect(line.hasSuffix(" 0") == isOutside, "\(line)")
            }
            let audit = try cluster.sql("SELECT count(*) FROM audit WHERE org_id = '\(acme)'", database: database)
            #expect(own.contains("audit \(audit)"))
            #expect(own.contains("runs 1") && own.contains("event_blocks 1") && own.contains("users 1"))
        }
    }

    @Test func foreignRowsAreNeitherChangedNorMade() async throws {
        try await withStore { store, database, cluster in
            let acme = try await fill(store, "acme")
            let other = try await fill(store, "other")
            let scope = "SET app.org = '\(acme)';"
            for table in [
                "runs", "event_blocks", "artifacts", "runner_tokens", "sessions", "org_keys", "audit",
                "github_connections",
                "git_grants", "loose_bodies",
            ] {
                let left = try cluster.sql(
                    "\(scope) WITH gone AS (DELETE FROM \(table) WHERE org_id = '\(other)' RETURNING 1) SELECT count(*) FROM gone;",
                    database: database, role: "pipemason")
                #expect(left == "0", "\(table)")
            }
            let error = #expect(throws: PostgresCluster.Failure.self) {
                try cluster.sql(
                    "\(scope) INSERT INTO audit SELECT '\(other)', gen_random_uuid(), 1, 'server', NULL, 'x', '', '', NULL;",
                    database: database, role: "pipemason")
            }
            #expect(error?.description.contains("row-level security") == true)
            let moved = #expect(throws: PostgresCluster.Failure.self) {
                try cluster.sql(
                    "\(scope) UPDATE audit SET org_id = '\(other)';", database: database, role: "pipemason")
            }
            #expect(moved?.description.contains("row-level security") == true)
            #expect(try await store.selfCheck() == [])
        }
    }

    @Test func everyTableIsProtected() async throws {
        try await withStore { _, database, cluster in
            let tables = try cluster.sql(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1", database: database)
            #expect(
                tables.split(separator: "\n").map(String.init)
                    == (Schema.protectedTables + ["schema_versions"]).sorted())
            // And the first column of every key of a tenant's table is the organization.
            let loose = try cluster.sql(
                """
                SELECT DISTINCT c.conrelid::regclass::text FROM pg_constraint c
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                WHERE c.contype = 'p' AND a.attname <> 'org_id' AND c.connamespace = 'public'::regnamespace ORDER BY 1
                """, database: database)
            #expect(
                loose.split(separator: "\n").map(String.init) == [
                    "challenges", "device_grants", "passkeys", "schema_versions", "sign_in_links", "users",
                ])
        }
    }

    @Test func mightyRolesAreRefused() async throws {
        let cluster = try PostgresCluster.shared.get()
        let database = try cluster.newDatabase()
        defer { try? cluster.dropDatabase(database) }
        let role = "bypass_\(database.suffix(8))"
        try cluster.sql("CREATE ROLE \(role) LOGIN BYPASSRLS; GRANT ALL ON DATABASE \(database) TO \(role)")
        for name in ["mighty", role] {
            let error = #expect(throws: StoreError.self) {
                _ = try PostgresStore(try cluster.address(database, role: name))
            }
            #expect(error?.code == .refused && error?.place.contains("row-level security") == true)
        }
        // Nothing was made by them.
        #expect(
            try cluster.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database: database) == "0")
    }

    @Test func tableThatWasOpenedIsNoticed() async throws {
        try await withStore { store, database, cluster in
            try cluster.sql("ALTER TABLE runs NO FORCE ROW LEVEL SECURITY", database: database)
            #expect(try await store.selfCheck() == ["the table runs has no forced row-level security"])
            let error = #expect(throws: StoreError.self) { _ = try PostgresStore(try cluster.address(database)) }
            #expect(error?.code == .damaged && error?.place.contains("runs") == true)
        }
    }

    @Test func newerSchemaIsRefused() async throws {
        try await withStore { _, database, cluster in
            try cluster.sql("INSERT INTO schema_versions (version) VALUES (999)", database: database)
            let error = #expect(throws: StoreError.self) { _ = try PostgresStore(try cluster.address(database)) }
            #expect(error?.code == .damaged)
        }
    }

    @Test func serversThatStartAtOnceMigrateOnce() async throws {
        let cluster = try PostgresCluster.shared.get()
        let database = try cluster.newDatabase()
        let address = try cluster.address(database)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 { group.addTask { try PostgresStore(address, connections: 1).close() } }
            try await group.waitForAll()
        }
        let versions = try cluster.sql("SELECT count(*) FROM schema_versions", database: database)
        #expect(versions == String(Schema.migrations.count))
        try cluster.dropDatabase(database)
    }
}
