internal import JSONText
package import LinkProtocol
package import SealingKit

/// Pairing a machine with a server by a code that a person enters there (RFC 8628).
package enum Pairing {
    package static let clientID = "pipemason"
    private static let grantType = "urn:ietf:params:oauth:grant-type:device_code"

    /// What the server gave to begin with.
    package struct Offer: Sendable, Equatable {
        /// Secret: whoever has it gets the token.
        fileprivate let deviceCode: String
        /// What the person enters.
        package let userCode: String
        /// Where.
        package let address: String
        /// Seconds.
        package let lifetime: Int
        /// Seconds.
        package let interval: Int
    }

    /// The answer to a question whether the person has agreed.
    package enum Answer {
        case granted(Credential)
        /// Not yet.
        case pending
        /// Not yet, and asked too often.
        case slowDown
        /// Never: expired, denied. For people.
        case refused(String)
    }

    /// How often the server is asked: a little less often than it allows, since clocks differ, and less often still once it
    /// has complained.
    package struct Pace: Sendable, Equatable {
        /// Seconds.
        private var interval: Int
        private var factor = 1.2
        /// RFC 8628, section 3.5: each `slow_down` adds so many seconds.
        package static let penalty = 5
        /// What is used when the server names no interval (section 3.2), and the bounds of what it names.
        package static let intervals = 1...300
        package static let defaultInterval = 5

        package init(interval: Int) {
            self.interval = min(max(interval, Self.intervals.lowerBound), Self.intervals.upperBound)
        }

        package mutating func slowDown() {
            interval += Self.penalty
            factor = 1.4
        }

        /// Milliseconds until the next question.
        package var wait: Int { Int(Double(interval) * 1000 * factor) }
    }

    /// - Parameter publicKey: this machine's Ed25519 key, to be registered.
    package static func begin(name: String, publicKey: String) -> (LinkRequest, [UInt8]) {
        ControlPlane.form(
            "/oauth/device/code", [("client_id", clientID), ("device_name", name), ("runner_key", publicKey)])
    }

    /// Reads the answer to `begin`.
    package static func offer(_ body: [UInt8]) throws(EgressError) -> Offer {
        let answer = try ControlPlane.Members(body)
        guard let deviceCode = answer.text("device_code"), let userCode = answer.text("user_code"),
            let address = answer.text("verification_uri"), isPrintable(userCode), isPrintable(address),
            isPrintable(deviceCode), address.hasPrefix("http")
        else { throw EgressError("the server's answer is not an offer to pair") }
        return Offer(
            deviceCode: deviceCode, userCode: userCode, address: address,
            lifetime: min(max(answer.integer("expires_in") ?? 600, 10), 3600),
            interval: answer.integer("interval") ?? Pace.defaultInterval)
    }

    package static func ask(_ offer: Offer) -> (LinkRequest, [UInt8]) {
        ControlPlane.form(
            "/oauth/token",
            [("grant_type", grantType), ("device_code", offer.deviceCode), ("client_id", clientID)])
    }

    /// Reads the answer to `ask`; `makeCredential` gets the token and who it stands for.
    package static func answer(
        status: Int, _ body: [UInt8],
        makeCredential: (consuming Token, ControlPlane.Identity) throws -> Credential
    ) throws -> Answer {
        if status == 200 {
            let answer = try ControlPlane.Members(body)
            let token = try token(in: body)
            return .granted(try makeCredential(token, ControlPlane.identity(answer)))
        }
        switch try? ControlPlane.Members(body).text("error") {
        case "authorization_pending": return .pending
        case "slow_down": return .slowDown
        case "expired_token": return .refused("the code has expired; run pipemason login again")
        case "access_denied": return .refused("the request was denied")
        default: return .refused("the server refuses to pair (status \(status))")
        }
    }

    /// The token, taken out of the text without making a string of it.
    private static func token(in body: [UInt8]) throws -> Token {
        var reader = JSONReader<EgressError>()
        let bytes = body.span
        var place: Range<Int>?
        try reader.object(bytes) { (reader, name) throws(EgressError) in
            if name == "access_token" { place = try reader.plainString(bytes) } else { _ = try reader.value(bytes) }
        }
        guard let place else { throw EgressError("the server's answer has no token") }
        return try Token(parsing: bytes.extracting(place))
    }

    private static func isPrintable(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 1024 && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}
