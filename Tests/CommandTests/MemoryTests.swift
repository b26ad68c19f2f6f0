internal import Glibc
internal import Testing

/// Memory does not grow with the input, the line or the stream: at most 32 MiB are resident, whatever comes.
///
/// `make test` runs this on 256 MiB; `make test-large` (`PIPEMASON_LARGE=1`) on 1 GiB, and on 10 GiB of log. The debug
/// build is too slow for either.
@Suite(.serialized, .enabled(if: Child.isRelease)) struct MemoryTests {
    enum Input: String, CaseIterable, CustomTestStringConvertible {
        case log = "log lines"
        case line = "one line without end"
        case random = "random bytes"
        case opened = "a private key that never ends"

        var testDescription: String { rawValue }

        /// Bytes of the whole stream.
        var size: Int {
            guard getenv("PIPEMASON_LARGE") != nil else { return 256 << 20 }
            return self == .log ? 10 << 30 : 1 << 30
        }

        /// About a megabyte that is sent again and again.
        func block(_ generator: inout Generator) -> [UInt8] {
            switch self {
            case .log:
                return (0..<16_000).flatMap { Array(Samples.line($0).utf8) } + Array("a \(Samples.token)\n".utf8)
            case .line:
                return (0..<16_000).flatMap { Array(Samples.line($0).utf8.dropLast()) }
            case .random:
                return (0..<1 << 20).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 32) }
            case .opened:
                let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
                return (0..<1 << 20).map { index in
                    index % 65 == 64 ? 10 : alphabet[Int(generator.next() >> 32 & 63)]
                }
            }
        }
    }

    /// Reproducible random numbers (Knuth's linear congruential generator for 64 bits).
    struct Generator {
        var state: UInt64 = 20_260_304

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state
        }
    }

    @Test(arguments: Input.allCases)
    func `memory stays below 32 MiB`(input: Input) throws {
        var generator = Generator()
        let block = input.block(&generator)
        let child = try Child(["scrub"])
        child.keepsOutput = false
        if input == .opened { child.write("-----BEGIN OPENSSH " + "PRIVATE KEY-----\n") }
        let start = Child.now
        var sent = 0
        while sent < input.size {
            child.write(block)
            sent += block.count
        }
        let seconds = Child.now - start
        // The last block may still be under way; memory is at its height long before.
        let peak = child.peakMemory
        let result = child.finish()
        #expect(result.status == 0)
        #expect(peak > 0)
        #expect(peak <= 32 << 10, "\(peak) KiB at the peak")
        print("\(input.rawValue): \(sent >> 20) MiB, peak \(peak) KiB, \(Int(Double(sent) / seconds / 1e6)) MB/s")
    }
}
