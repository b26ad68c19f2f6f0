internal import NIOHTTP1
internal import OpenSSLEngine
internal import OutboundHTTP
public import ServerStore
internal import TextEncodings

/// Bodies as objects of an S3-compatible store.
///
/// Each request is signed over its whole payload. What passes (5xx, 429, a connection that is cut, an answer that does not come) is tried
/// again, with a pause that grows; all requests can be, since a body's name is used for one body alone.
public struct S3Bodies: BodyStore {
    private let location: S3Location
    private let credentials: S3CredentialSource
    private let client: OutboundClient
    private let pace: S3Pace
    /// Seconds since 1970.
    private let clock: @Sendable () -> Int64

    /// - Parameters:
    ///   - authorities: A file of certificates (PEM) to trust in place of the system's.
    ///   - pace: How long requests may take, and how often they are tried.
    public init(
        _ location: S3Location, _ credentials: S3CredentialSource, authorities: String? = nil, pace: S3Pace = S3Pace()
    ) {
        self.init(location, credentials, authorities: authorities, pace: pace) { Timestamp.now.seconds }
    }

    /// - Parameter clock: Seconds since 1970.
    package init(
        _ location: S3Location, _ credentials: S3CredentialSource, authorities: String? = nil, pace: S3Pace = S3Pace(),
        clock: @Sendable @escaping () -> Int64
    ) {
        self.location = location
        self.credentials = credentials
        self.pace = pace
        self.clock = clock
        client = OutboundClient(authorities: authorities)
    }

    public var place: String { location.description }

    public func put(_ scope: Scope, _ id: BodyID, _ body: [UInt8]) async throws {
        guard body.count <= BodyLimits.bytes else { throw StoreError(.refused, "body: too large") }
        try await put(Self.path(scope, id), body)
    }

    public func body(_ scope: Scope, _ id: BodyID) async throws -> [UInt8]? {
        try await get(Self.path(scope, id), limit: BodyLimits.bytes)
    }

    public func delete(_ scope: Scope, _ id: BodyID) async throws {
        // Amazon answers 204 whether there is an object or not; others say that there is none.
        _ = try await send(.DELETE, Self.path(scope, id), limit: 0)
    }

    public func owner() async throws -> String? {
        try await get(Self.ownerPath, limit: BodyLimits.owner).map { String(decoding: $0, as: UTF8.self) }
    }

    public func claim(_ owner: String) async throws { try await put(Self.ownerPath, Array(owner.utf8)) }

    private func put(_ key: String, _ bytes: [UInt8]) async throws {
        guard try await send(.PUT, key, bytes, limit: 0) != nil else {
            throw StoreError(.unavailable, "\(place)\(key): 404")
        }
    }

    private func get(_ key: String, limit: Int) async throws -> [UInt8]? {
        try await send(.GET, key, limit: limit)
    }

    // MARK: - Requests

    /// Sends a request, as often as it takes; returns the answer's body, nil when there is no such object.
    /// - Parameter limit: The most bytes that an object may have; what a refusal says may be longer.
    private func send(_ method: HTTPMethod, _ key: String, _ body: [UInt8]? = nil, limit: Int) async throws -> [UInt8]?
    {
        var current = credentials.current
        var attempts = 0
        let start = ContinuousClock.now
        while true {
            attempts += 1
            let outcome = try await once(method, key, body, limit: limit, current)
            switch outcome {
            case .done(let bytes): return bytes
            case .absent: return nil
            case .refused(let reason, let isOfCredentials):
                if isOfCredentials, let fresh = try credentials.renewed(from: current) {
                    current = fresh
                    continue
                }
                throw StoreError(.unavailable, "\(place)\(key): \(reason)")
            case .passing(let reason):
                let pause = pace.pause(after: attempts)
                guard attempts < pace.attempts, ContinuousClock.now - start + pause < pace.total else {
                    throw StoreError(.unavailable, "\(place)\(key): \(reason), \(attempts) times")
                }
                try await Task.sleep(for: pause)
            }
        }
    }

