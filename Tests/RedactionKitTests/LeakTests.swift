import Glibc
import RedactionFuzz
import RedactionRules
import Testing

@testable import RedactionKit

/// How other streaming maskers leaked: one test for each way.
@Suite("Ways to leak")
struct LeakTests {
    private let token = "gh" + "p_q3vgy3iyzcAcaoFRo6RfNKImHfZLMe0H0H36"

    /// Redacts with `values` masked and no other rules, whole, byte by byte and at each cut, which must be one.
    private func mask(_ values: String..., in text: String) throws -> String {
        var options = RedactorOptions(ruleSet: .init())
        options.knownValues = try values.enumerated().map {
            try KnownValue(name: "V\($0.offset)", value: Array($0.element.utf8))
        }
        return everyWay(try Redactor(options), text)
    }

    private func everyWay(_ redactor: Redactor, _ text: String) -> String {
        let bytes = Array(text.utf8)
        let whole = redactor.redact(bytes)
        #expect(redactor.redactByteByByte(bytes) == whole)
        for cut in bytes.indices { #expect(redactor.redact(bytes, cutAt: [cut]) == whole, "cut at \(cut)") }
        return String(decoding: whole, as: UTF8.self).replacing("[REDACTED:known:V", with: "[V")
    }

    @Test func `restarting on a mismatch instead of falling back to the longest border`() throws {
        #expect(try mask("aabaac", in: "aaabaac aabaabaac") == "a[V0] aab[V0]")
        #expect(try mask("abcabd", in: "abcabcabd") == "abc[V0]")
    }

    @Test func `a longer value that fails hides a shorter one`() throws {
        #expect(try mask("longsecretvalue", "secret", in: "longsecretvalu!") == "long[V1]valu!")
    }

    @Test func `two values interleave and the output is reordered`() throws {
        #expect(try mask("foobarbaz", "LONGSECRET", in: "foLONGSECRETx foobarLONGSECRETbaz") == "fo[V1]x foobar[V1]baz")
    }

    @Test func `overlapping values leave a tail`() throws {
        #expect(try mask("abcdefgh", "fghijklm", in: "-abcdefghijklm-") == "-[V0]-")
        #expect(try mask("abcdef", "ghijkl", in: "abcdefghijkl") == "[V0][V1]")
    }

    @Test func `a value that does not end its base64`() throws {
        let value = "hunter-two-9!"
        for prefix in ["", "a", "ab", "abc"] {
            for suffix in ["", "\n", "x", "xy", "xyz"] {
                let encoded = String(
                    decoding: encodeBase64(Array((prefix + value + suffix).utf8), "+/", pad: true), as: UTF8.self)
                let output = try mask(value, in: "v \(encoded) .")
                #expect(output.contains("[V0]"), "\(prefix)+\(suffix): \(output)")
                // What is left decodes to less than a third of it.
                #expect(output.utf8.count <= "v [V0] .".utf8.count + 12, "\(prefix)+\(suffix): \(output)")
            }
        }
    }

    @Test func `a timer releases what is held`() {
        // There is none: however often nothing arrives, what may be secret stays.
        var stream = Shared.standard.makeStream()
        var sink = Collector()
        stream.write("using \(token.prefix(30))", to: &sink)
        for _ in 0..<100 { stream.write([][...], to: &sink) }
        #expect(String(decoding: sink.bytes, as: UTF8.self) == "using ")
    }

    @Test func `a line over the limit passes`() {
        // Ten times every limit of the engine, the secret at its beginning, in the middle and at its end.
        let filler = String(repeating: "x1 ", count: 120_000)
        let output = Shared.standard.redact("\(token) \(filler)\(token) \(filler)\(token)")
        #expect(output == "[REDACTED:github-pat] \(filler)[REDACTED:github-pat] \(filler)[REDACTED:github-pat]")
        let word = String(repeating: "x1-", count: 120_000)
        let glued = Shared.standard.redact("\(word)\(token)")
        #expect(!glued.contains(token.suffix(20)))
    }

    @Test func `an escape sequence inside a token prints the rest`() {
        let text = "\(token.prefix(12))\u{1b}[01;31m\u{1b}[K\(token.dropFirst(12))\u{1b}[m\u{1b}[K end"
        #expect(
            everyWay(Shared.standard, text)
                == "[REDACTED:github-pat]\u{1b}[01;31m\u{1b}[K\u{1b}[m\u{1b}[K end")
    }

