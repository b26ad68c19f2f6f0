import Foundation
import LinkProtocol
import Testing

@testable import EgressKit

/// Certificates made with openssl, for one suite.
final class Certificates {
    struct Pair {
        var certificate: String
        var key: String
    }

    let directory: String

    init() throws {
        directory = NSTemporaryDirectory() + "/certificates-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try authority("ca")
        try authority("other-ca")
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func path(_ name: String) -> String { directory + "/" + name }

    private func openssl(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let said = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitForEnd()
        guard process.terminationStatus == 0 else {
            throw EgressError("openssl: " + String(decoding: said, as: UTF8.self))
        }
    }

    private func authority(_ name: String) throws {
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)",
            "-days", "3650", "-keyout", path(name + ".key"), "-out", path(name + ".pem"), "-addext",
            "basicConstraints=critical,CA:TRUE")
    }

    /// A server's certificate for some names.
    /// - Parameter days: The days for which it is good, beginning yesterday.
    func server(_ names: String, by authority: String = "ca", days: Int = 30) throws -> Pair {
        let name = UUID().uuidString
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=server", "-keyout",
            path(name + ".key"), "-out", path(name + ".csr"))
        try "subjectAltName=\(names)\nbasicConstraints=CA:FALSE\n".write(
            toFile: path(name + ".ext"), atomically: true, encoding: .utf8)
        // `x509 -req` signs from now on; `ca` can date back.
        try """
        [ca]
        default_ca = it
        [it]
        database = \(path(name + ".db"))
        new_certs_dir = \(directory)
        rand_serial = yes
        default_md = sha256
        policy = any
        unique_subject = no
        [any]
        commonName = supplied
        """.write(toFile: path(name + ".cnf"), atomically: true, encoding: .utf8)
        try Data().write(to: URL(filePath: path(name + ".db")))
        let format = DateFormatter()
        format.dateFormat = "yyMMddHHmmss'Z'"
        format.timeZone = TimeZone(identifier: "UTC")
        let start = Date(timeIntervalSinceNow: -86_400 * 2)
        try openssl(
            "ca", "-batch", "-config", path(name + ".cnf"), "-in", path(name + ".csr"), "-out", path(name + ".pem"),
            "-notext", "-cert", path(authority + ".pem"), "-keyfile", path(authority + ".key"), "-extfile",
            path(name + ".ext"), "-startdate", format.string(from: start), "-enddate",
            format.string(from: start.addingTimeInterval(86_400 * Double(days))))
        return Pair(certificate: path(name + ".pem"), key: path(name + ".key"))
    }
}

/// A proxy: Debian's tinyproxy.
final class Proxy {
    private let process = Process()
    private let directory: String
    let port: Int

    init(_ certificates: Certificates, more: String = "") throws {
        directory = certificates.directory
        port = try Self.freePort()
        let name = certificates.path("proxy-\(port).conf")
        try
            "Port \(port)\nListen 127.0.0.1\nAllow 127.0.0.1\nLogFile \"\(certificates.path("proxy-\(port).log"))\"\nLogLevel Connect\n\(more)\n"
            .write(toFile: name, atomically: true, encoding: .utf8)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/tinyproxy")
        process.arguments = ["-d", "-c", name]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        for _ in 0..<200 where !Self.answers(port) { usleep(20_000) }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitForEnd()
    }

    var log: String { (try? String(contentsOfFile: directory + "/proxy-\(port).log", encoding: .utf8)) ?? "" }

    private static func socketAddress(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }

