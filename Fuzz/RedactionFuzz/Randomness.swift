/// A small generator with a seed, so that a failure can be repeated (Steele, Lea, Flood: SplitMix64).
///
/// With a tape, each decision is shifted by one byte of it: a fuzzer that changes a byte changes one decision.
package struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    private var tape: ArraySlice<UInt8> = []
    package init(seed: UInt64) { state = seed }

    package init(tape: [UInt8]) {
        self.init(seed: 0)
        self.tape = tape[...]
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        // Added, so that a tape of zeros is as good as any.
        return (z ^ (z >> 31)) &+ UInt64(tape.popFirst() ?? 0)
    }

    package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    package mutating func chance(_ oneIn: Int = 2) -> Bool { below(oneIn) == 0 }
    package mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }
    package mutating func bytes(_ count: Int, of alphabet: [UInt8]) -> [UInt8] {
        (0..<count).map { _ in pick(alphabet) }
    }
    package mutating func base62(_ count: Int) -> String {
        String(decoding: bytes(count, of: Array(Self.digits.utf8)), as: UTF8.self)
    }
    private static let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
}
