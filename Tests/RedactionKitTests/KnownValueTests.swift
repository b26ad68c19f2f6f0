import RedactionFuzz
import Testing

@testable import RedactionKit

/// Values that were registered.
@Suite("Known values")
struct KnownValueTests {
    private func redactor(_ values: String..., limits: Limits = Limits()) throws -> Redactor {
        try redactor(values.map { Array($0.utf8) })
    }

    private func redactor(_ values: [[UInt8]]) throws -> Redactor {
        // No other rules, so that only the values count.
        var options = RedactorOptions(ruleSet: .init())
        options.knownValues = try values.enumerated().map { try KnownValue(name: "V\($0.offset)", value: $0.element) }
        return try Redactor(options)
    }

    struct Border: CustomTestStringConvertible, Sendable {
        let values: [String]
        let text: String
        let expected: String
        var testDescription: String { "\(values) in \(text)" }
    }

    /// How maskers that restart on a mismatch leak, and what overlapping values leave behind.
    static let borders = [
        Border(values: ["aabaab"], text: "aaabaab", expected: "a[V0]"),
        Border(values: ["aaaaab"], text: "aaaaaaaaab", expected: "aaaa[V0]"),
        Border(values: ["abcabd"], text: "abcabcabd", expected: "abc[V0]"),
        Border(values: ["abababc"], text: "ababababc", expected: "ab[V0]"),
        Border(values: ["ababab"], text: "xabababababy", expected: "x[V0]y"),
        Border(values: ["ababab"], text: "ababababab", expected: "[V0]"),
        Border(values: ["abcdefgh", "efghijkl"], text: "-abcdefghijkl-", expected: "-[V0]-"),
        Border(values: ["abcdefgh", "bcdefg"], text: "abcdefgX", expected: "a[V1]X"),
        Border(values: ["abcdefgh", "bcdefg"], text: "abcdefgh", expected: "[V0]"),
        Border(values: ["foobarbaz", "barbazqux1", "oobarb"], text: "foobarbazqux1", expected: "[V0]"),
        Border(values: ["longsecret", "secret"], text: "xlongsecrexsecretx", expected: "xlongsecrex[V1]x"),
        Border(values: ["abcdef", "ghijkl"], text: "abcdefghijkl", expected: "[V0][V1]"),
        Border(values: ["abcdef"], text: "abcdefabcdef", expected: "[V0][V0]"),
        Border(values: ["{\"a\":1}"], text: "{\"b\":{\"a\":1}}", expected: "{\"b\":[V0]}"),
    ]

    @Test(arguments: borders)
    func `borders and overlaps`(border: Border) throws {
        let redactor = try redactor(border.values.map { Array($0.utf8) })
        let expected = border.expected.replacing("[V", with: "[REDACTED:known:V")
        #expect(redactor.redact(border.text) == expected)
        let bytes = Array(border.text.utf8)
        #expect(redactor.redactByteByByte(bytes) == Array(expected.utf8))
        for cut in bytes.indices { #expect(redactor.redact(bytes, cutAt: [cut]) == Array(expected.utf8)) }
    }

    /// Values and text of two or three letters find every error of falling back.
    @Test(arguments: 0..<150 as Range<UInt64>)
    func `agrees with the reference on small alphabets`(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let alphabet = Array((random.chance() ? "ab" : random.chance() ? "abc" : "ab \n").utf8)
        var values: [[UInt8]] = []
        while values.count < 1 + Int(seed % 4) {
            let value = random.bytes(6 + random.below(5), of: alphabet)
            if (try? KnownValue(name: "x", value: value)) != nil { values.append(value) }
        }
        let redactor = try redactor(values)
        let reference = ReferenceScanner(redactor)
        // Which of several overlapping values gives the name is not compared.
        func anonymous(_ bytes: [UInt8]) -> [UInt8] {
            (0..<4).reduce(bytes) { $0.replacing(Array("known:V\($1)".utf8), with: Array("known:V".utf8)) }
        }
        for _ in 0..<4 {
            var text = random.bytes(random.below(60), of: alphabet)
            if random.chance() { text += random.pick(values) }
            if random.chance(4) { text = Encoding.base64.apply(text) }
            text += random.bytes(random.below(10), of: alphabet)
            expectAgreement(
                on: text, { anonymous(redactor.redact($0)) }, { anonymous(reference.redact($0)) },
                "values \(values.map { show($0) })")
            expectAgreement(
                on: text, redactor.redactByteByByte, redactor.redact, "values \(values.map { show($0) }), byte by byte")
        }
    }

    /// `echo "$SECRET" | base64`, and all else that may stand around a value in base64.
    @Test(arguments: 6..<20, 0..<3)
    func `base64 at every length and alignment`(length: Int, alignment: Int) throws {
        var random = SplitMix(seed: UInt64(length))
        let value = Array(random.base62(length).utf8)
        let redactor = try redactor([value])
        for encoding in [Encoding.base64, .base64url, .base64Unpadded] {
            for tail in ["", "\n", "ab", "\nand more text"] {
                let text = Array("u: ".utf8.prefix(alignment)) + value + Array(tail.utf8)
                let output = redactor.redact(encoding.apply(text))
                let kept = encoding.apply(value).dropFirst(4).dropLast(4)
                // At least 8 digits must depend on the value alone to be looked for.
                if length * 8 / 6 - 2 >= 8 {
                    #expect(
                        contains(output, Array("[REDACTED:known:V0]".utf8)),
                        "\(encoding), \(show(text)): \(show(output))")
                }
                if alignment == 0, kept.count >= 4, length >= 9 { #expect(!contains(output, Array(kept))) }
            }
        }
    }

    @Test(arguments: [
        Encoding.hexLower, .hexUpper, .percentAll, .jsonUnicode, .hexEscapes, .entities, .entitiesHex, .jsonString,
        .jsonTwice, .utf16LE, .utf16BE,
        .colored, .octal,
    ])
    func `other encodings`(encoding: Encoding) throws {
        let value = "p4ss-Word/\(9)" + "zQx"
        let redactor = try redactor(value)
        let output = redactor.redact(Array("x ".utf8) + encoding.apply(Array(value.utf8)) + Array(" y".utf8))
        #expect(contains(output, Array("[REDACTED:known:V0]".utf8)), "\(show(output))")
    }

    @Test func `a value that needs escapes in JSON`() throws {
        let value = "quote\"back\\slash"
        let redactor = try redactor(value)
        for encoding in [Encoding.jsonString, .jsonTwice] {
            let output = redactor.redact(
                Array("{\"v\":\"".utf8) + encoding.apply(Array(value.utf8)) + Array("\"}".utf8))
            #expect(output == Array("{\"v\":\"[REDACTED:known:V0]\"}".utf8), "\(encoding): \(show(output))")
        }
    }

    @Test func `several lines`() throws {
        let redactor = try redactor("first line here\nsecond line\nx\n")
        #expect(redactor.redact("a first line here\nsecond line\nx b") == "a [REDACTED:known:V0] b")
        #expect(redactor.redact("a first line here\r\nsecond line\r\nx b") == "a [REDACTED:known:V0] b")
        #expect(redactor.redact("a first line here second line x b") == "a [REDACTED:known:V0] b")
        #expect(redactor.redact("a first line here\n    second line\n    x b") == "a [REDACTED:known:V0] b")
        // Lines of at least eight bytes count by themselves.
        #expect(redactor.redact("> second line\n") == "> [REDACTED:known:V0]\n")
        #expect(redactor.redact("> x\n") == "> x\n")
    }

    @Test func `carriage returns in the value`() throws {
        let redactor = try redactor("first line here\r\nsecond line")
        #expect(redactor.redact("first line here\nsecond line") == "[REDACTED:known:V0]")
        #expect(redactor.redact("first line here\r\nsecond line") == "[REDACTED:known:V0]")
    }

    @Test func `a value added while the stream runs`() throws {
        var stream = try Redactor(RedactorOptions(ruleSet: .init())).makeStream()
        var sink = Collector()
        stream.write("before hunter-two-9 ", to: &sink)
        stream.addKnownValue(try KnownValue(name: "LATE", value: Array("hunter-two-9".utf8)))
        stream.write("after hunter-two-9 and hunter-", to: &sink)
        stream.write("two-9 end", to: &sink)
        stream.finish(to: &sink)
        #expect(
            String(decoding: sink.bytes, as: UTF8.self)
                == "before hunter-two-9 after [REDACTED:known:LATE] and [REDACTED:known:LATE] end")
    }

