internal import SealingKit
public import ServerStore

extension PostgresStore {
    public func putArtifact(
        _ scope: Scope, _ artifact: Artifact, sealed: [UInt8], now: Timestamp
    ) async throws -> PutArtifactResult {
        guard case .runner = scope.actor else { throw StoreError(.refused, "artifact: not a runner") }
        let key = try SealedRecord.keyID(of: artifact.wrappedKey.span, kind: .key)
        return try await write("artifact", .scope(scope)) { transaction in
            guard try transaction.visibleRun(scope, artifact.run) != nil else { return .noRun }
            // Counting is worth nothing while others may add. Not the run's row: events go on.
            try transaction.lock("artifacts of \(artifact.run)")
            let place: [any PostgresValue] = [scope.organization, artifact.run, Bytes(artifact.digest)]
            if try transaction.exists(
                "SELECT 1::bigint AS n FROM artifacts WHERE org_id = $1 AND run_id = $2 AND digest = $3", place)
            {
                return .existing
            }
            let count = try transaction.count(
                "SELECT count(*) AS n FROM artifacts WHERE org_id = $1 AND run_id = $2",
                [scope.organization, artifact.run])
            guard count < StoreLimits.artifacts else { return .tooMany }
            try transaction.execute(
                """
                INSERT INTO artifacts (
                    org_id, run_id, digest, name, media_type, size, created, key_id, wrapped_key, body
                ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                """,
                place + [
                    artifact.name, artifact.mediaType, artifact.size, artifact.created, key,
                    Bytes(artifact.wrappedKey), Bytes(sealed),
                ])
            return .created
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
    ) async throws -> (Artifact, sealed: [UInt8])? {
        try await read("artifact", .scope(scope)) { transaction in
            guard try transaction.visibleRun(scope, run) != nil else { return nil }
            return try transaction.row(
                "SELECT * FROM artifacts WHERE org_id = $1 AND run_id = $2 AND digest = $3",
                [scope.organization, run, Bytes(digest)]
            ).map { (try $0.artifact(), try $0.blob("body")) }
        }
    }
}
