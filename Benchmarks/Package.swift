// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(name: "pipemason", path: ".."),
        // Without its default traits it needs no jemalloc.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "InMemory", dependencies: [.product(name: "RedactionKit", package: "pipemason")], path: "InMemory"),
        .executableTarget(
            name: "RedactionBenchmarks",
            dependencies: [
                .product(name: "RedactionKit", package: "pipemason"), .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "RedactionBenchmarks",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    ]
)
