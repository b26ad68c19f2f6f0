internal import Gzip
internal import Testing

@Suite struct GzipTests {
    @Test func roundTrip() throws {
        for count in [0, 1, 65_535, 65_536, 65_537, 300_000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            #expect(try Gzip.inflate(Gzip.deflate(bytes), limit: count) == bytes)
        }
    }

    @Test func membersAreJoined() throws {
        let members = try Gzip.deflate([1, 2]) + Gzip.deflate([]) + Gzip.deflate([3])
        #expect(try Gzip.inflate(members, limit: 3) == [1, 2, 3])
    }

    @Test func bombStopsAtTheLimit() throws {
        let bomb = try Gzip.deflate([UInt8](repeating: 0, count: 8 << 20), level: 9)
        #expect(bomb.count < 9_000)
        #expect(throws: GzipError.tooLarge) { try Gzip.inflate(bomb, limit: 4 << 20) }
    }

    @Test func everyTruncationIsNoticed() throws {
        let whole = try Gzip.deflate(Array("one line\n".utf8))
        for count in 0..<whole.count {
            #expect(throws: GzipError.truncated) { try Gzip.inflate(Array(whole[..<count]), limit: 100) }
        }
    }

    @Test func damageAndTrailingBytesAreRefused() throws {
        let whole = try Gzip.deflate(Array("one line\n".utf8))
        var damaged = whole
        damaged[whole.count - 5] ^= 1
        #expect(throws: GzipError.malformed) { try Gzip.inflate(damaged, limit: 100) }
        #expect(throws: GzipError.self) { try Gzip.inflate(whole + [0x1f], limit: 100) }
        #expect(throws: GzipError.malformed) { try Gzip.inflate(Array("{}\n{}\n".utf8), limit: 100) }
    }
}
