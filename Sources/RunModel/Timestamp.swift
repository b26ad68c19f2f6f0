/// A point in time in UTC, to the microsecond, from the year 0000 to 9999.
package struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Microseconds since 1970 began, without leap seconds.
    package let microseconds: Int

    private static let second = 1_000_000
    private static let day = 86_400 * second
    /// 0000-01-01 and 10000-01-01.
    private static let range = -719_528 * day..<2_932_897 * day

    /// Makes the nearest time that can be written.
    package init(microseconds: Int) {
        self.microseconds = min(max(microseconds, Self.range.lowerBound), Self.range.upperBound - 1)
    }

    /// Reads `2026-01-31T12:34:56.123456Z` (RFC 3339 with exactly six digits of a second's fraction), or nil.
    package init?(_ text: String) { self.init(Array(text.utf8).span) }

    /// The same from bytes.
    package init?(_ text: Span<UInt8>) {
        let pattern: StaticString = "0000-00-00T00:00:00.000000Z"
        guard text.count == pattern.utf8CodeUnitCount else { return nil }
        for index in text.indices {
            // A static string is constant memory of that length.
            let expected = pattern.utf8Start[index]
            guard expected == UInt8(ascii: "0") ? text[index] &- expected < 10 : text[index] == expected else {
                return nil
            }
        }
        func number(_ range: Range<Int>) -> Int { range.reduce(0) { $0 * 10 + Int(text[$1] & 15) } }
        let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
        let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
        let days = Self.days(year, month, day)
        guard hour < 24, minute < 60, second < 60, Self.date(days) == (year, month, day) else { return nil }
        microseconds = days * Self.day + (hour * 3600 + minute * 60 + second) * Self.second + number(20..<26)
    }

    package var description: String {
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: count - text.utf8.count) + text
        }
        let fields = self.fields
        let date = "\(digits(fields.year, 4))-\(digits(fields.month, 2))-\(digits(fields.day, 2))"
        let time = "\(digits(fields.hour, 2)):\(digits(fields.minute, 2)):\(digits(fields.second, 2))"
        return "\(date)T\(time).\(digits(fields.microsecond, 6))Z"
    }

    /// The numbers that it is written with.
    package struct Fields: Sendable, Equatable {
        package let year, month, day, hour, minute, second, microsecond: Int
    }

    package var fields: Fields {
        var days = microseconds / Self.day
        var rest = microseconds % Self.day
        if rest < 0 { (days, rest) = (days - 1, rest + Self.day) }
        let (year, month, day) = Self.date(days)
        let seconds = rest / Self.second
        return Fields(
            year: year, month: month, day: day, hour: seconds / 3600, minute: seconds / 60 % 60, second: seconds % 60,
            microsecond: rest % Self.second)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    // The Gregorian calendar in years that begin with March, so that the leap day comes last: 400 of them have 146,097
    // days, and the months from March on begin at day (153 m + 2) / 5.

    /// Days from 1970-01-01 to a date.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month > 2 ? year : year - 1
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The date that is so many days after 1970-01-01.
    private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }
}
