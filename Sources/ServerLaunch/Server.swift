internal import CoreMetrics
internal import Hummingbird
package import HummingbirdCore
internal import HummingbirdTLS
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import RedactionKit
internal import RedactionLogging
internal import SealingKit
package import ServerKit
internal import ServerStore
internal import ServiceLifecycle
internal import UnixSignals

/// The server as a whole: opens the data directory, serves until it is told to stop.
package struct Server: Sendable {
    private let configuration: ServerConfiguration
    private let addPages: @Sendable (Routes) -> Void
    private let pages: any PageErrors

    /// Connections at once; beyond them new ones wait in the listener's queue.
    static let maximumConnections = 20_000
    /// Bytes of a request's headers, and how many of them.
    static let maximumHeaderBytes = 32 << 10
    static let maximumHeaders = 100
    /// How long requests may take to end after the signal to stop.
    static let shutdownTime: Duration = .seconds(20)
    static let sweepInterval: Duration = .seconds(300)

    /// - Parameters:
    ///   - addPages: Adds the pages for people to the API's routes.
    ///   - pages: How pages answer problems.
    package init(
        _ configuration: ServerConfiguration, pages: any PageErrors = ProblemPages(),
        addPages: @Sendable @escaping (Routes) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.pages = pages
        self.addPages = addPages
    }

    /// Sends the logs of the whole process through the redactor, and metrics to `/metrics`. Once a process.
    package static func bootstrap(_ configuration: ServerConfiguration) throws -> PrometheusMetrics {
        let redactor = try Redactor()
        let (level, isText) = (configuration.level, configuration.isTextLog)
        LoggingSystem.bootstrap(
            RedactingLogHandler.factory(redactor) { LogOutput(label: $0, level: level, isText: isText) })
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(metrics)
        return metrics
    }

    /// Serves until SIGTERM or SIGINT.
    /// - Parameter announce: Is told where the server listens, and at the first start the owner's sign-in link.
    package func run(_ metrics: PrometheusMetrics, announce: @Sendable @escaping (String) -> Void) async throws {
        let logger = Logger(label: "pipemason-server")
        for warning in configuration.warnings { logger.warning("\(warning)") }
        let directory = DataDirectory(configuration)
        try directory.prepare()
        let lock = try directory.lock()
        defer { withExtendedLifetime(lock) {} }
        // Made now, at the first start, before there is a database that needs it.
        if directory.isEmbedded { try directory.prepareKeks(isEmpty: !directory.hasDatabase) }
        let store = try directory.open()
        let bodies = try configuration.bodies()
        // Servers that start at once on an empty database make one organization, under the keys of the first.
        let (plane, link) = try await store.exclusively {
            try directory.prepareKeks(isEmpty: try await store.organizations().isEmpty)
            let plane = try makePlane(store, bodies, directory, metrics)
            let link = try await firstStart(plane)
            try await BodyOwner(store).claim(bodies)
            return (plane, link)
        }
        if let link { announce("sign in once, within 15 minutes: \(link)") }

        let routes = plane.apiRoutes()
        addPages(routes)
        let application = try makeApplication(routes, plane.settings.limits, logger, announce)
        // Stopped from the last to the first: streams end, then requests, then the sweeps.
        let sweeper = Sweeper(plane: plane, interval: Self.sweepInterval, logger: logger)
        var group = ServiceGroupConfiguration(
            services: [sweeper, Follower(plane), application, plane.hub], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        group.maximumGracefulShutdownDuration = Self.shutdownTime
        try await ServiceGroup(configuration: group).run()
        try store.close()
        logger.notice("stopped")
    }

    private func makeApplication(
        _ routes: Routes, _ limits: ServerLimits, _ logger: Logger, _ announce: @Sendable @escaping (String) -> Void
    ) throws -> any Service {
        let (host, port) = configuration.address
        let address = ApplicationConfiguration(
            address: .hostname(host, port: port), backlog: 1024,
            availableConnectionsDelegate: MaximumAvailableConnections(Self.maximumConnections, logger: logger))
        let configuration = configuration
        return Application(
            responder: routes.build(), server: try channels(limits), configuration: address,
            onServerRunning: { channel in
                announce("listening on \(configuration.publicURL(port: channel.localAddress?.port))")
            }, logger: logger)
    }

    private func makePlane(
        _ store: any ControlPlaneStore, _ bodies: (any BodyStore)?, _ directory: DataDirectory,
        _ metrics: PrometheusMetrics
    ) throws -> ControlPlane {
        var settings = configuration.settings()
        settings.metricsText = { metrics.text() }
        settings.github = try configuration.github()
        settings.bodies = bodies
        let command = configuration.list(.mailCommand)
        let mailer: any Mailer =
            command.isEmpty ? NoMailer() : CommandMailer(command: command, from: configuration.text(.mailFrom) ?? "")
        return try ControlPlane(
            store: store, keks: { try directory.keks() }, settings: settings, mailer: mailer, pages: pages)
    }

    /// Makes the first organization and its owner, if there is none; returns a link that signs the owner in.
    private func firstStart(_ plane: ControlPlane) async throws -> String? {
        if let known = try await plane.store.organizations().first {
            // Another key file than that of the other servers is noticed here, and not at the first request.
            try await plane.opensReceiptKey(.server(known.id))
            return nil
        }
        let owner = configuration.text(.firstOwner) ?? ""
        _ = try await plane.createOrganization(
            name: configuration.text(.firstOrganization) ?? "default", ownerEmail: owner)
        return try await plane.makeSignInLink(email: owner, address: nil)
    }

    /// HTTP/1.1, over TLS if there is a certificate.
    private func channels(_ limits: ServerLimits) throws -> HTTPServerBuilder {
        let http = Self.http(limits)
        guard let tls = configuration.tls else { return http }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(tls.certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: tls.key, format: .pem)))
        configuration.minimumTLSVersion = .tlsv12
        return try .tls(http, tlsConfiguration: configuration)
    }

    /// HTTP/1.1 with a bound on everything that a sender decides.
    package static func http(_ limits: ServerLimits) -> HTTPServerBuilder {
        .http1(
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [PaceHandler(bodyTime: limits.bodyTime, stallTime: limits.stallTime)],
                idleTimeout: TimeAmount(limits.idleTime),
                httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                    maxHeaderFieldSize: maximumHeaderBytes, maxHeaderListSize: maximumHeaderBytes,
                    maxHeaderFieldCount: maximumHeaders)))
    }
}

/// Deletes what expired, now and then.
struct Sweeper: Service {
    let plane: ControlPlane
    let interval: Duration
    let logger: Logger

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    while try await plane.store.sweep(now: plane.now()) >= StoreLimits.sweep {}
                    try await plane.github?.sweepGrants()
                    try await plane.deleteLooseBodies()
                } catch {
                    logger.error("The sweep failed.", metadata: ["error.type": "\(type(of: error))"])
                }
                try await Task.sleep(for: interval)
            }
        }
    }
}
