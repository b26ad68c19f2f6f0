internal import Hummingbird
internal import ServerKit
internal import ServerStore

extension Routes {
    /// Approving a runner that asks to be paired (RFC 8628, section 3.3).
    func addDevicePages() {
        on(.get, "/device", .member, as: .page) { call in
            let typed = try call.open.query()["user_code"] ?? ""
            var view = DeviceView(typed: typed)
            if !typed.isEmpty {
                if let grant = try await call.plane.pairing(call, userCode: typed) {
                    view.grant = try await DeviceView.Grant(grant, code: typed, call)
                } else {
                    view.error = DeviceView.unknown
                }
            }
            return try await view.response(call)
        }

        on(.post, "/device", .member, as: .page) { call in
            let form = try await call.form()
            let approve: Bool
            switch form["decision"] {
            case "approve": approve = true
            case "deny": approve = false
            default: throw Problem.badField("decision", "It must be approve or deny.")
            }
            var view = DeviceView()
            if try await call.plane.decidePairing(call, userCode: form["user_code"] ?? "", approve: approve) {
                view.outcome = approve ? "Approved. The runner gets its token within a few seconds." : "Denied."
                view.isDenied = !approve
            } else {
                view.error = DeviceView.unknown
            }
            return try await view.response(call)
        }
    }
}

/// `device.html`
private struct DeviceView {
    var typed = ""
    var grant: Grant?
    var error: String?
    var outcome: String?
    var isDenied = false
    var isDone: Bool { outcome != nil }

    static let unknown = "No runner waits with this code. Codes are good for ten minutes and for one machine."

    struct Grant {
        let code: String
        let deviceName: String
        let address: String
        let created: Moment
        let organization: String

        init(_ grant: DeviceGrant, code: String, _ call: Call) async throws {
            // As the runner shows it, however it was typed.
            let letters = code.uppercased().filter { $0.isASCII && $0.isLetter }
            self.code = "\(letters.prefix(4))-\(letters.dropFirst(4))"
            deviceName = grant.name
            address = grant.address ?? "unknown"
            created = Moment(grant.created)
            organization = try await call.store.organization(call.scope).name
        }
    }

    /// What the template sees: a reflection has no computed properties.
    private struct View {
        let typed: String
        let grant: Grant?
        let error: String?
        let outcome: String?
        let isDenied: Bool
        let isDone: Bool
        let asksCode: Bool
    }

    func response(_ call: Call) async throws -> Response {
        let view = View(
            typed: typed, grant: grant, error: error, outcome: outcome, isDenied: isDenied, isDone: isDone,
            asksCode: grant == nil && !isDone)
        let status: Response = try await call.frame("Pair a runner", Templates.render("device", view), in: .device)
            .response(error == nil ? .ok : .notFound)
        return status
    }
}
