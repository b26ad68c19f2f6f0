internal import JSONText
internal import NIOHTTP1
internal import OutboundHTTP

/// Requests to one site.
struct Transport: Sendable {
    /// The longest that a request may take, its answer included.
    static let timeout: Duration = .seconds(20)
    /// The largest answer in bytes: a page of 50 repositories has about 300 KB.
    static let maximumAnswer = 4 << 20

    private let client: OutboundClient

    /// - Parameter authorities: A file of certificates (PEM) to trust in place of the system's.
    init(authorities: String?) { client = OutboundClient(authorities: authorities) }

    typealias Answer = OutboundClient.Answer

    enum Credential {
        case bearer(GitHubToken)
        case jwt(String)
        /// The application itself.
        case basic(String)
        case none

        var header: String? {
            switch self {
            case .bearer(let token): ["Bearer", token.text].joined(separator: " ")
            case .jwt(let text): ["Bearer", text].joined(separator: " ")
            case .basic(let text): ["Basic", text].joined(separator: " ")
            case .none: nil
            }
        }
    }

    /// - Throws: `GitHubError(.unreachable)`, and `.malformed` for an answer that is too large.
    func send(
        _ method: HTTPMethod, _ url: String, _ credential: Credential, json: JSONValue? = nil, form: String? = nil,
        place: String
    ) async throws(GitHubError) -> Answer {
        var request = OutboundClient.Request(method, url)
        request.headers.add(name: "user-agent", value: "pipemason-server")
        let isForm = form != nil
        request.headers.add(name: "accept", value: isForm ? "application/json" : "application/vnd.github+json")
        // The REST API is versioned by date (docs.github.com, "API Versions").
        if !isForm { request.headers.add(name: "x-github-api-version", value: "2022-11-28") }
        if let header = credential.header { request.headers.add(name: "authorization", value: header) }
        if let json {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = Array(json.text.utf8)
        } else if let form {
            request.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
            request.body = Array(form.utf8)
        }
        do throws(OutboundClient.Failure) {
            return try await client.send(request, within: Self.timeout, atMost: Self.maximumAnswer)
        } catch {
            switch error {
            case .tooLarge(let status): throw GitHubError(.malformed, place, status: status)
            case .malformed: throw GitHubError(.malformed, place)
            case .unreachable, .timedOut: throw GitHubError(.unreachable, place)
            }
        }
    }
}

/// The members of an answer that is an object.
struct Members {
    private let members: [(name: String, value: JSONValue)]

    init?(_ value: JSONValue?) {
        guard case .object(let members)? = value else { return nil }
        self.members = members
    }

    subscript(_ name: String) -> JSONValue? { members.first { $0.name == name }?.value }

    func text(_ name: String) -> String? {
        guard case .string(let text)? = self[name] else { return nil }
        return text
    }

    func integer(_ name: String) -> Int64? {
        guard case .number(let digits)? = self[name] else { return nil }
        return Int64(digits)
    }

    func bool(_ name: String) -> Bool? {
        guard case .bool(let value)? = self[name] else { return nil }
        return value
    }

    func array(_ name: String) -> [JSONValue]? {
        guard case .array(let elements)? = self[name] else { return nil }
        return elements
    }
}

/// Reading JSON that somebody else wrote.
enum AnswerText {
    private struct Malformed: JSONFailure { init(jsonOffset: Int) {} }

    /// Nil for what is not one JSON value.
    static func value(_ bytes: [UInt8]) -> JSONValue? {
        var reader = JSONReader<Malformed>()
        guard let value = try? reader.value(bytes.span), (try? reader.expectEnd(bytes.span)) != nil else { return nil }
        return value
    }

    /// `2026-01-31T10:00:00Z` as seconds since 1970 (RFC 3339, UTC only); nil for anything else.
    static func time(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 20, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54, bytes[13] == 0x3A,
            bytes[16] == 0x3A, bytes[19] == 0x5A
        else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard byte &- 0x30 < 10 else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        // Days from civil, counting years from March (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86_400 + hour * 3600 + minute * 60 + second
    }
}
