internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import ServerKit
internal import ServerStore

extension Routes {
    /// Signing in with a passkey, and making and removing them. What `passkeys.js` calls answers with JSON.
    func addPasskeyPages() {
        let rate = plane.settings.limits.signIns

        open(.post, "/sign-in/passkey/options", rate: rate, fromBrowser: true) { call in
            .json(try await call.plane.passkeyRequest())
        }

        open(.post, "/sign-in/passkey", rate: rate, fromBrowser: true) { call in
            let answer = try await call.document()
            let signedIn = try await call.plane.signIn(passkey: answer, origin: call.sessionOrigin)
            // The script goes there: a redirect would be followed by its request, not by the page.
            let path = ReturnPath(call.request.headers).path
            var response = Response.json(JSON.object([("location", JSON.string(path))]))
            response.headers[values: .setCookie] = signedIn.welcomeCookies
            return response
        }

        on(.post, "/settings/passkeys/options", .member) { call in
            .json(try await call.plane.passkeyCreation(call.scope, try call.person))
        }

        on(.post, "/settings/passkeys", .member) { call in
            try await call.plane.addPasskey(call.scope, try call.person, try await call.open.document())
            return Response(status: .created)
        }

        on(.post, "/settings/passkeys/:id/remove", .member, as: .page) { call in
            guard try await call.store.removePasskey(call.scope, try call.id(), now: call.now) else {
                throw Problem.notFound
            }
            return .see("/settings/sessions")
        }
    }
}

/// A passkey in `settings-sessions.html`.
struct PasskeyRow {
    let id: String
    let name: String
    let created: Moment
    let lastUsed: Moment?

    init(_ passkey: Passkey) {
        id = passkey.id.description
        name = passkey.name
        created = Moment(passkey.created)
        lastUsed = passkey.lastUsed.map(Moment.init)
    }
}

extension OpenCall {
    /// The members of the JSON object that was sent.
    fileprivate func document() async throws -> Document {
        try await Body.document(request, limit: plane.settings.limits.documentBytes)
    }
}

extension Call {
    /// The person whose session the request came with.
    fileprivate var person: User {
        get throws(Problem) {
            guard case .session(let session, _) = identity.credential else { throw .unauthorized }
            return session.user
        }
    }
}
