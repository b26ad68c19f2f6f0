internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing

@Suite struct PairingTests {
    @Test func runnerIsPairedAfterAPersonAgrees() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        let key = String(repeating: "0a", count: 32)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            for bad in ["", "0a", key + "0a", String(repeating: "zz", count: 32)] {
                let form = "client_id=pipemason&device_name=d&runner_key=\(bad)"
                let refused = try await client.call(.post, "/oauth/device/code", form: form)
                #expect(refused.json["error"]?.string == "invalid_request", "\(bad)")
            }
            let asked = try await client.call(
                .post, "/oauth/device/code", form: "client_id=pipemason&device_name=My+desk&runner_key=\(key)")
            #expect(
                asked.status == .ok && asked.json["interval"]?.number == 5 && asked.json["expires_in"]?.number == 600)
            let code = try #require(asked.json["user_code"]?.string)
            #expect(code.count == 9 && code.dropFirst(4).first == "-")
            #expect(asked.json["verification_uri"]?.string == Fixture.publicURL + "/device")
            let form = poll(try #require(asked.json["device_code"]?.string))
            #expect(
                try await client.call(.post, "/oauth/token", form: form).json["error"]?.string
                    == "authorization_pending")
            #expect(try await client.call(.post, "/oauth/token", form: form).json["error"]?.string == "slow_down")
            // As people type.
            let typed = #"{"user_code":"\#(code.lowercased().filter { $0 != "-" })"}"#
            let seen = try await client.call(.post, "/api/v1/pairing/lookup", tenant.session(.member), json: typed)
            #expect(seen.status == .ok && seen.json["device_name"]?.string == "My desk")
            let agreed = #"{"user_code":"\#(code)","approve":true}"#
            #expect(
                try await client.call(.post, "/api/v1/pairing/decision", tenant.session(.member), json: agreed).status
                    == .noContent)
            #expect(
                try await client.call(.post, "/api/v1/pairing/decision", tenant.session(.member), json: agreed).status
                    == .notFound)
            let granted = try await client.call(.post, "/oauth/token", form: form)
            #expect(granted.status == .ok && granted.headers[.cacheControl] == "no-store")
            #expect(granted.json["organization"]?.string == tenant.organization.description)
            let token = try #require(granted.json["access_token"]?.string)
            let runner = try await client.call(.get, "/api/v1/runner", .bearer(token)).json
            #expect(runner["name"]?.string == "My desk" && runner["runner_key"]?.string == key)
            // Once: the machine has this key from now on.
            for (text, status) in [
                (key, HTTPResponse.Status.noContent), (String(key.reversed()), .conflict), ("", .badRequest),
            ] {
                let put = try await client.call(
                    .put, "/api/v1/runner/key", .bearer(token), json: #"{"runner_key":"\#(text)"}"#)
                #expect(put.status == status)
            }
            #expect(try await client.call(.post, "/oauth/token", form: form).json["error"]?.string == "invalid_grant")
        }
    }

    @Test func deniedAndExpiredPairingsSaySo() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        func ask() async throws -> (code: String, device: String) {
            try await fixture.test { client in
                let asked = try await client.call(
                    .post, "/oauth/device/code", form: "client_id=pipemason&device_name=desk")
                return (try #require(asked.json["user_code"]?.string), try #require(asked.json["device_code"]?.string))
            }
        }
        let denied = try await ask()
        let expired = try await ask()
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            let no = #"{"user_code":"\#(denied.code)","approve":false}"#
            _ = try await client.call(.post, "/api/v1/pairing/decision", tenant.session(.member), json: no)
            let answer = try await client.call(.post, "/oauth/token", form: poll(denied.device))
            #expect(answer.status == .badRequest && answer.json["error"]?.string == "access_denied")
        }
        fixture.now = fixture.now + .seconds(600)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            #expect(
                try await client.call(.post, "/oauth/token", form: poll(expired.device)).json["error"]?.string
                    == "expired_token")
        }
    }

    @Test func guessingCodesIsSlow() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            var statuses: [Int] = []
            for _ in 0..<12 {
                let guess = try await client.call(
                    .post, "/api/v1/pairing/lookup", tenant.session(.member), json: #"{"user_code":"BBBB-BBBB"}"#)
                statuses.append(guess.status.code)
            }
            #expect(statuses == [Int](repeating: 404, count: 10) + [429, 429])
            var asked: [Int] = []
            for _ in 0..<11 {
                asked.append(
                    try await client.call(.post, "/oauth/device/code", form: "client_id=pipemason&device_name=d").status
                        .code)
            }
            #expect(asked == [Int](repeating: 200, count: 10) + [429])
        }
    }

    private func poll(_ device: String) -> String {
        "client_id=pipemason&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=\(device)"
    }
}