    /// All streams of a redactor begin with the same values, and what one is told stays with it.
    @Test func `a value added to one stream is not known to others`() throws {
        let redactor = try redactor("hunter-one-8")
        var first = redactor.makeStream()
        var second = redactor.makeStream()
        var (told, plain) = (Collector(), Collector())
        first.addKnownValue(try KnownValue(name: "LATE", value: Array("hunter-two-9".utf8)))
        first.write("hunter-one-8 hunter-two-9 .", to: &told)
        second.write("hunter-one-8 hunter-two-9 .", to: &plain)
        first.finish(to: &told)
        second.finish(to: &plain)
        #expect(String(decoding: told.bytes, as: UTF8.self) == "[REDACTED:known:V0] [REDACTED:known:LATE] .")
        #expect(String(decoding: plain.bytes, as: UTF8.self) == "[REDACTED:known:V0] hunter-two-9 .")
        #expect(redactor.redact("hunter-two-9") == "hunter-two-9")
    }

    /// What is held when a value is added is looked at again.
    @Test func `a value added while half of it is held`() throws {
        var stream = Shared.standard.makeStream()
        var sink = Collector()
        stream.write("x hunter-two", to: &sink)
        #expect(sink.bytes == Array("x ".utf8))
        stream.addKnownValue(try KnownValue(name: "LATE", value: Array("hunter-two-9".utf8)))
        stream.write("-9 ", to: &sink)
        stream.finish(to: &sink)
        #expect(String(decoding: sink.bytes, as: UTF8.self) == "x [REDACTED:known:LATE] ")
    }

    @Test(arguments: [
        ("", KnownValueError.Reason.blank), ("  \n\t ", .blank), ("\0\0\0\0\0\0\0\0", .blank), ("abcde", .tooShort),
        ("abcd\n\n", .tooShort),
    ])
    func `refused values are named and never shown`(value: String, reason: KnownValueError.Reason) throws {
        do throws(KnownValueError) {
            _ = try KnownValue(name: "MY_SECRET", value: Array(value.utf8))
            Issue.record("accepted")
        } catch {
            #expect(error.reason == reason)
            #expect(error.name == "MY_SECRET" && error.description.contains("MY_SECRET"))
            if reason == .tooShort { #expect(!error.description.contains(value.prefix(4))) }
        }
        #expect(throws: KnownValueError.self) {
            try KnownValue(name: "L", value: Array(repeating: 0x61, count: KnownValue.maximumLength + 1))
        }
    }

    @Test func `a value never prints itself`() throws {
        let value = try KnownValue(name: "NAME", value: Array("hunter-two-9".utf8))
        #expect("\(value)" == "known value NAME")
        #expect(!String(describing: [value]).contains("hunter"))
    }

    @Test func `names are safe in a placeholder`() throws {
        let value = try KnownValue(name: "a]\"\\ \nb", value: Array("hunter-two-9".utf8))
        #expect(value.name == "ab")
    }
}
