internal import GitHubAPI
internal import Testing

@Suite struct FuzzGitHubTests {
    /// Seeds of each kind, with bytes changed, cut, doubled or swapped.
    @Test(arguments: [1, 2, 3, 4]) func mutatedInputsDoNotTrap(_ seed: UInt64) {
        var state = seed
        func next() -> UInt64 {
            // SplitMix64 (Steele, Lea, Flood 2014).
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        let seeds = [
            "https://github.com", "https://git.acme.example:8443/", "http://127.0.0.1:80", "acme/tools.git",
            "2026-01-31T10:00:00Z", #"{"token":"abc","expires_at":"2026-01-31T10:00:00Z","repositories":[]}"#,
            #"{"id":1,"full_name":"acme/tools","private":true,"permissions":{"push":true},"default_branch":"main"}"#,
        ]
        for _ in 0..<5000 {
            var bytes = Array(seeds[Int(next() % UInt64(seeds.count))].utf8)
            for _ in 0...next() % 4 {
                guard !bytes.isEmpty else { break }
                let place = Int(next() % UInt64(bytes.count))
                switch next() % 5 {
                case 0: bytes[place] ^= 1 << UInt8(next() % 8)
                case 1: bytes.removeSubrange(place...)
                case 2: bytes.insert(contentsOf: bytes[place...], at: place)
                case 3: bytes.insert(UInt8(truncatingIfNeeded: next()), at: place)
                default: bytes.swapAt(place, Int(next() % UInt64(bytes.count)))
                }
            }
            fuzzGitHub(bytes)
        }
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00Z", 951_825_600), ("2026-11-26T05:00:00Z", 1_795_669_200),
    ])
    func timesAreRead(_ text: String, _ seconds: Int64) throws {
        // The reader is internal; the answer of a token that carries the time shows what it read.
        #expect(readTime(text) == seconds)
    }

    @Test(arguments: ["", "2026-01-31", "2026-01-31T10:00:00+01:00", "2026-13-01T00:00:00Z", "2026-01-31 10:00:00Z"])
    func whatIsNoTimeIsRefused(_ text: String) { #expect(readTime(text) == nil) }
}
