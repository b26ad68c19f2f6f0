internal import Foundation
internal import GRDB
public import SealingKit
public import ServerStore

extension SQLiteStore {
    public func createDeviceGrant(
        _ grant: DeviceGrant, device: TokenHash, userCode: [UInt8], now: Timestamp
    ) async throws {
        try await write("pairing") { database in
            let open = try Int.fetchOne(
                database, sql: "SELECT count(*) FROM device_grants WHERE expires > ?", arguments: [now])
            guard open ?? 0 < StoreLimits.deviceGrants else { throw StoreError(.conflict, "pairing: too many") }
            try database.execute(
                sql: """
                    INSERT INTO device_grants (device_hash, user_code, name, address, created, expires, state, runner_key)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    device, Data(userCode), grant.name, grant.address, grant.created, grant.expires,
                    DeviceGrant.State.pending.rawValue, grant.runnerKey.map { Data($0) },
                ])
        }
    }

    public func deviceGrant(_ scope: Scope, userCode: [UInt8], now: Timestamp) async throws -> DeviceGrant? {
        _ = try scope.requireUser("pairing")
        return try await read("pairing") { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM device_grants WHERE user_code = ? AND state = ? AND expires > ?",
                arguments: [Data(userCode), DeviceGrant.State.pending.rawValue, now]
            )?.deviceGrant()
        }
    }

    public func decideDeviceGrant(
        _ scope: Scope, userCode: [UInt8], approve: Bool, now: Timestamp
    ) async throws -> Bool {
        let user = try scope.requireUser("pairing")
        let state = approve ? DeviceGrant.State.approved : .denied
        return try await write("pairing") { database in
            let name = try String.fetchOne(
                database, sql: "SELECT name FROM device_grants WHERE user_code = ? AND state = ? AND expires > ?",
                arguments: [Data(userCode), DeviceGrant.State.pending.rawValue, now])
            guard let name else { return false }
            try database.execute(
                sql: "UPDATE device_grants SET state = ?, org_id = ?, decided_by = ? WHERE user_code = ?",
                arguments: [state.rawValue, scope.organization, user, Data(userCode)])
            try database.audit(
                scope, approve ? .runnerPairingApproved : .runnerPairingDenied, detail: name, now: now)
            return true
        }
    }

    public func pollDeviceGrant(
        _ device: TokenHash, token: TokenHash, interval: Duration, address: String?, now: Timestamp
    ) async throws -> DevicePoll {
        try await write("pairing") { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT * FROM device_grants WHERE device_hash = ?", arguments: [device])
            else { return .unknown }
            let grant = try row.deviceGrant()
            guard grant.expires > now else { return .expired }
            switch grant.state {
            case .redeemed: return .unknown
            case .denied: return .denied
            case .pending:
                let last: Timestamp? = try row.optional("last_poll")
                try database.execute(
                    sql: "UPDATE device_grants SET last_poll = ? WHERE device_hash = ?", arguments: [now, device])
                if let last, last <= now, now < last + interval { return .slowDown }
                return .pending
            case .approved:
                let organization: OrganizationID = try row.value("org_id")
                let user: UserID = try row.value("decided_by")
                let id = RunnerTokenID.new(at: now)
                let scope = Scope(organization: organization, actor: .runner(id), address: address)
                try database.insertRunnerToken(
                    scope,
                    RunnerToken(
                        id: id, name: grant.name, created: now, createdBy: user, runnerKey: grant.runnerKey),
                    hash: token, now: now)
                try database.execute(
                    sql: "UPDATE device_grants SET state = ? WHERE device_hash = ?",
                    arguments: [DeviceGrant.State.redeemed.rawValue, device])
                return .redeemed(organization, id)
            }
        }
    }
}
