package import GitHubAPI
internal import Passkeys
package import ServerStore

/// What the server is told when it starts.
package struct ServerSettings: Sendable {
    /// The address under which browsers and runners reach the server, without a path: `https://pipemason.example.org`.
    package var publicURL: String
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    package var trustedProxies: [AddressRange]
    /// Networks that may read `/metrics`.
    package var metricsReaders: [AddressRange] = ["127.0.0.0/8", "::1"].compactMap { AddressRange($0) }
    /// What `/metrics` answers, in Prometheus' text format.
    package var metricsText: @Sendable () -> String = { "" }
    package var limits: ServerLimits
    /// How the server is registered at GitHub, if it is.
    package var github: GitHubRegistration?
    /// Where the bodies of artifacts are kept; nil: in the database.
    package var bodies: (any BodyStore)?
    /// Whether other servers work on the same store; nil: as the store says (`pollInterval`).
    package var storeIsShared: Bool?

    package init(publicURL: String, trustedProxies: [AddressRange] = [], limits: ServerLimits = ServerLimits()) {
        self.publicURL = publicURL
        self.trustedProxies = trustedProxies
        self.limits = limits
    }

    /// Whether browsers reach the server with TLS.
    package var isSecure: Bool { publicURL.hasPrefix("https://") }
}

/// Bounds of what one sender can make the server do.
package struct ServerLimits: Sendable {
    /// Requests of one credential: so many a second, and so many at once after a pause.
    package var requests = Rate(perSecond: 20, burst: 40)
    /// Lines of a batch.
    package var lines = 1000
    /// Bytes of a batch as sent.
    package var batchBytes = 1 << 20
    /// Bytes of a batch after inflating.
    package var inflatedBytes = 4 << 20
    /// Bytes of a body that is neither a batch nor an artifact.
    package var documentBytes = 64 << 10
    /// Bytes of an artifact.
    package var artifactBytes = 10 << 20
    /// Bytes of a free text such as a title.
    package var textBytes = 512

    /// How long a request's body may take to arrive.
    package var bodyTime: Duration = .seconds(30)
    /// How long a connection may wait for a request.
    package var idleTime: Duration = .seconds(60)
    /// How long a reader may take none of what was written to it.
    package var stallTime: Duration = .seconds(120)

    /// How often a stream that has nothing to say says so.
    package var heartbeat: Duration = .seconds(15)
    /// How often the credential of a stream is looked at again.
    package var recheck: Duration = .seconds(5)
    /// Bytes of events that a watcher is sent at a time.
    package var streamBytes = 64 << 10
    /// Bytes of the newest events of a run that are kept in memory while somebody watches it.
    package var tailBytes = 256 << 10
    /// The longest a request for commands waits.
    package var commandWait: Duration = .seconds(30)

    /// How long a runner may collect events before it sends them: watched, and not.
    package var flushWatched: Duration = .milliseconds(250)
    package var flushUnwatched: Duration = .seconds(5)

    package var sessionTime: Duration = .seconds(14 * 86_400)
    package var signInLinkTime: Duration = .seconds(15 * 60)
    /// How long an authenticator may take to answer.
    package var challengeTime: Duration = RelyingParty.timeout
    package var invitationTime: Duration = .seconds(7 * 86_400)
    package var pairingTime: Duration = .seconds(10 * 60)
    package var pairingInterval: Duration = .seconds(5)
    /// How long a runner's token still opens after it was rotated.
    package var rotationOverlap: Duration = .seconds(10 * 60)

    /// Attempts of one address before it has a credential.
    package var pairingRequests = Rate(perSecond: 10.0 / 60, burst: 10)
    package var pairingPolls = Rate(perSecond: 2, burst: 10)
    package var signIns = Rate(perSecond: 5.0 / 60, burst: 5)
    /// User codes that one person may try.
    package var userCodes = Rate(perSecond: 10.0 / 60, burst: 10)
    /// Tokens for git, and pull requests, of one run. GitHub allows 5,000 requests an hour; a token takes up to four.
    package var gitTokens = Rate(perSecond: 0.25, burst: 60)

    package init() {}
}
