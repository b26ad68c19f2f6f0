internal import Foundation
internal import GRDB
internal import SealingKit
public import ServerStore

extension SQLiteStore {
    public func putArtifact(
        _ scope: Scope, _ artifact: Artifact, body: ArtifactBody, now: Timestamp
    ) async throws -> PutArtifactResult {
        guard case .runner = scope.actor else { throw StoreError(.refused, "artifact: not a runner") }
        return try await write("artifact") { database in
            let result = try database.room(for: artifact, scope)
            let isCreated = result == .created
            if case .elsewhere(let id) = body { try database.settleBody(scope, id, isTaken: isCreated, now: now) }
            if isCreated { try database.insertArtifact(scope, artifact, body) }
            return result
        }
    }

    public func artifacts(_ scope: Scope, of run: RunID) async throws -> [Artifact] {
        try await read("artifacts") { database in
            guard try database.visibleRun(scope, run) != nil else { return [] }
            return try Row.fetchAll(
                database,
                sql: """
                    SELECT run_id, digest, name, media_type, size, created, wrapped_key FROM artifacts
                    WHERE org_id = ? AND run_id = ? ORDER BY created, digest
                    """,
                arguments: [scope.organization, run]
            ).map { try $0.artifact() }
        }
    }

    public func artifact(
        _ scope: Scope, of run: RunID, _ digest: [UInt8]
    ) async throws -> (Artifact, ArtifactBody)? {
        try await read("artifact") { database in
            guard try database.visibleRun(scope, run) != nil else { return nil }
            return try Row.fetchOne(
                database, sql: "SELECT * FROM artifacts WHERE org_id = ? AND run_id = ? AND digest = ?",
                arguments: [scope.organization, run, Data(digest)]
            ).map { (try $0.artifact(), try $0.artifactBody()) }
        }
    }

    public func hasBodiesElsewhere(_ scope: Scope) async throws -> Bool {
        try await read("artifacts") { database in
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM artifacts WHERE org_id = ? AND body_id IS NOT NULL)",
                arguments: [scope.organization]) == true
        }
    }

    // MARK: - Loose bodies

    public func announceBody(_ scope: Scope, _ id: BodyID, due: Timestamp) async throws {
        try await write("body") { database in
            try database.execute(
                sql: "INSERT INTO loose_bodies (org_id, body_id, due, going) VALUES (?, ?, ?, 0)",
                arguments: [scope.organization, id, due])
        }
    }

    public func takeLooseBodies(now: Timestamp, until: Timestamp, limit: Int) async throws -> [LooseBody] {
        try await write("bodies") { database in
            let bodies = try Row.fetchAll(
                database, sql: "SELECT org_id, body_id FROM loose_bodies WHERE due <= ? ORDER BY due LIMIT ?",
                arguments: [now, limit]
            ).map { try $0.looseBody() }
            for body in bodies {
                try database.execute(
                    sql: "UPDATE loose_bodies SET due = ?, going = 1 WHERE org_id = ? AND body_id = ?",
                    arguments: [until, body.organization, body.id])
            }
            return bodies
        }
    }

    public func forgetBody(_ scope: Scope, _ id: BodyID) async throws {
        try await write("body") { database in
            try database.execute(
                sql: "DELETE FROM loose_bodies WHERE org_id = ? AND body_id = ?",
                arguments: [scope.organization, id])
        }
    }
}

extension Database {
    /// Whether the artifact can be added: `created` if so.
    fileprivate func room(for artifact: Artifact, _ scope: Scope) throws -> PutArtifactResult {
        guard try visibleRun(scope, artifact.run) != nil else { return .noRun }
        let exists = try Bool.fetchOne(
            self, sql: "SELECT EXISTS (SELECT 1 FROM artifacts WHERE org_id = ? AND run_id = ? AND digest = ?)",
            arguments: [scope.organization, artifact.run, Data(artifact.digest)])
        if exists == true { return .existing }
        let count = try Int.fetchOne(
            self, sql: "SELECT count(*) FROM artifacts WHERE org_id = ? AND run_id = ?",
            arguments: [scope.organization, artifact.run])
        return count ?? 0 < StoreLimits.artifacts ? .created : .tooMany
    }

    /// Takes a body out of the outbox for its artifact, or makes it due.
    fileprivate func settleBody(_ scope: Scope, _ id: BodyID, isTaken: Bool, now: Timestamp) throws {
        guard isTaken else {
            try execute(
                sql: "UPDATE loose_bodies SET due = ? WHERE org_id = ? AND body_id = ? AND going = 0",
                arguments: [now, scope.organization, id])
            return
        }
        try execute(
            sql: "DELETE FROM loose_bodies WHERE org_id = ? AND body_id = ? AND going = 0",
            arguments: [scope.organization, id])
        guard changesCount == 1 else { throw StoreError(.unavailable, "artifact: its body is being deleted") }
    }

    fileprivate func insertArtifact(_ scope: Scope, _ artifact: Artifact, _ body: ArtifactBody) throws {
        let key = try SealedRecord.keyID(of: artifact.wrappedKey.span, kind: .key)
        let (here, id) = body.columns
        try execute(
            sql: """
                INSERT INTO artifacts (
                    org_id, run_id, digest, name, media_type, size, created, key_id, wrapped_key, body, body_id
                ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                scope.organization, artifact.run, Data(artifact.digest), artifact.name, artifact.mediaType,
                artifact.size, artifact.created, key, Data(artifact.wrappedKey), Data(here), id,
            ])
    }
}
