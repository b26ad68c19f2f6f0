internal import HTTPTypes
internal import Hummingbird
internal import ServerKit
internal import ServerStore

extension Routes {
    /// Signing in by one-time link, taking up invitations, signing out, changing the organization.
    func addSignInPages() {
        let rate = plane.settings.limits.signIns

        open(.get, "/sign-in", as: .page) { call in
            SignInView(hasPasskeys: call.plane.relyingParty != nil).response()
        }

        open(.post, "/sign-in", rate: rate, fromBrowser: true, as: .page) { call in
            let form = try await call.form()
            let email = form["email"] ?? ""
            do {
                try await call.plane.requestSignIn(email: email, address: call.address, logger: call.logger)
            } catch let problem as Problem where problem.status == .badRequest {
                return SignInView(email: email, error: "This is not a mail address.").response(.badRequest)
            }
            let minutes = call.plane.settings.limits.signInLinkTime.components.seconds / 60
            return SignInView(email: email, isSent: true, minutes: Int(minutes)).response()
        }

        // A visit does not use the link up: mail scanners visit every link. Nobody guesses 256 bits, so these are not slowed down.
        open(.get, "/sign-in/link", as: .page) { call in
            let token = try call.query()["token"] ?? ""
            guard let user = try await call.plane.signInUser(token: token) else { return SignInView.staleLink() }
            return ConfirmView(
                heading: "Sign in", lines: ["You are about to sign in as \(user.email)."], action: "/sign-in/link",
                token: token, button: "Sign in"
            ).response()
        }

        open(.post, "/sign-in/link", fromBrowser: true, as: .page) { call in
            let token = try await call.form()["token"] ?? ""
            guard let signedIn = try await call.plane.redeemSignIn(token: token, origin: call.sessionOrigin) else {
                return SignInView.staleLink()
            }
            return signedIn.welcome(to: ReturnPath(call.request.headers).path)
        }

        open(.get, "/invitation", as: .page) { call in
            let token = try call.query()["token"] ?? ""
            guard let (invitation, organization) = try await call.plane.invitation(token: token) else {
                return SignInView.staleLink()
            }
            return ConfirmView(
                heading: "Join \(organization.name)",
                lines: ["\(invitation.email) is invited to \(organization.name) as \(invitation.role.rawValue)."],
                action: "/invitation", token: token, button: "Join", asksName: true,
                name: String(invitation.email.prefix { $0 != "@" })
            ).response()
        }

        open(.post, "/invitation", fromBrowser: true, as: .page) { call in
            let form = try await call.form()
            let name = try form.text("name", limit: 200)
            guard
                let signedIn = try await call.plane.redeemInvitation(
                    token: form["token"] ?? "", name: name, origin: call.sessionOrigin)
            else { return SignInView.staleLink() }
            return signedIn.welcome(to: "/runs")
        }

        on(.post, "/sign-out", .member, as: .page) { call in
            .see("/sign-in", headers: [.setCookie: try await call.plane.signOut(call)])
        }

        on(.post, "/organizations/:id/enter", .member, as: .page) { call in
            guard let moved = try await call.plane.switchOrganization(call, to: try call.id()) else {
                throw Problem.notFound
            }
            return .see("/runs", headers: [.setCookie: moved.cookie])
        }
    }
}

/// `sign-in.html`
private struct SignInView {
    var email = ""
    var error: String?
    var isSent = false
    var minutes = 0
    var hasPasskeys = false

    func response(_ status: HTTPResponse.Status = .ok) -> Response {
        var frame = Frame("Sign in", Templates.render("sign-in", self))
        frame.hasPasskeys = hasPasskeys
        return frame.response(status)
    }

    /// What a link that is used, expired or invented leads to.
    static func staleLink() -> Response {
        SignInView(error: "This link is not good any more: it works once, and not for long. Ask for a new one.")
            .response(.notFound)
    }
}

/// `confirm.html`: what following a link would do, and the button that does it.
private struct ConfirmView {
    let heading: String
    let lines: [String]
    let action: String
    let token: String
    let button: String
    var asksName = false
    var name = ""

    func response() -> Response { Frame(heading, Templates.render("confirm", self)).response() }
}

extension SignedIn {
    /// What the browser keeps, and what it forgets.
    var welcomeCookies: [String] { [cookie, ReturnPath.clearing] }

    fileprivate func welcome(to path: String) -> Response {
        var headers: HTTPFields = [:]
        headers[values: .setCookie] = welcomeCookies
        return .see(path, headers: headers)
    }
}

extension OpenCall {
    var sessionOrigin: SessionOrigin { SessionOrigin(address: address, agent: request.headers[.userAgent]) }
}
