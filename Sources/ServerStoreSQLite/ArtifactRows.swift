internal import Foundation
internal import GRDB
internal import SealingKit
public import ServerStore

extension SQLiteStore {
    public func putArtifact(
        _ scope: Scope, _ artifact: Artifact, sealed: [UInt8], now: Timestamp
    ) async throws -> PutArtifactResult {
        guard case .runner = scope.actor else { throw StoreError(.refused, "artifact: not a runner") }
        return try await write("artifact") { database in
            guard try database.visibleRun(scope, artifact.run) != nil else { return .noRun }
            let place: StatementArguments = [scope.organization, artifact.run, Data(artifact.digest)]
            let exists = try Bool.fetchOne(
                database,
                sql: "SELECT EXISTS (SELECT 1 FROM artifacts WHERE org_id = ? AND run_id = ? AND digest = ?)",
                arguments: place)
            if exists == true { return .existing }
            let count = try Int.fetchOne(
                database, sql: "SELECT count(*) FROM artifacts WHERE org_id = ? AND run_id = ?",
                arguments: [scope.organization, artifact.run])
            guard count ?? 0 < StoreLimits.artifacts else { return .tooMany }
            let key = try SealedRecord.keyID(of: artifact.wrappedKey.span, kind: .key)
            try database.execute(
                sql: """
                    INSERT INTO artifacts (
                        org_id, run_id, digest, name, media_type, size, created, key_id, wrapped_key, body
                    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: place + [
                    artifact.name, artifact.mediaType, artifact.size, artifact.created, key,
                    Data(artifact.wrappedKey), Data(sealed),
                ])
            return .created
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
    ) async throws -> (Artifact, sealed: [UInt8])? {
        try await read("artifact") { database in
            guard try database.visibleRun(scope, run) != nil else { return nil }
            return try Row.fetchOne(
                database, sql: "SELECT * FROM artifacts WHERE org_id = ? AND run_id = ? AND digest = ?",
                arguments: [scope.organization, run, Data(digest)]
            ).map { (try $0.artifact(), try $0.blob("body")) }
        }
    }
}
