public import SealingKit
public import ServerStore

extension PostgresStore {
    public func createDeviceGrant(
        _ grant: DeviceGrant, device: TokenHash, userCode: [UInt8], now: Timestamp
    ) async throws {
        try await write("pairing", Visibility(credential: device.bytes)) { transaction in
            try transaction.lock("pairing")
            // Counted over all, so with the sight that counts; what it counts is not read.
            transaction.see(Visibility(task: .sweep))
            let open = try transaction.count("SELECT count(*) AS n FROM device_grants WHERE expires > $1", [now])
            guard open < StoreLimits.deviceGrants else { throw StoreError(.conflict, "pairing: too many") }
            try transaction.execute(
                """
                INSERT INTO device_grants (device_hash, user_code, name, address, created, expires, state, runner_key)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                [
                    device, Bytes(userCode), grant.name, grant.address, grant.created, grant.expires,
                    DeviceGrant.State.pending.rawValue, grant.runnerKey.map { Bytes($0) },
                ])
        }
    }

    public func deviceGrant(_ scope: Scope, userCode: [UInt8], now: Timestamp) async throws -> DeviceGrant? {
        _ = try scope.requireUser("pairing")
        return try await query(
            "pairing", Visibility(credential: userCode),
            "SELECT * FROM device_grants WHERE user_code = $1 AND state = $2 AND expires > $3",
            [Bytes(userCode), DeviceGrant.State.pending.rawValue, now]
        ) { try $0.deviceGrant() }.first
    }

    public func decideDeviceGrant(
        _ scope: Scope, userCode: [UInt8], approve: Bool, now: Timestamp
    ) async throws -> Bool {
        let user = try scope.requireUser("pairing")
        let state = approve ? DeviceGrant.State.approved : .denied
        let visibility = Visibility(organization: scope.organization, credential: userCode)
        return try await write("pairing", visibility) { transaction in
            // Of two who decide at once, one finds it pending.
            let row = try transaction.row(
                """
                UPDATE device_grants SET state = $1, org_id = $2, decided_by = $3
                WHERE user_code = $4 AND state = $5 AND expires > $6 RETURNING name
                """,
                [
                    state.rawValue, scope.organization, user, Bytes(userCode), DeviceGrant.State.pending.rawValue, now,
                ])
            guard let row else { return false }
            try transaction.audit(
                scope, approve ? .runnerPairingApproved : .runnerPairingDenied, detail: try row.value("name"), now: now)
            return true
        }
    }

    public func pollDeviceGrant(
        _ device: TokenHash, token: TokenHash, interval: Duration, address: String?, now: Timestamp
    ) async throws -> DevicePoll {
        try await write("pairing", Visibility(credential: device.bytes)) { transaction in
            guard
                let row = try transaction.row(
                    "SELECT * FROM device_grants WHERE device_hash = $1 FOR UPDATE", [device])
            else { return .unknown }
            let grant = try row.deviceGrant()
            guard grant.expires > now else { return .expired }
            switch grant.state {
            case .redeemed: return .unknown
            case .denied: return .denied
            case .pending:
                let last: Timestamp? = try row.optional("last_poll")
                try transaction.execute(
                    "UPDATE device_grants SET last_poll = $1 WHERE device_hash = $2", [now, device])
                if let last, last <= now, now < last + interval { return .slowDown }
                return .pending
            case .approved:
                let organization: OrganizationID = try row.value("org_id")
                let user: UserID = try row.value("decided_by")
                let id = RunnerTokenID.new(at: now)
                transaction.see(Visibility(organization: organization))
                let scope = Scope(organization: organization, actor: .runner(id), address: address)
                try transaction.insertRunnerToken(
                    scope,
                    RunnerToken(
                        id: id, name: grant.name, created: now, createdBy: user, runnerKey: grant.runnerKey),
                    hash: token, now: now)
                try transaction.execute(
                    "UPDATE device_grants SET state = $1 WHERE device_hash = $2",
                    [DeviceGrant.State.redeemed.rawValue, device])
                return .redeemed(organization, id)
            }
        }
    }
}
