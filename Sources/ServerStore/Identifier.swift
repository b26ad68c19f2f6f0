internal import Glibc
internal import Synchronization

/// The id of a row: a UUID (RFC 9562), tagged with what it names.
///
/// Ids that the server gives are version 7, so that they sort by the time they were made.
public struct Identifier<Subject>: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The 16 bytes as two big-endian halves.
    private let high: UInt64
    private let low: UInt64

    /// Reads the canonical text form and nothing else: 36 characters, lower case, hyphens at their places.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return nil }
        var halves: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (index, byte) in bytes.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let value: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            if digits < 16 {
                halves.0 = halves.0 << 4 | UInt64(value)
            } else {
                halves.1 = halves.1 << 4 | UInt64(value)
            }
            digits += 1
        }
        (high, low) = halves
    }

    /// Reads the 16 bytes that a store keeps.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var halves: (UInt64, UInt64) = (0, 0)
        for (index, byte) in bytes.enumerated() {
            if index < 8 { halves.0 = halves.0 << 8 | UInt64(byte) } else { halves.1 = halves.1 << 8 | UInt64(byte) }
        }
        (high, low) = halves
    }

    /// Makes a new id, version 7: 48 bits of time, a counter of 32 bits that begins anywhere in each millisecond, and 42 random bits.
    ///
    /// Ids of one process sort in the order in which they were made, also within a millisecond (RFC 9562, section 6.2, method 1).
    public static func new(at now: Timestamp) -> Self {
        var generator = SystemRandomNumberGenerator()
        let time = UInt64(clamping: now.milliseconds) & 0xffff_ffff_ffff
        let counter = IdentifierCounter.shared.next(time, seed: generator.next())
        return Self(
            high: time << 16 | 0x7000 | counter >> 20,
            low: 0x8000_0000_0000_0000 | (counter & 0xf_ffff) << 42 | generator.next() & 0x3ff_ffff_ffff)
    }

    /// Whether the version is 7 and the variant that of RFC 9562.
    public var isVersion7: Bool { high >> 12 & 0xf == 7 && low >> 62 == 2 }

    /// The 16 bytes, most significant first.
    public var bytes: [UInt8] {
        [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * $0)) } }
    }

    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, byte) in bytes.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    public static func < (lhs: Self, rhs: Self) -> Bool { (lhs.high, lhs.low) < (rhs.high, rhs.low) }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// Counts the ids of a millisecond.
private final class IdentifierCounter: Sendable {
    static let shared = IdentifierCounter()

    private let last = Mutex<(time: UInt64, counter: UInt64)>((0, 0))

    /// The number of the next id of a millisecond: 32 bits, the first of them half of the way up at most.
    func next(_ time: UInt64, seed: UInt64) -> UInt64 {
        last.withLock { last in
            // Two thousand million ids in a millisecond would begin again; no server makes them.
            last = (time, last.time == time ? (last.counter + 1) & 0xffff_ffff : seed & 0x7fff_ffff)
            return last.counter
        }
    }
}

public typealias OrganizationID = Identifier<Organization>
public typealias UserID = Identifier<User>
public typealias RunnerTokenID = Identifier<RunnerToken>
public typealias InvitationID = Identifier<Invitation>
public typealias SessionID = Identifier<Session>
public typealias RunID = Identifier<Run>
public typealias AuditID = Identifier<AuditEntry>

/// A point in time, in milliseconds since 1970 (UTC, without leap seconds).
public struct Timestamp: Sendable, Hashable, Comparable {
    public let milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// What the system's clock shows.
    public static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    public var seconds: Int64 { milliseconds / 1000 }

    public static func + (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(milliseconds: time.milliseconds + duration.wholeMilliseconds)
    }

    public static func - (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(milliseconds: time.milliseconds - duration.wholeMilliseconds)
    }

    public static func < (lhs: Timestamp, rhs: Timestamp) -> Bool { lhs.milliseconds < rhs.milliseconds }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    package var wholeMilliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
