internal import RunModel
internal import Testing

@Suite struct ValueTests {
    @Test func `times are written and read`() throws {
        for (text, microseconds) in [
            ("1970-01-01T00:00:00.000000Z", 0), ("1969-12-31T23:59:59.999999Z", -1),
            ("2000-02-29T00:00:00.000000Z", 951_782_400_000_000),
            ("2026-01-31T12:34:56.123456Z", 1_769_862_896_123_456),
            ("0000-01-01T00:00:00.000000Z", -62_167_219_200_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ] {
            #expect(Timestamp(text)?.microseconds == microseconds)
            #expect(Timestamp(microseconds: microseconds).description == text)
        }
        for bad in [
            "2025-02-29T00:00:00.000000Z", "2100-02-29T00:00:00.000000Z", "2026-13-01T00:00:00.000000Z",
            "2026-00-01T00:00:00.000000Z", "2026-01-00T00:00:00.000000Z", "2026-01-01T00:00:60.000000Z",
            "2026-01-01T00:60:00.000000Z", "2026-01-01 00:00:00.000000Z", "2026-01-01T00:00:00.00000Z",
            "2026-01-01T00:00:00.000000+", "", "2026-01-01T00:00:00.00000\u{E9}",
        ] { #expect(Timestamp(bad) == nil) }
        #expect(Timestamp(microseconds: .max).description == "9999-12-31T23:59:59.999999Z")
        #expect(Timestamp(microseconds: .min).description == "0000-01-01T00:00:00.000000Z")
    }

    @Test func `every day of four centuries is written and read`() {
        for day in 0..<146_097 {
            let time = Timestamp(microseconds: (day - 40_000) * 86_400_000_000 + 1)
            #expect(Timestamp(time.description) == time)
        }
    }

    @Test func `run ids follow RFC 9562 and sort by time`() throws {
        let id = RunID(time: Sample.time, random: (1, 0x0002_0304_0506_0708))
        #expect(id.description == "019c140c-99fb-7001-8002-030405060708")
        #expect(RunID(id.description) == id)
        #expect(id.time.description == "2026-01-31T12:34:56.123000Z")
        let made = RunID.make(at: Sample.time)
        #expect(RunID(made.description) == made)
        #expect(made != RunID.make(at: Sample.time))
        let later = RunID.make(at: Timestamp(microseconds: Sample.time.microseconds + 1000))
        #expect(made < later)
        #expect(made.description < later.description)
        for bad in [
            "", "019c140c-99fb-7001-8002-03040506070", "019c140c-99fb-7001-c002-030405060708",
            "019c140c99fb-7001-8002-030405060708-", "019c140c-99fb-7001-8002-03040506070g",
        ] { #expect(RunID(bad) == nil) }
    }

    @Test func `digests are 32 bytes in small digits`() {
        #expect(ChainHash(String(repeating: "ab", count: 32)) != nil)
        #expect(ChainHash(String(repeating: "AB", count: 32)) == nil)
        #expect(ChainHash(String(repeating: "ab", count: 31)) == nil)
        #expect(ChainHash([UInt8](repeating: 0, count: 31)) == nil)
    }
}
