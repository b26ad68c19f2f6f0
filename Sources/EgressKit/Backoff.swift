/// How long to wait after a failure: doubling from `first` to `longest`, each between half of that and the whole, so that
/// runners that failed together do not come back together.
package struct Backoff: Sendable {
    /// Milliseconds.
    package static let first = 1000
    /// Milliseconds: a server that was away for a week is found again within five minutes.
    package static let longest = 300_000
    /// The longest time that a server's Retry-After is obeyed, in seconds.
    package static let longestRetryAfter = 3600

    /// Failures in a row.
    private var failures = 0

    package init() {}

    /// Something went well.
    package mutating func reset() { failures = 0 }

    /// Returns the milliseconds to wait after one more failure.
    /// - Parameter retryAfter: seconds that the server asked for; never less than that is waited.
    package mutating func next(retryAfter: Int?, using generator: inout some RandomNumberGenerator) -> Int {
        let whole = min(Self.longest, Self.first << min(failures, 20))
        failures += 1
        let delay = Int.random(in: whole / 2...whole, using: &generator)
        guard let retryAfter else { return delay }
        // A little later than asked, each at another moment.
        return 1000 * min(max(retryAfter, 0), Self.longestRetryAfter) + Int.random(in: 0...1000, using: &generator)
    }

    /// Seconds of a Retry-After header (RFC 9110, section 10.2.3): a number, or a date after `now`; nil for neither.
    package static func retryAfter(_ text: String?, now: Int) -> Int? {
        guard let text else { return nil }
        if let seconds = Int(text), seconds >= 0 { return seconds }
        return HTTPDate.seconds(text).map { max(0, $0 - now) }
    }
}

/// The one form of dates that servers send: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
enum HTTPDate {
    /// Seconds since 1970, or nil.
    static func seconds(_ text: String) -> Int? {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard words.count == 6, words[0].utf8.count == 4, words[5] == "GMT",
            let month = months.firstIndex(of: words[2]),
            let day = number(words[1], 2), let year = number(words[3], 4), year >= 1970, (1...31).contains(day)
        else { return nil }
        let clock = words[4].split(separator: ":", omittingEmptySubsequences: false).map { number(String($0), 2) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2], hour < 24,
            minute < 60, second <= 60
        else { return nil }
        // Days since 1970 by the Gregorian rule, from March on (as RunModel.Timestamp counts).
        let shifted = month >= 2 ? year : year - 1
        let dayOfYear = (153 * ((month + 10) % 12) + 2) / 5 + day - 1
        let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        return days * 86_400 + hour * 3600 + minute * 60 + second
    }

    private static func number(_ text: String, _ digits: Int) -> Int? {
        guard text.utf8.count == digits, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }
}
