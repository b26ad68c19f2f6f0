internal import AsyncHTTPClient
internal import NIOCore
package import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// What the control plane sends requests to other services with.
///
/// Redirects are not followed: they would take credentials to wherever an answer says.
package struct OutboundClient: Sendable {
    /// How long a connection may take to come about.
    private static let connectTimeout = TimeAmount.seconds(5)
    /// How long a connection is kept for the next request.
    private static let idleTime = TimeAmount.seconds(30)

    private let client: HTTPClient

    /// - Parameter authorities: A file of certificates (PEM) to trust in place of the system's.
    package init(authorities: String?) { client = Self.client(authorities) }

    package struct Request: Sendable {
        package var method: HTTPMethod
        package var url: String
        package var headers: HTTPHeaders
        package var body: [UInt8]?

        package init(_ method: HTTPMethod, _ url: String, headers: HTTPHeaders = [:], body: [UInt8]? = nil) {
            self.method = method
            self.url = url
            self.headers = headers
            self.body = body
        }
    }

    package struct Answer: Sendable {
        package let status: Int
        package let headers: HTTPHeaders
        package let body: [UInt8]
    }

    /// Why there is no answer. Without the address, whose query may hold a credential.
    package enum Failure: Error, Equatable {
        /// No connection, or one that was cut.
        case unreachable
        case timedOut
        /// What came is no HTTP.
        case malformed
        case tooLarge(status: Int)
    }

    /// Sends a request and reads its answer.
    /// - Parameters:
    ///   - time: How long all of that may take, the answer's body included.
    ///   - limit: The most bytes of that body.
    package func send(_ request: Request, within time: Duration, atMost limit: Int) async throws(Failure) -> Answer {
        let result = await withTaskGroup(of: Result<Answer, Failure>.self) { group in
            group.addTask { await exchange(request, limit) }
            group.addTask {
                try? await Task.sleep(for: time)
                return .failure(.timedOut)
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(.unreachable)
        }
        return try result.get()
    }

    private func exchange(_ request: Request, _ limit: Int) async -> Result<Answer, Failure> {
        var message = HTTPClientRequest(url: request.url)
        message.method = request.method
        message.headers = request.headers
        if let body = request.body { message.body = .bytes(ByteBuffer(bytes: body)) }
        do {
            // The time is the caller's: the client's own ends with the head of the answer.
            let answer = try await client.execute(message, deadline: .distantFuture)
            let status = Int(answer.status.code)
            var body: [UInt8] = []
            for try await piece in answer.body {
                guard body.count + piece.readableBytes <= limit else { return .failure(.tooLarge(status: status)) }
                body += piece.readableBytesView
            }
            return .success(Answer(status: status, headers: answer.headers, body: body))
        } catch is HTTPParserError {
            return .failure(.malformed)
        } catch let error as HTTPClientError where error == .connectTimeout {
            return .failure(.timedOut)
        } catch {
            return .failure(.unreachable)
        }
    }

    /// Clients live as long as the process, one for each file of certificates: closing one while requests are under way is what ends
    /// badly.
    private static let clients = Mutex<[String: HTTPClient]>([:])

    private static func client(_ authorities: String?) -> HTTPClient {
        clients.withLock { clients in
            if let client = clients[authorities ?? ""] { return client }
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.minimumTLSVersion = .tlsv12
            if let authorities { tls.trustRoots = .file(authorities) }
            var configuration = HTTPClient.Configuration(
                tlsConfiguration: tls, redirectConfiguration: .disallow, timeout: .init(connect: connectTimeout),
                ignoreUncleanSSLShutdown: false)
            configuration.httpVersion = .http1Only
            configuration.connectionPool.idleTimeout = idleTime
            configuration.connectionPool.retryConnectionEstablishment = false
            let client = HTTPClient(
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
            clients[authorities ?? ""] = client
            return client
        }
    }
}