    @Test func `a structured value masks every brace`() throws {
        let json = "{\n  \"type\": \"account\",\n  \"id\": \"k7Qz41x\"\n}"
        #expect(try mask(json, in: "{ } {\n}\n\(json)\n") == "{ } {\n}\n[V0]\n")
        #expect(try mask(json, in: "  \"id\": \"k7Qz41x\"\n") == "  [V0]\n")
    }

    @Test func `a value of one character masks everything`() {
        #expect(throws: KnownValueError.self) { try KnownValue(name: "PIN", value: Array("7".utf8)) }
    }

    @Test func `several lines are looked for with one kind of line end`() throws {
        let value = "first line of it\nsecond line of it"
        for end in ["\n", "\r\n", "\n\t\t", " ", "\\n"] {
            let text = value.replacing("\n", with: end)
            #expect(try mask(value, in: "<\(text)>") == "<[V0]>", "\(end.debugDescription)")
        }
    }

    @Test func `a short line of a value masks ordinary text`() throws {
        #expect(try mask("a long first line\nyes\nend", in: "yes, the end\n") == "yes, the end\n")
    }

    @Test func `a refused value passes silently, or is echoed`() throws {
        do throws(KnownValueError) {
            _ = try KnownValue(name: "API_PIN", value: Array("74-31".utf8))
            Issue.record("accepted")
        } catch {
            #expect(error.description.contains("API_PIN") && !error.description.contains("74"))
        }
    }

    @Test func `a value that arrives while half of it is held`() throws {
        var stream = Shared.standard.makeStream()
        var sink = Collector()
        stream.write("login hunter-tw", to: &sink)
        stream.addKnownValue(try KnownValue(name: "LATE", value: Array("hunter-two-9".utf8)))
        stream.write("o-9\n", to: &sink)
        #expect(String(decoding: sink.bytes, as: UTF8.self) == "login [REDACTED:known:LATE]\n")
    }

    @Test(arguments: [
        (
            "GET /p?access_token=<cut>Zq3x8Lm2Vb7Rt5&x=1 {\"ok\":true}",
            "GET /p?access_token=[REDACTED:generic-api-key]&x=1 {\"ok\":true}"
        ),
        (
            "{\"u\":\"/p?access_token=<cut>Zq3x8Lm2Vb7Rt5\",\"ok\":true}",
            "{\"u\":\"/p?access_token=[REDACTED:generic-api-key]\",\"ok\":true}"
        ),
        ("token_id= total=123.456", "token_id= total=123.456"), ("token= total=123.456", "token= total=123.456"),
    ])
    func `a value swallows what follows its syntax`(text: String, expected: String) {
        #expect(everyWay(Shared.standard, text.joined) == expected)
    }

    /// Time must grow with the input, not with its square: four times the input may take eight times as long.
    @Test(arguments: [
        "a", "aaaaa ", "eyJ", "A3T", "@", "%41", "\\", "password=", "://a:", "-----BEG" + "IN ", "\"", "a\0", "x@x.",
        "key=val&", "ZXlK",
    ])
    func `long lines take quadratic time`(unit: String) throws {
        var options = RedactorOptions()
        options.knownValues = [try KnownValue(name: "A", value: Array("aaaaaa".utf8))]
        let redactor = try Redactor(options)
        // Of this thread, since the machine has other things to do.
        func processorTime() -> Duration {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        }
        func time(_ count: Int) -> Duration {
            let text = Array(String(repeating: unit, count: count / unit.utf8.count).utf8)
            let start = processorTime()
            _ = redactor.redact(text)
            return processorTime() - start
        }
        let short = time(64 * 1024)
        let long = time(256 * 1024)
        #expect(long < short * 8 + .milliseconds(20), "\(short) for 64 KiB, \(long) for 256 KiB")
    }

    @Test func `matches take memory`() throws {
        // One span for all overlapping occurrences of a value.
        var options = RedactorOptions(ruleSet: .init())
        options.knownValues = [try KnownValue(name: "A", value: Array("aaaaaa".utf8))]
        var stream = try Redactor(options).makeStream()
        var sink = Collector()
        let chunk = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 16)
        for _ in 0..<64 {
            stream.write(chunk[...], to: &sink)
            #expect(stream.bufferCapacity <= 1 << 20)
        }
        stream.finish(to: &sink)
        #expect(sink.findings.count == 1)
    }
}
