internal import AsyncHTTPClient
internal import CPlatform
internal import CSealing
internal import Glibc
internal import LinkProtocol
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// `pipemason-link`: the only part of the runner with a network. It does the requests that it is told on standard input
/// and answers on standard output (docs/formats/link.md). It reads no files of the user, keeps nothing, follows no
/// redirects, and talks to one server only.
@main struct Link {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        // The token is in here.
        pm_crashes_install(1, nil)
        guard pm_forbid_dumps(1) == 0 else { exit(1) }
        let output = FrameOutput()
        do {
            try await LinkServer(output).run(frames())
            exit(0)
        } catch {
            let message = "pipemason-link: \(error is LinkError ? "\(error)" : "failed")\n"
            _ = message.withCString { write(STDERR_FILENO, $0, strlen($0)) }
            exit(1)
        }
    }

    /// The frames of standard input, read on a thread of its own. The other side has at most a few requests under way,
    /// which bounds what waits here.
    private static func frames() -> AsyncThrowingStream<Frame, any Error> {
        AsyncThrowingStream { continuation in
            NIOThreadPool.singleton.submit { _ in
                var reader = FrameReader()
                var chunk = [UInt8](repeating: 0, count: 1 << 16)
                do throws(LinkError) {
                    while true {
                        let count = read(STDIN_FILENO, &chunk, chunk.count)
                        if count < 0, errno == EINTR { continue }
                        guard count > 0 else { break }
                        reader.write(chunk[..<count])
                        while let frame = try reader.next() { continuation.yield(frame) }
                    }
                    guard !reader.isInside else { throw LinkError("a frame that is cut short") }
                    continuation.finish()
                } catch { continuation.finish(throwing: error) }
            }
        }
    }
}

/// Whole frames to standard output, one after another.
private final class FrameOutput: Sendable {
    private let lock = Mutex(())

    func send(_ frames: [Frame]) {
        let bytes = frames.flatMap(\.encoded)
        lock.withLock { _ in
            var offset = 0
            while offset < bytes.count {
                let count = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress! + offset, $0.count - offset) }
                if count >= 0 {
                    offset += count
                } else if errno != EINTR {
                    // Nobody listens any more.
                    exit(0)
                }
            }
        }
    }
}

/// Takes requests as their frames come, and does them.
private struct LinkServer {
    /// The most bytes of a request's body: an artifact's.
    static let maximumBody = 9 << 20
    /// The most requests at a time.
    static let maximumRequests = 4
    /// The most bytes of an answer's body.
    static let maximumAnswer = 1 << 20

    /// RFC 6750.
    private static let scheme = "Bearer"
    private static let field = "authorization"

    private let output: FrameOutput

    init(_ output: FrameOutput) { self.output = output }

    func run(_ frames: AsyncThrowingStream<Frame, any Error>) async throws {
        var frames = frames.makeAsyncIterator()
        guard let first = try await frames.next() else { return }
        guard first.kind == .configure else { throw LinkError("the configuration comes first") }
        let configuration = try LinkConfiguration(parsing: first.payload)
        guard configuration.isPermitted else { throw LinkError("without TLS only this machine itself") }
        let proxy = try configuration.proxy.map { try ProxyAddress(parsing: $0) }
        let client = Self.client(configuration, proxy)
        var credential: String?
        var waiting: [UInt32: (request: LinkRequest, body: [UInt8])] = [:]
        try await withThrowingTaskGroup(of: Void.self) { group in
            while let frame = try await frames.next() {
                switch frame.kind {
                case .token: credential = Self.scheme + " " + String(decoding: frame.payload, as: UTF8.self)
                case .request:
                    guard waiting.count < Self.maximumRequests, waiting[frame.id] == nil else {
                        throw LinkError("too many requests at a time")
                    }
                    waiting[frame.id] = (try LinkRequest(parsing: frame.payload), [])
                case .body:
                    guard let count = waiting[frame.id]?.body.count, count + frame.payload.count <= Self.maximumBody
                    else { throw LinkError("a body too many or too large") }
                    waiting[frame.id]?.body += frame.payload
                case .end:
                    guard let (request, body) = waiting.removeValue(forKey: frame.id), body.count == request.length
                    else { throw LinkError("a body of the wrong length") }
                    let token = request.isAuthorized ? credential : nil
                    group.addTask {
                        await self.perform(
                            request, body, id: frame.id, origin: configuration.origin, credential: token,
                            usesProxy: proxy != nil, client)
                    }
                case .configure, .response, .failure: throw LinkError("a frame in the wrong direction")
                }
            }
            // Standard input has ended: whoever asked is gone.
            exit(0)
        }
    }

