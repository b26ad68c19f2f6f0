// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: explicit imports, and unsafe constructs are marked where they stand.
let swift: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
]

/// As above, and stored spans' lifetimes are written down: key bytes are lent, not copied.
let lending = swift + [.enableExperimentalFeature("Lifetimes")]

/// Release builds bring the Swift runtime along. The archives are those that the driver forgets behind Foundation's own.
func linkedStatically(_ option: String) -> [LinkerSetting] {
    // The settings of programs reach the test bundle, whose libraries are shared ones only.
    if Context.environment["PIPEMASON_SLOW_TESTS"] != nil { return [] }
    return [
        .unsafeFlags(
            [
                option, "-l_FoundationCShims", "-l_FoundationCollections", "-lCoreFoundation", "-l_FoundationICU",
                "-lswiftSynchronization",
            ],
            .when(platforms: [.linux], configuration: .release))
    ]
}

let package = Package(
    name: "pipemason",
    products: [
        .executable(name: "pipemason", targets: ["pipemason"]),
        .library(name: "RedactionKit", targets: ["RedactionKit"]),
        .library(name: "RedactionLogging", targets: ["RedactionLogging"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        // System libraries: one Swift module imports each.
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),

        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CLzma", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
        .systemLibrary(name: "CBzip2", providers: [.apt(["libbz2-dev"])]),

        // C, where it must be.
        .target(name: "CPrefilter", exclude: ["README.md"], cSettings: [.unsafeFlags(["-O3"])]),
        .target(name: "CBuiltinRules", exclude: ["builtin.rules"]),
        .target(name: "CPlatform"),
        .target(name: "CProcess", dependencies: ["CSeccomp"]),
        .target(name: "CSealing"),

        // The redactor.
        .target(name: "PatternEngine", dependencies: ["CPCRE2"], swiftSettings: swift),
        .target(name: "RedactionRules", dependencies: ["CBuiltinRules", "TextEncodings"], swiftSettings: swift),
        .target(name: "TOMLText", swiftSettings: swift),
        .target(
            name: "RuleFiles", dependencies: ["RedactionRules", "PatternEngine", "TOMLText"], swiftSettings: swift),
        .target(
            name: "RedactionKit",
            dependencies: ["RedactionRules", "PatternEngine", "CPrefilter", "JSONText", "TextEncodings"],
            swiftSettings: swift),
        .target(name: "SecretNames", dependencies: ["RedactionKit"], swiftSettings: swift),
        // Terminal output as text that is safe to show.
        .target(name: "TerminalText", swiftSettings: swift),
        .target(
            name: "RedactionLogging",
            dependencies: ["RedactionKit", .product(name: "Logging", package: "swift-log")],
            swiftSettings: swift),

        .target(name: "JSONText", swiftSettings: swift),
        .target(name: "TextEncodings", swiftSettings: lending),

        // The crypto toolkit.
        .target(name: "OpenSSLEngine", dependencies: ["COpenSSL"], swiftSettings: lending),
        .target(
            name: "SealingKit", dependencies: ["OpenSSLEngine", "CSealing", "JSONText", "TextEncodings"],
            swiftSettings: lending),
        .target(
            name: "SealingCommands",
            dependencies: [
                "SealingKit", "OpenSSLEngine", "JSONText", "TextEncodings",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: lending),
        .target(
            name: "SealingFuzz", dependencies: ["SealingKit", "SealingCommands", "OpenSSLEngine"],
            path: "Fuzz/SealingFuzz", swiftSettings: lending),

        // Runs: what runner and control plane share.
        .target(name: "RunModel", dependencies: ["JSONText", "OpenSSLEngine", "TextEncodings"], swiftSettings: swift),
        .target(
            name: "RunFuzz", dependencies: ["RunModel", "RunPlayback", "JSONText"], path: "Fuzz/RunFuzz",
            swiftSettings: swift),

        .target(name: "CReportAssets", exclude: ["report.css", "report.js"]),
        .target(
            name: "RunPlayback",
            dependencies: ["RunModel", "JSONText", "TextEncodings", "TerminalText", "CReportAssets"],
            swiftSettings: swift),

        // Compressed files.
        .target(name: "Gzip", dependencies: ["CZlib"], swiftSettings: swift),
        .target(name: "Compression", dependencies: ["Gzip", "CZstd", "CLzma", "CBzip2"], swiftSettings: swift),

        // What leaves the machine: the uploader and the way to the link, which has the network.
        .target(name: "LinkProtocol", dependencies: ["JSONText"], swiftSettings: swift),
        .target(name: "ImageCleaning", swiftSettings: swift),
        .target(
            name: "EgressKit",
            dependencies: [
                "CPlatform", "CommandSupport", "Gzip", "ImageCleaning", "JSONText", "LinkProtocol", "OpenSSLEngine",
                "RunFiles",
                "RunModel", "SealingKit", "TextEncodings",
            ],
            swiftSettings: lending),
        .target(
            name: "EgressCommands",
            dependencies: [
                "CommandSupport", "EgressKit", "JSONText", "LinkProtocol", "OpenSSLEngine", "RedactionKit", "RunFiles",
                "RunModel", "SealingKit", "TextEncodings",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: lending),

        // What commands share: files, descriptors, the terminal, messages, options.
        .target(
            name: "CommandSupport",
            dependencies: [
                "RedactionKit", "RedactionRules", "RuleFiles", "CPlatform", "TextEncodings",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift),

        .target(
            name: "PlaybackCommands",
            dependencies: [
                "RunFiles", "RunPlayback", "RunModel", "JSONText", "CommandSupport", "CPlatform",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift),

        // What runs leave on disk.
        .target(
            name: "RunFiles", dependencies: ["CommandSupport", "JSONText", "RedactionKit", "RunModel"],
            swiftSettings: swift),

        // The runner.
        .target(
            name: "RunnerKit",
            dependencies: [
                "CommandSupport", "CProcess", "CPlatform", "JSONText", "RedactionKit", "RunFiles", "RunModel",
            ],
            swiftSettings: swift),

        .target(
            name: "RunnerCommands",
            dependencies: [
                "RunnerKit", "EgressKit", "CommandSupport", "RedactionKit", "RunFiles", "RunModel", "SealingKit",
                "SecretNames",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift),
        // Other programs' logs.
        .target(name: "LogHook", dependencies: ["RedactionKit", "JSONText", "CommandSupport"], swiftSettings: swift),

        // Pipelines.
        .target(name: "Pipelines", dependencies: ["CommandSupport", "RunModel", "TOMLText"], swiftSettings: swift),
        .target(
            name: "PipelineCommands",
            dependencies: [
                "Pipelines", "EgressKit", "RunFiles", "RunnerCommands", "RunnerKit", "RunModel", "RunPlayback",
                "RedactionKit", "SecretNames", "CommandSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift),

        // What people and machines are told of findings.
        .target(
            name: "ScrubReports", dependencies: ["CommandSupport", "JSONText", "RedactionKit", "RedactionRules"],
            swiftSettings: swift),

        .target(
            name: "RedactionFuzz", dependencies: ["RedactionKit", "RedactionRules", "RuleFiles"],
            path: "Fuzz/RedactionFuzz", swiftSettings: swift),
        .target(
            name: "Passkeys", dependencies: ["OpenSSLEngine", "JSONText", "TextEncodings"], swiftSettings: lending),

        // All fuzz entry points, by name.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "RedactionFuzz", "SealingFuzz", "RunFuzz", "RuleFiles", "TerminalText", "ScrubReports", "Compression",
                "CommandSupport", "EgressKit", "JSONText", "LinkProtocol", "LogHook", "Passkeys", "Pipelines",
                "RunFiles",
                "SecretNames",
                "RedactionKit", "RedactionRules",
            ],
            path: "Fuzz/FuzzTargets", swiftSettings: swift),

        // Programs.
        .executableTarget(
            name: "pipemason",
            dependencies: [
                "CommandSupport", "ScrubReports", "Compression", "RedactionKit", "RedactionRules", "RuleFiles",
                "CPlatform", "JSONText", "LogHook",
                "OpenSSLEngine", "EgressCommands", "PlaybackCommands", "PipelineCommands", "RunnerCommands",
                "SealingCommands",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift,
            // One file that starts in milliseconds (see ARCHITECTURE.md, "Start-up").
            linkerSettings: linkedStatically("-static-executable")),
        .executableTarget(name: "rulegen", dependencies: ["RuleFiles", "RedactionRules"], swiftSettings: swift),

        // Tests.
        .testTarget(
            name: "RedactionKitTests",
            dependencies: [
                "RedactionKit", "CPrefilter", "PatternEngine", "RedactionRules", "RuleFiles", "RedactionFuzz",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "RedactionLoggingTests",
            dependencies: ["RedactionLogging", "RedactionKit", .product(name: "Logging", package: "swift-log")],
            swiftSettings: swift),
        .testTarget(
            name: "RuleFilesTests", dependencies: ["RuleFiles", "RedactionRules", "PatternEngine"], swiftSettings: swift
        ),
        .testTarget(name: "TOMLTextTests", dependencies: ["TOMLText"], swiftSettings: swift),
        .testTarget(
            name: "CommandTests",
            dependencies: ["pipemason", "RunModel", "CommandSupport", "ScrubReports", "JSONText"],
            swiftSettings: swift),
        .testTarget(name: "GzipTests", dependencies: ["Gzip"], swiftSettings: swift),
        .testTarget(name: "ImageCleaningTests", dependencies: ["ImageCleaning"], swiftSettings: swift),
        .testTarget(
            name: "EgressKitTests",
            dependencies: [
                "EgressKit", "CommandSupport", "Gzip", "ImageCleaning", "JSONText", "LinkProtocol", "OpenSSLEngine",
                "RunModel", "SealingKit", "TextEncodings",
            ],
            exclude: ["server.py", "joined.py"], swiftSettings: lending),
        .testTarget(name: "CompressionTests", dependencies: ["Compression"], swiftSettings: swift),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "RedactionFuzz"], swiftSettings: swift),
        .testTarget(
            name: "RunnerKitTests",
            dependencies: ["RunnerKit", "CommandSupport", "RedactionKit", "RunFiles", "RunModel"],
            swiftSettings: swift),
        .testTarget(name: "RunModelTests", dependencies: ["RunModel", "RunFuzz", "JSONText"], swiftSettings: swift),
        .testTarget(
            name: "LogHookTests", dependencies: ["LogHook", "RedactionKit", "CommandSupport"], swiftSettings: swift),
        .testTarget(
            name: "PipelinesTests", dependencies: ["Pipelines", "CommandSupport", "RunModel"], swiftSettings: swift),
        .testTarget(name: "SecretNamesTests", dependencies: ["SecretNames", "RedactionKit"], swiftSettings: swift),
        .testTarget(
            name: "TerminalTextTests", dependencies: ["TerminalText"], exclude: ["vectors.json"], swiftSettings: swift),
        .testTarget(
            name: "RunPlaybackTests",
            dependencies: ["RunPlayback", "RunModel", "RunFuzz", "JSONText", "TextEncodings"],
            swiftSettings: swift),
        .target(name: "CSealingTestSupport", path: "Tests/CSealingTestSupport"),
        .testTarget(
            name: "SealingKitTests",
            dependencies: [
                "SealingKit", "SealingCommands", "OpenSSLEngine", "TextEncodings", "SealingFuzz", "CSealingTestSupport",
                "pipemason",
            ],
            swiftSettings: lending),
    ]
)

// The fuzzer is a program without a main function, so it is there only when asked for (Fuzz/README.md).
if Context.environment["PIPEMASON_FUZZ"] != nil {
    package.targets += [
        .target(name: "CLibFuzzer", path: "Fuzz/CLibFuzzer"),
        .executableTarget(
            name: "Fuzz", dependencies: ["FuzzTargets", "CLibFuzzer"], path: "Fuzz/FuzzProgram", swiftSettings: swift),
        .executableTarget(
            name: "redaction-fuzz", dependencies: ["RedactionFuzz"], path: "Fuzz/redaction-fuzz", swiftSettings: swift),
    ]
}

// The network side: the control plane and what it is made of. `PIPEMASON_PARTS=filter` leaves it out, dependencies included,
// so that work on the filter does not wait for them; `PIPEMASON_PARTS=server` leaves out the filter's tests
// (CONTRIBUTING.md).
let parts = Context.environment["PIPEMASON_PARTS"]
if parts == "server" { package.targets.removeAll { $0.type == .test } }
if parts != "filter" {
    package.products.append(.executable(name: "pipemason-link", targets: ["pipemason-link"]))
    package.products.append(.executable(name: "pipemason-server", targets: ["pipemason-server"]))
    package.dependencies += [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ]
    package.targets += [
        // The runner's network side, a program of its own: `pipemason` starts it and never links NIO.
        .executableTarget(
            name: "pipemason-link",
            dependencies: [
                "LinkProtocol", "CPlatform", "CSealing",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: swift,
            linkerSettings: linkedStatically("-static-stdlib")),

        .target(name: "ServerStore", dependencies: ["SealingKit", "TextEncodings"], swiftSettings: lending),
        .target(
            name: "ServerStoreSQLite",
            dependencies: [
                "ServerStore", "SealingKit", "TextEncodings", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: lending),

        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "ServerStorePostgres", dependencies: ["ServerStore", "SealingKit", "CPostgres"],
            swiftSettings: lending),

        // What the server asks of other services goes through here.
        .target(
            name: "OutboundHTTP",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: swift),
        // Artifacts beside the database: a directory, or an S3-compatible store.
        .target(
            name: "BodyStores",
            dependencies: [
                "OpenSSLEngine", "OutboundHTTP", "SealingKit", "ServerStore", "TextEncodings",
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: lending),
        // GitHub, as the control plane talks to it.
        .target(
            name: "GitHubAPI",
            dependencies: [
                "JSONText", "OpenSSLEngine", "OutboundHTTP", "TextEncodings",
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: lending),

        .target(
            name: "ServerKit",
            dependencies: [
                "ServerStore", "GitHubAPI", "Gzip", "Passkeys", "RedactionKit", "SealingKit", "OpenSSLEngine",
                "RunModel",
                "JSONText",
                "TextEncodings",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: lending),
        .target(
            name: "ServerLaunch",
            dependencies: [
                "BodyStores", "ServerKit", "ServerStore", "ServerStorePostgres", "ServerStoreSQLite", "GitHubAPI",
                "SealingKit",
                "OpenSSLEngine", "RedactionKit", "RedactionLogging", "RunModel", "JSONText", "TOMLText",
                "TextEncodings",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: lending),
        .target(name: "CWebAssets", exclude: ["assets"]),
        .target(
            name: "ServerWeb",
            dependencies: [
                "ServerKit", "ServerStore", "GitHubAPI", "CWebAssets", "JSONText", "TerminalText", "RunModel",
                "RunPlayback",
                "OpenSSLEngine", "TextEncodings",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: lending),
        .executableTarget(
            name: "pipemason-server",
            dependencies: [
                "CPlatform", "ServerLaunch", "ServerWeb", "ServerKit", "ServerStore", "ServerStoreSQLite", "SealingKit",
                "SealingCommands",
                "OpenSSLEngine",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: lending, linkerSettings: linkedStatically("-static-stdlib")),

        // One suite for every store; a library, so that each store's tests can call it.
        .target(
            name: "ServerStoreContract", dependencies: ["ServerStore", "SealingKit", "OpenSSLEngine"],
            path: "Tests/ServerStoreContract", swiftSettings: lending),
        .testTarget(
            name: "ServerStoreSQLiteTests",
            dependencies: ["ServerStoreContract", "ServerStoreSQLite", "ServerStore"], swiftSettings: lending),
        // A PostgreSQL server for the tests of a process, gone with it.
        .target(
            name: "PostgresTestSupport", dependencies: ["ServerStorePostgres"], path: "Tests/PostgresTestSupport",
            swiftSettings: lending),
        .testTarget(
            name: "ServerStorePostgresTests",
            dependencies: [
                "PostgresTestSupport", "ServerStoreContract", "ServerStorePostgres", "ServerStore", "SealingKit",
                "OpenSSLEngine",
            ],
            swiftSettings: lending),
        .testTarget(
            name: "PasskeysTests",
            dependencies: [
                "Passkeys", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: swift),
        .target(name: "RawHTTP", path: "Tests/RawHTTP", swiftSettings: lending),
        // Ingest against raw inserts, and many watchers (docs/server.md, "What it costs").
        .executableTarget(
            name: "server-load",
            dependencies: [
                "RawHTTP", "RunModel", "ServerLaunch", "ServerKit", "ServerStore", "ServerStoreSQLite",
                "ServerStorePostgres", "PostgresTestSupport", "CPostgres",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "Benchmarks/ServerLoad", swiftSettings: lending,
            linkerSettings: linkedStatically("-static-stdlib")),
        // An S3-compatible server for the tests of a process, gone with it, and a proxy before it that fails as it is told.
        .target(
            name: "S3TestSupport", dependencies: ["BodyStores", "RawHTTP", "ServerStore"], path: "Tests/S3TestSupport",
            swiftSettings: lending),
        .testTarget(
            name: "BodyStoresTests", dependencies: ["BodyStores", "OpenSSLEngine", "S3TestSupport", "ServerStore"],
            swiftSettings: lending),
        // A GitHub for tests, and a program of it to try things with.
        .target(
            name: "GitHubStandIn",
            dependencies: [
                "JSONText", "OpenSSLEngine", "TextEncodings",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Tests/GitHubStandIn", swiftSettings: lending),
        .executableTarget(
            name: "github-stand-in", dependencies: ["GitHubStandIn", "OpenSSLEngine"], path: "Tests/github-stand-in",
            swiftSettings: lending),
        .testTarget(
            name: "GitHubAPITests", dependencies: ["GitHubAPI", "GitHubStandIn", "OpenSSLEngine"],
            swiftSettings: lending),
        // Fixtures and the tenant matrix, for the tests of the API and of the pages.
        .target(
            name: "ServerTestSupport",
            dependencies: [
                "ServerKit", "ServerStore", "ServerStoreSQLite", "RunModel", "SealingKit", "JSONText", "GitHubAPI",
                "GitHubStandIn", "ServerStorePostgres", "PostgresTestSupport",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/ServerTestSupport", swiftSettings: lending),
        .testTarget(
            name: "ServerKitTests",
            dependencies: [
                "BodyStores", "S3TestSupport", "ServerTestSupport", "ServerKit", "ServerStore", "ServerStoreSQLite",
                "GitHubAPI", "GitHubStandIn",
                "Gzip", "RunModel", "SealingKit", "PostgresTestSupport",
                "OpenSSLEngine", "JSONText", "TextEncodings",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: lending),
        .testTarget(
            name: "ServerWebTests",
            dependencies: [
                "ServerTestSupport", "ServerWeb", "ServerKit", "ServerStore", "GitHubStandIn", "RunModel", "CWebAssets",
                "TerminalText", "TextEncodings",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: lending),
        .testTarget(
            name: "ServerLaunchTests",
            dependencies: [
                "BodyStores", "S3TestSupport", "ServerTestSupport", "GitHubStandIn", "RawHTTP", "ServerLaunch",
                "ServerKit", "ServerStore",
                "RunModel", "SealingKit", "JSONText", "pipemason-server", "pipemason", "pipemason-link",
                "PostgresTestSupport", "ServerStorePostgres", "ServerStoreSQLite",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: lending),
    ]
}
