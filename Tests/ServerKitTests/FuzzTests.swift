internal import Gzip
internal import RunModel
internal import ServerKit
internal import ServerTestSupport
internal import Testing

@Suite struct FuzzServerTests {
    /// Seeds of each kind, with a few bytes changed, cut, doubled or swapped.
    @Test(arguments: [1, 2, 3, 4]) func mutatedInputsDoNotTrap(_ seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let log = try RunLog.make(2)
        let seeds: [[UInt8]] = [
            Array("a=1&b=%20+x&c".utf8), Array(#"{"a":"x","b":[1,{"c":null}]}"#.utf8),
            Array("0190f3c2-7b5e-7c3a-9d10-2f4e5a6b7c8d".utf8), Array(("some.body" + "@" + "example.org").utf8),
            Array("BCDF-GHJK".utf8), Array("10.0.0.0/8".utf8), Array("2001:db8::/33, 192.0.2.7".utf8),
            Array("x=y; __Host-pipemason=pmu_z; a".utf8), [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 1],
            try Gzip.deflate(Array("line\nline\n".utf8)), Array(log.body().readableBytesView),
            Array(
                #"{"v":1,"run":"0190f3c2-7b5e-7c3a-9d10-2f4e5a6b7c8d","seq":1,"head":"","rules":"-","key":"","sig":""}"#
                    .utf8),
        ]
        for _ in 0..<1500 {
            var bytes = seeds[Int(random.next() % UInt64(seeds.count))]
            for _ in 0...random.next() % 4 { mutate(&bytes, &random) }
            fuzzServer(bytes)
        }
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix) {
        guard !bytes.isEmpty else { return bytes.append(UInt8(truncatingIfNeeded: random.next())) }
        let place = Int(random.next() % UInt64(bytes.count))
        switch random.next() % 5 {
        case 0: bytes[place] ^= 1 << UInt8(random.next() % 8)
        case 1: bytes.removeSubrange(place...)
        case 2: bytes.insert(contentsOf: bytes[place...], at: place)
        case 3: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        default: bytes.swapAt(place, Int(random.next() % UInt64(bytes.count)))
        }
    }
}

/// The generator SplitMix64: the same numbers for the same seed.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