    private func perform(
        _ request: LinkRequest, _ body: [UInt8], id: UInt32, origin: String, credential: String?,
        usesProxy: Bool, _ client: HTTPClient
    ) async {
        do {
            var outgoing = HTTPClientRequest(url: origin + request.path)
            outgoing.method = HTTPMethod(rawValue: request.method)
            for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
            outgoing.headers.replaceOrAdd(name: "user-agent", value: "pipemason-link")
            if let credential { outgoing.headers.add(name: Self.field, value: credential) }
            if request.method != "GET" { outgoing.body = .bytes(ByteBuffer(bytes: body)) }
            let answer = try await client.execute(outgoing, timeout: .milliseconds(Int64(request.timeout)))
            var content: [UInt8] = []
            for try await piece in answer.body {
                guard content.count + piece.readableBytes <= Self.maximumAnswer else { throw TooLarge() }
                content += piece.readableBytesView
            }
            let headers = LinkResponse.headerNames.compactMap { name in
                answer.headers.first(name: name).flatMap { value in
                    value.utf8.allSatisfy { (0x20...0x7E).contains($0) } ? (name: name, value: value) : nil
                }
            }
            let response = LinkResponse(status: Int(answer.status.code), headers: headers)
            var frames = [Frame(.response, id: id, response.encoded)]
            var start = 0
            while start < content.count {
                let end = min(start + Frame.maximumPayload, content.count)
                frames.append(Frame(.body, id: id, Array(content[start..<end])))
                start = end
            }
            output.send(frames + [Frame(.end, id: id)])
        } catch {
            output.send([Frame(.failure, id: id, LinkFailure(Self.kind(of: error, usesProxy: usesProxy)).encoded)])
        }
    }

    private struct TooLarge: Error {}

    private static func kind(of error: any Error, usesProxy: Bool) -> LinkFailure.Kind {
        switch error {
        case is TooLarge: .response
        case let error as NIOConnectionError:
            usesProxy ? .proxy : error.connectionErrors.isEmpty ? .resolve : .connect
        case let error as NIOSSLExtraError:
            error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch ? .hostname : .tls
        case NIOSSLError.failedToLoadCertificate, NIOSSLError.noSuchFilesystemObject,
            NIOSSLError.unableToValidateCertificate:
            .certificate
        // BoringSSL's stack of errors has names, and no codes that are public.
        case is NIOSSLError, is BoringSSLError: "\(error)".contains("CERTIFICATE_VERIFY_FAILED") ? .certificate : .tls
        case is HTTPParserError: .response
        case let error as HTTPClientError:
            switch error {
            case .deadlineExceeded, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout: .timeout
            case .proxyAuthenticationRequired, .invalidProxyResponse, .httpProxyHandshakeTimeout: .proxy
            case .connectTimeout: .connect
            case .tlsHandshakeTimeout: .tls
            case .remoteConnectionClosed, .cancelled: .closed
            case .invalidURL, .emptyHost, .emptyScheme: .request
            default: .response
            }
        case let error as IOError where error.errnoCode == ECONNRESET || error.errnoCode == EPIPE: .closed
        case is ChannelError: .closed
        default: .connect
        }
    }

    private static func client(_ configuration: LinkConfiguration, _ proxy: ProxyAddress?) -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let authorities = configuration.authorities { tls.trustRoots = .file(authorities) }
        var settings = HTTPClient.Configuration(
            tlsConfiguration: tls,
            // A redirect would take the token to somebody else.
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10)), ignoreUncleanSSLShutdown: false)
        settings.httpVersion = .http1Only
        settings.connectionPool.idleTimeout = .seconds(60)
        settings.connectionPool.retryConnectionEstablishment = false
        if let proxy {
            if let (user, password) = proxy.credentials {
                settings.proxy = .server(
                    host: proxy.host, port: proxy.port, authorization: .basic(username: user, password: password))
            } else {
                settings.proxy = .server(host: proxy.host, port: proxy.port)
            }
        }
        return HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: settings)
    }
}
