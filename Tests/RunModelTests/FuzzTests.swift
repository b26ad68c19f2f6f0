internal import RunFuzz
internal import Testing

/// The fuzzer's entry points on mutated valid input (Fuzz/README.md).
@Suite struct FuzzTests {
    @Test(arguments: RunFuzz.all.map(\.name), [UInt64](1...4))
    func `mutated input keeps every promise`(_ name: String, _ seed: UInt64) throws {
        let target = try #require(RunFuzz.all.first { $0.name == name })
        var generator = Generator(state: seed)
        let lines = try Sample.log()
        let seeds: [[UInt8]] =
            lines.map { name == "resealed-line" ? Array($0.bytes.dropLast(75)) : $0.bytes } + [
                Sample.bytes(Array(lines.prefix(3))),
                Array("[1,-0.5e+7,\"\\ud83d\\ude00\",{\"a\":{}},[],true,null]".utf8),
                Array("\u{0}\u{1F}\u{7F}\u{80}\u{2028}\u{FFFF}\u{10FFFF}\"\\".utf8),
            ]
        for seed in seeds { target.run(seed.span) }
        for _ in 0..<500 {
            var input = seeds.randomElement(using: &generator)!
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<max(1, input.count), using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0 where place < input.count: input[place] = .random(in: 0...255, using: &generator)
                case 1 where place < input.count: input.remove(at: place)
                case 2: input.insert(.random(in: 0...255, using: &generator), at: place)
                default: input += seeds.randomElement(using: &generator)!.prefix(100)
                }
            }
            target.run(input.span)
        }
    }

    /// splitmix64.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }
}
