internal import Synchronization

/// So many a second on average, and so many at once.
package struct Rate: Sendable, Hashable {
    package let perSecond: Double
    package let burst: Int

    package init(perSecond: Double, burst: Int) {
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// Says who has to wait. One number is kept for each sender: the time at which its allowance is full again (the generic
/// cell rate algorithm). The clock is monotonic, so that setting the system's clock neither opens nor closes anything.
package final class RateLimiter: Sendable {
    private let full = Mutex<[String: ContinuousClock.Instant]>([:])
    private let clock = ContinuousClock()

    /// Senders that are remembered; beyond that, those whose allowance is full are forgotten, which loses nothing.
    private static let capacity = 50_000

    package init() {}

    /// Takes one from the allowance of `key`.
    /// - Returns: nil, or for how long the sender has to wait before the next one.
    package func take(_ key: String, _ rate: Rate, now: ContinuousClock.Instant? = nil) -> Duration? {
        let now = now ?? clock.now
        let cost = Duration.seconds(1 / rate.perSecond)
        return full.withLock { full in
            if full.count >= Self.capacity { full = full.filter { $0.value > now } }
            let base = max(full[key] ?? now, now)
            let next = base + cost
            let excess = next - now - cost * rate.burst
            guard excess <= .zero else { return excess }
            // With more senders than that in debt at once, new ones are let through rather than memory be filled.
            if full.count < Self.capacity || full[key] != nil { full[key] = next }
            return nil
        }
    }

    /// - Throws: a problem with `Retry-After` when the sender has to wait.
    package func require(_ key: String, _ rate: Rate) throws(Problem) {
        guard let wait = take(key, rate) else { return }
        let seconds = Int(wait.components.seconds) + (wait.components.attoseconds > 0 ? 1 : 0)
        throw .tooMany(retryAfter: max(1, seconds))
    }
}