    private enum Outcome {
        case done([UInt8])
        case absent
        /// What is worth another try.
        case passing(String)
        case refused(String, isOfCredentials: Bool)
    }

    private func once(
        _ method: HTTPMethod, _ key: String, _ body: [UInt8]?, limit: Int, _ credentials: S3Credentials
    ) async throws -> Outcome {
        let path = location.path(key)
        let request = OutboundClient.Request(
            method, location.origin + path, headers: try signed(method, path, body ?? [], credentials), body: body)
        do throws(OutboundClient.Failure) {
            let answer = try await client.send(
                request, within: pace.request, atMost: max(limit, S3Refusal.maximumSize))
            guard (200..<300).contains(answer.status) else { return refusal(answer) }
            guard answer.body.count <= limit || method != .GET else { throw .tooLarge(status: answer.status) }
            return .done(answer.body)
        } catch {
            switch error {
            case .unreachable: return .passing("no connection")
            case .timedOut: return .passing("no answer in time")
            case .malformed: return .passing("no HTTP")
            case .tooLarge(let status): return .refused("\(status), with too large an answer", isOfCredentials: false)
            }
        }
    }

    private func signed(
        _ method: HTTPMethod, _ path: String, _ body: [UInt8], _ credentials: S3Credentials
    ) throws -> HTTPHeaders {
        let time = S3Time(seconds: clock())
        let digest = try Digest.sha256(body.span)
        let payload = Hex.encode(digest.span)
        var fields = [
            (name: "host", value: location.host), (name: "x-amz-content-sha256", value: payload),
            (name: "x-amz-date", value: time.text),
        ]
        if let token = credentials.sessionToken { fields.append((name: "x-amz-security-token", value: token)) }
        let signature = try S3Signature(credentials: credentials, region: location.region)
            .authorization(method.rawValue, path, headers: fields, payload: payload, time: time)
        return HTTPHeaders(fields.map { ($0.name, $0.value) } + [("authorization", signature)])
    }

    /// What an answer that is no success means (docs.aws.amazon.com, "Error responses", "List of error codes").
    private func refusal(_ answer: OutboundClient.Answer) -> Outcome {
        let said = S3Refusal(answer.body)
        var reason = String(answer.status)
        if let code = said.code { reason += " " + code }
        switch answer.status {
        // A proxy's 404 says nothing of an object: only what names none is taken for one.
        case 404 where said.code == "NoSuchKey": return .absent
        case 429, 500, 502, 503, 504: return .passing(reason)
        case 400 where ["RequestTimeout", "IncompleteBody", "BadDigest"].contains(said.code): return .passing(reason)
        case 301, 302, 307, 400, 401, 403:
            let header = answer.headers.first(name: "x-amz-bucket-region")
            if let region = said.region ?? header, S3Location.isRegion(region), region != location.region {
                reason += "; the bucket is in the region \(region)"
            }
            return .refused(reason, isOfCredentials: [400, 401, 403].contains(answer.status))
        default: return .refused(reason, isOfCredentials: false)
        }
    }
}

/// How long requests may take, and how often they are tried.
public struct S3Pace: Sendable {
    /// One attempt, its answer included: 10 MiB at 0.5 MiB/s.
    public var request: Duration = .seconds(20)
    /// How often a request is tried.
    public var attempts = 4
    /// The pause before the second attempt; each further one is three times as long.
    public var pause: Duration = .milliseconds(200)
    /// No attempt begins later than this after the first: far less than `BodyLimits.announced`.
    public var total: Duration = .seconds(60)

    public init() {}

    /// The pause after some attempts: from half of it to all of it, so that servers that failed together do not come back together.
    func pause(after attempts: Int) -> Duration {
        var longest = pause
        for _ in 1..<max(attempts, 1) { longest *= 3 }
        return longest * Double.random(in: 0.5...1)
    }
}
