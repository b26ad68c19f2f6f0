internal import SealingKit
public import ServerStore

extension PostgresStore {
    public func putArtifact(
        _ scope: Scope, _ artifact: Artifact, body: ArtifactBody, now: Timestamp
    ) async throws -> PutArtifactResult {
        guard case .runner = scope.actor else { throw StoreError(.refused, "artifact: not a runner") }
        let key = try SealedRecord.keyID(of: artifact.wrappedKey.span, kind: .key)
        return try await write("artifact", .scope(scope)) { transaction in
            let result = try transaction.room(for: artifact, scope)
            let isCreated = result == .created
            if case .elsewhere(let id) = body { try transaction.settleBody(scope, id, isTaken: isCreated, now: now) }
            if isCreated { try transaction.insertArtifact(scope, artifact, key, body) }
            return result
        }
    }

    public func artifacts(_ scope: Scope, of run: RunID) async throws -> [Artifact] {
        try await read("artifacts", .scope(scope)) { transaction in
            guard try transaction.visibleRun(scope, run) != nil else { return [] }
            return try transaction.rows(
                """
                SELECT run_id, digest, name, media_type, size, created, wrapped_key FROM artifacts
                WHERE org_id = $1 AND run_id = $2 ORDER BY created, digest
                """, [scope.organization, run]
            ).map { try $0.artifact() }
        }
    }

    public func artifact(
        _ scope: Scope, of run: RunID, _ digest: [UInt8]
    ) async throws -> (Artifact, ArtifactBody)? {
        try await read("artifact", .scope(scope)) { transaction in
            guard try transaction.visibleRun(scope, run) != nil else { return nil }
            return try transaction.row(
                "SELECT * FROM artifacts WHERE org_id = $1 AND run_id = $2 AND digest = $3",
                [scope.organization, run, Bytes(digest)]
            ).map { (try $0.artifact(), try $0.artifactBody()) }
        }
    }

    public func hasBodiesElsewhere(_ scope: Scope) async throws -> Bool {
        try await read("artifacts", .scope(scope)) { transaction in
            try transaction.exists(
                "SELECT 1::bigint AS n FROM artifacts WHERE org_id = $1 AND body_id IS NOT NULL LIMIT 1",
                [scope.organization])
        }
    }

    // MARK: - Loose bodies

    public func announceBody(_ scope: Scope, _ id: BodyID, due: Timestamp) async throws {
        _ = try await write("body", .scope(scope)) { transaction in
            try transaction.execute(
                "INSERT INTO loose_bodies (org_id, body_id, due, going) VALUES ($1, $2, $3, 0)",
                [scope.organization, id, due])
        }
    }

    public func takeLooseBodies(now: Timestamp, until: Timestamp, limit: Int) async throws -> [LooseBody] {
        try await write("bodies", Visibility(task: .sweep)) { transaction in
            // What another server is taking at this moment is left to it.
            try transaction.rows(
                """
                UPDATE loose_bodies SET due = $1, going = 1 WHERE (org_id, body_id) IN (
                    SELECT org_id, body_id FROM loose_bodies WHERE due <= $2 ORDER BY due LIMIT $3
                    FOR UPDATE SKIP LOCKED)
                RETURNING org_id, body_id
                """, [until, now, limit]
            ).map { try $0.looseBody() }
        }
    }

    public func forgetBody(_ scope: Scope, _ id: BodyID) async throws {
        _ = try await write("body", .scope(scope)) { transaction in
            try transaction.execute(
                "DELETE FROM loose_bodies WHERE org_id = $1 AND body_id = $2", [scope.organization, id])
        }
    }
}

extension Transaction {
    /// Whether the artifact can be added: `created` if so.
    fileprivate func room(for artifact: Artifact, _ scope: Scope) throws -> PutArtifactResult {
        guard try visibleRun(scope, artifact.run) != nil else { return .noRun }
        // Counting is worth nothing while others may add. Not the run's row: events go on.
        try lock("artifacts of \(artifact.run)")
        let place: [any PostgresValue] = [scope.organization, artifact.run, Bytes(artifact.digest)]
        let isThere = try exists(
            "SELECT 1::bigint AS n FROM artifacts WHERE org_id = $1 AND run_id = $2 AND digest = $3", place)
        if isThere { return .existing }
        let known = try count(
            "SELECT count(*) AS n FROM artifacts WHERE org_id = $1 AND run_id = $2", [scope.organization, artifact.run])
        return known < StoreLimits.artifacts ? .created : .tooMany
    }

    /// Takes a body out of the outbox for its artifact, or makes it due.
    fileprivate func settleBody(_ scope: Scope, _ id: BodyID, isTaken: Bool, now: Timestamp) throws {
        guard isTaken else {
            try execute(
                "UPDATE loose_bodies SET due = $1 WHERE org_id = $2 AND body_id = $3 AND going = 0",
                [now, scope.organization, id])
            return
        }
        let taken = try execute(
            "DELETE FROM loose_bodies WHERE org_id = $1 AND body_id = $2 AND going = 0", [scope.organization, id])
        guard taken == 1 else { throw StoreError(.unavailable, "artifact: its body is being deleted") }
    }

    fileprivate func insertArtifact(
        _ scope: Scope, _ artifact: Artifact, _ key: KeyID, _ body: ArtifactBody
    ) throws {
        let (here, id) = body.columns
        try execute(
            """
            INSERT INTO artifacts (
                org_id, run_id, digest, name, media_type, size, created, key_id, wrapped_key, body, body_id
            ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """,
            [
                scope.organization, artifact.run, Bytes(artifact.digest), artifact.name, artifact.mediaType,
                artifact.size, artifact.created, key, Bytes(artifact.wrappedKey), Bytes(here), id,
            ])
    }
}
