internal import JSONText
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

    /// They are read without a branch for each, so each byte is tried in each place.
    @Test func `a digest is read from small digits alone`() {
        let good = [UInt8]("0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210".utf8)
        for place in good.indices {
            for byte in UInt8.min ... .max {
                var digits = good
                digits[place] = byte
                let value = Array("0123456789abcdef".utf8).firstIndex(of: byte)
                let hash = ChainHash(digits: digits.span)
                #expect((hash != nil) == (value != nil))
                guard let hash, let value else { continue }
                let read = place % 2 == 0 ? hash.bytes[place / 2] >> 4 : hash.bytes[place / 2] & 15
                #expect(Int(read) == value)
                #expect(hash.description.utf8.elementsEqual(digits))
            }
        }
    }

    @Test func `a hasher for many lines computes what one for each does`() {
        var hasher = ChainHasher()
        var (one, many) = (ChainHash.zero, ChainHash.zero)
        for count in 0..<300 {
            let line = [UInt8](repeating: UInt8(count & 255), count: count)
            one = ChainHash(after: one, line.span)
            many = hasher.hash(after: many, line.span)
            #expect(one == many)
        }
    }

    /// Eight bytes at once are looked at in a string. So each byte is tried in each place, with one that a borrow would come from before it
    /// and after it.
    @Test func `a string ends where it does when its bytes are read one by one`() {
        for place in 0..<20 {
            for byte in UInt8.min ... .max {
                for around in [
                    UInt8(ascii: " "), UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "]"), 0x7F, 0x80, 0xFF,
                ] {
                    var text = [UInt8](repeating: around, count: 30)
                    text[0] = UInt8(ascii: "\"")
                    text[place + 1] = byte
                    text[29] = UInt8(ascii: "\"")
                    var expected = 1
                    while text[expected] >= 0x20, text[expected] != UInt8(ascii: "\""),
                        text[expected] != UInt8(ascii: "\\")
                    {
                        expected += 1
                    }
                    var reader = JSONReader<Malformed>()
                    let range = try? reader.plainString(text.span)
                    guard text[expected] == UInt8(ascii: "\"") else {
                        #expect(range == nil && reader.offset == expected)
                        continue
                    }
                    #expect(range == 1..<expected && reader.offset == expected + 1)
                    reader = JSONReader()
                    #expect((try? reader.string(text.span)) == String(validating: text[1..<expected], as: UTF8.self))
                    reader = JSONReader()
                    #expect((try? reader.stringBytes(text.span)) == Array(text[1..<expected]))
                    reader = JSONReader()
                    #expect(
                        (try? reader.utf8(text.span))
                            == String(validating: text[1..<expected], as: UTF8.self).map { Array($0.utf8) })
                }
            }
        }
    }

    private struct Malformed: JSONFailure {
        init(jsonOffset offset: Int) {}
    }
}