    /// A port that nobody has now.
    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = socketAddress(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
            }
        }
        try #require(status == 0)
        return Int(in_port_t(bigEndian: address.sin_port))
    }

    private static func answers(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = socketAddress(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

@Suite("pipemason-link: TLS and proxies", .needsLink, .serialized)
struct LinkTests {
    private let certificates: Certificates
    private let files: RunFiles

    init() throws {
        certificates = try Certificates()
        files = try RunFiles()
    }

    /// Pairs with a server, which has agreed already.
    private func login(
        _ address: String, trusting authority: String? = "ca", environment: [String: String] = [:]
    ) throws -> Tool.Result {
        try Tool.run(
            ["login", "--server", address] + (authority.map { ["--ca-file", certificates.path($0 + ".pem")] } ?? []),
            home: files.root, environment: environment)
    }

    private func server(_ pair: Certificates.Pair) throws -> TestServer {
        let server = try TestServer(pair)
        try server.set("approved")
        return server
    }

    @Test("A trusted certificate for the name, by option or environment; a run goes through it")
    func trusted() throws {
        let server = try server(try certificates.server("DNS:localhost,IP:127.0.0.1"))
        for host in ["localhost", "127.0.0.1"] {
            let result = try login("https://\(host):\(server.port)")
            #expect(result.status == 0, "\(result.errors)")
        }
        let authority = ["PIPEMASON_CA_FILE": certificates.path("ca.pem")]
        let address = "https://localhost:\(server.port)"
        let who = try Tool.run(["whoami", "--server", address], home: files.root, environment: authority)
        #expect(who.status == 0, "\(who.errors)")
        let run = try Tool.run(
            ["run", "--", "echo", "hello"], home: files.root, directory: files.root,
            environment: authority.merging(["PIPEMASON_SERVER": address]) { $1 })
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        let sent = try server.requests().filter { $0.path.hasSuffix("/events") }
        #expect(!sent.isEmpty)
    }

    @Test("A certificate that is not good is told, and no request is made")
    func refused() throws {
        let cases: [(Certificates.Pair, authority: String?, part: String)] = [
            (try certificates.server("DNS:localhost"), nil, "not trusted"),
            (try certificates.server("DNS:localhost"), "other-ca", "not trusted"),
            (try certificates.server("DNS:localhost", by: "other-ca"), "ca", "not trusted"),
            (try certificates.server("DNS:localhost", days: 1), "ca", "it has expired"),
            (try certificates.server("DNS:example.test"), "ca", "for another name"),
        ]
        for (pair, authority, part) in cases {
            let server = try server(pair)
            let result = try login("https://localhost:\(server.port)", trusting: authority)
            #expect(result.status == 3 && result.errors.contains(part), "\(part): \(result.errors)")
            #expect(try server.requests().isEmpty)
        }
        // A name is no address, and the other way round.
        let named = try server(try certificates.server("DNS:localhost"))
        #expect(try login("https://127.0.0.1:\(named.port)").errors.contains("for another name"))
        #expect(try named.requests().isEmpty)
        #expect(!FileManager.default.fileExists(atPath: files.root + "/.pipemason/credentials.json"))
    }

    @Test("What does not speak TLS, or an old version only, is told")
    func versions() throws {
        let plain = try TestServer()
        let result = try login("https://localhost:\(plain.port)")
        #expect(result.status == 3 && result.errors.contains("does not speak TLS 1.2 or later"), "\(result.errors)")
        #expect(try plain.requests().isEmpty)
        let pair = try certificates.server("DNS:localhost")
        let server = try server(pair)
        for version in ["TLSv1_2", "TLSv1_3"] {
            server.kill()
            try server.set("tls", version)
            try server.start()
            let result = try login("https://localhost:\(server.port)")
            #expect(result.status == 0, "\(version): \(result.errors)")
        }
        let port = try Proxy.freePort()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = [
            "s_server", "-accept", "127.0.0.1:\(port)", "-cert", pair.certificate, "-key", pair.key, "-tls1_1",
            "-cipher",
            "ALL:@SECLEVEL=0",
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = Pipe()
        try process.run()
        defer {
            kill(process.processIdentifier, SIGKILL)
            process.waitForEnd()
        }
        var old = try login("https://localhost:\(port)")
        for _ in 0..<100 where old.errors.contains("nobody answers") {
            usleep(50_000)
            old = try login("https://localhost:\(port)")
        }
        #expect(old.status == 3 && old.errors.contains("does not speak TLS 1.2 or later"), "\(old.errors)")
    }

    @Test("A file of certificates that is none is told before anything is started")
    func authorityFiles() throws {
        let server = try server(try certificates.server("DNS:localhost"))
        let address = "https://localhost:\(server.port)"
        let missing = try Tool.run(["login", "--server", address, "--ca-file", "/nonexistent"], home: files.root)
        #expect(missing.status == 2 && missing.errors.contains("/nonexistent: No such file"))
        let wrong = try Tool.run(
            ["login", "--server", address, "--ca-file", certificates.path("ca.key")], home: files.root)
        #expect(wrong.status == 2 && wrong.errors.contains("holds no certificate"))
        #expect(try server.requests().isEmpty)
    }

    @Test("A proxy is used for a server, sees its name alone, and not where NO_PROXY says so")
    func proxies() throws {
        let server = try server(try certificates.server("DNS:localhost"))
        let address = "https://localhost:\(server.port)"
        let proxy = try Proxy(certificates)
        for name in ["HTTPS_PROXY", "https_proxy"] {
            let result = try login(address, environment: [name: "http://127.0.0.1:\(proxy.port)"])
            #expect(result.status == 0, "\(result.errors)")
        }
        let asked = proxy.log.components(separatedBy: "CONNECT localhost:\(server.port)").count - 1
        #expect(asked >= 2, "\(proxy.log)")
        let token = try String(contentsOfFile: server.directory + "/token", encoding: .utf8).prefix(53)
        #expect(!proxy.log.contains("/oauth/") && !proxy.log.contains(token))
        // Past it: for this server, for all, and never for plain HTTP, which is this machine itself.
        for list in ["localhost", "example.test, .localhost", "*"] {
            let environment = ["HTTPS_PROXY": "http://127.0.0.1:\(proxy.port)", "NO_PROXY": list]
            #expect(try login(address, environment: environment).status == 0)
        }
        let plain = try TestServer()
        try plain.set("approved")
        #expect(try login(plain.address, environment: ["HTTPS_PROXY": "http://127.0.0.1:\(proxy.port)"]).status == 0)
        #expect(proxy.log.components(separatedBy: "CONNECT localhost:\(server.port)").count - 1 == asked)
    }

    @Test("A proxy that wants credentials, refuses, or is not there")
    func proxyTrouble() throws {
        let server = try server(try certificates.server("DNS:localhost"))
        let address = "https://localhost:\(server.port)"
        let word = "pass" + "-8%2E1"
        let guarded = try Proxy(certificates, more: "BasicAuth user pass-8.1")
        let good = try login(address, environment: ["HTTPS_PROXY": "http://user:\(word)@127.0.0.1:\(guarded.port)"])
        #expect(good.status == 0, "\(good.errors)")
        let only443 = try Proxy(certificates, more: "ConnectPort 443")
        let before = try server.requests().count
        for text in [
            "http://127.0.0.1:\(guarded.port)", "http://user:wro" + "ng@127.0.0.1:\(guarded.port)",
            "127.0.0.1:\(only443.port)", "http://127.0.0.1:\(try Proxy.freePort())",
        ] {
            let result = try login(address, environment: ["HTTPS_PROXY": text])
            #expect(
                result.status == 3 && result.errors.contains("the proxy that HTTPS_PROXY names"), "\(result.errors)")
        }
        for text in ["https://127.0.0.1:1", "socks5://127.0.0.1:1", "http://user:\(word)" + "@:1", "http://a:0"] {
            let result = try login(address, environment: ["HTTPS_PROXY": text])
            #expect(result.status == 2 && result.errors.contains("HTTPS_PROXY: a proxy"), "\(result.errors)")
            #expect(!result.errors.contains(word))
        }
        #expect(try server.requests().count == before)
    }

    @Test("Plain HTTP is for this machine alone, whoever asks the link")
    func plain() throws {
        for (origin, isPermitted) in [
            ("http://localhost", true), ("http://127.0.0.1:80", true), ("http://[::1]:8080", true),
            ("https://example.test", true), ("http://example.test", false), ("http://localhost.example.test", false),
            ("http://127.0.0.1.example.test", false), ("http://127.0.0.1@example.test", false),
            ("ftp://localhost", false),
        ] { #expect(LinkConfiguration(origin: origin).isPermitted == isPermitted, "\(origin)") }
        let program = try #require(Programs.pipemason) + "-link"
        let link = try LinkProcess(program: program, LinkConfiguration(origin: "http://192.0.2.1"))
        link.send(ControlPlane.whoAmI, id: 1)
        guard case .ended = link.wait(milliseconds: 20_000) else {
            Issue.record("the link takes it")
            return
        }
    }

    @Test("Addresses of proxies")
    func addresses() throws {
        for (text, host, port) in [
            ("http://proxy.test:3128", "proxy.test", 3128), ("proxy.test:1", "proxy.test", 1),
            ("HTTP://proxy.test/", "proxy.test", 80), ("http://[::1]:8", "::1", 8), ("http://u:p" + "@a:9", "a", 9),
        ] {
            let address = try ProxyAddress(parsing: text)
            #expect(address.host == host && address.port == port)
        }
        #expect(try ProxyAddress(parsing: "http://u%40x:p%3Aq" + "@a").credentials! == ("u@x", "p:q"))
        for text in [
            "", "http://", "https://a", "socks5://a", "a:0", "a:65536", "a b", "http://u:%0d" + "@a", "[::1", "a/b",
        ] {
            #expect(throws: LinkError.self, "\(text)") { try ProxyAddress(parsing: text) }
        }
        for (host, list, isExcepted) in [
            ("a.test", "a.test", true), ("b.a.test", "a.test", true), ("b.a.test", ".a.test", true),
            ("ba.test", "a.test", false), ("a.test", "", false), ("a.test", "*", true),
            ("A.TEST", "x,a.test:443", true),
            ("[::1]", "::1", true), ("127.0.0.1", "localhost,127.0.0.1", true), ("a.test", "b.a.test", false),
        ] { #expect(ProxyAddress.isExcepted(host, by: list) == isExcepted, "\(host) \(list)") }
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("http://u:p" + "@[::1]%4a*.,9\u{e9}")
        for _ in 0..<2000 {
            let text = String((0..<Int.random(in: 0..<24, using: &generator)).map { _ in alphabet.randomElement()! })
            _ = try? ProxyAddress(parsing: text)
            _ = ProxyAddress.isExcepted(text, by: text)
        }
    }
}
