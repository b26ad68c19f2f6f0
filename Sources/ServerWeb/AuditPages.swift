internal import Hummingbird
internal import ServerKit
internal import ServerStore

extension Routes {
    /// The audit log.
    func addAuditPages() {
        on(.get, "/settings/audit", .admin, as: .page) { call in
            var before: AuditID?
            if let text = try call.open.query()["before"] {
                guard let id = AuditID(text) else { throw Problem.badField("before", "It must be an entry's id.") }
                before = id
            }
            let view = try await AuditView(call, before: before)
            return try await call.settings("settings-audit", view, .audit).response()
        }
    }
}

/// `settings-audit.html`
private struct AuditView {
    let entries: [Row]
    let newest: String?
    let older: String?

    /// Entries of a page.
    static let pageSize = 100

    struct Row {
        let time: Moment
        let actor: String
        let action: String
        let detail: String?
        let subject: String
        let address: String
    }

    init(_ call: Call, before: AuditID?) async throws {
        let found = try await call.store.audit(call.scope, before: before, limit: Self.pageSize + 1)
        let users = try await call.store.members(call.scope).map { ($0.user.id, $0.user.email) }
        let runners = try await call.store.runnerTokens(call.scope).map { ($0.id, $0.name) }
        let emails = Dictionary(users, uniquingKeysWith: { first, _ in first })
        let names = Dictionary(runners, uniquingKeysWith: { first, _ in first })
        entries = found.prefix(Self.pageSize).map { entry in
            let actor =
                switch entry.actor {
                case .user(let id): emails[id] ?? "a member who left"
                case .runner(let id): "runner \(names[id] ?? id.description)"
                case .server: "the server"
                }
            return Row(
                time: Moment(entry.time), actor: actor, action: entry.action.rawValue, detail: entry.detail.nonEmpty,
                subject: entry.subject, address: entry.address ?? "")
        }
        newest = before == nil ? nil : "/settings/audit"
        older = found.count > Self.pageSize ? "/settings/audit?before=\(found[Self.pageSize - 1].id)" : nil
    }
}
