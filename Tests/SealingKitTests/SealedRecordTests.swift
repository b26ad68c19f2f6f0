import OpenSSLEngine
import Testing

@testable import SealingKit

/// The sizes at which something changes: nothing, one byte, around one chunk, around two, and a few chunks.
let interestingSizes = [0, 1, 31, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 100_000]

@Suite("Sealed records")
struct SealedRecordTests {
    @Test("Fields come back, with the documented overhead", arguments: interestingSizes)
    func roundTrip(_ size: Int) throws {
        let key = try testKey()
        let context = try testContext()
        let plaintext = TestBytes.make(size)
        let record = try sealField(plaintext, context: context, key: key)
        #expect(record.count == size + SealedRecord.overhead(size))
        #expect(size >= 16_384 || record.count == size + 85)
        #expect(try openField(record, context: context, keys: key) == plaintext)
        #expect(try SealedRecord.keyID(of: record.span, kind: .field) == key.id)
        // A salt of its own each time.
        let again = try sealField(plaintext, context: context, key: key)
        #expect(again[13..<37] != record[13..<37])
    }

    @Test("A wrapped key has 117 bytes and comes back")
    func wrapping() throws {
        let kek = try testKey(1)
        let key = try SealingKey.generate()
        let context = try testContext(purpose: "file-key")
        let record = try SealedRecord.wrapKey(key, context: context, key: kek)
        #expect(record.count == 117)
        #expect(try SealedRecord.unwrapKey(record.span, context: context, keys: kek).id == key.id)
    }

    @Test("The key id is HKDF-Expand-SHA-512(key, \"pipemason/v1/kid\", 8)")
    func keyID() throws {
        // Computed with PyPI cryptography's HKDFExpand for the key 00 01 … 1f.
        #expect(try testKey().id.description == SealedRecordVectors.keyID)
        #expect(KeyID(hex: SealedRecordVectors.keyID) == (try testKey().id))
    }

    @Test("A record that another implementation made opens (docs/formats/sealed-record.md)")
    func vector() throws {
        let record = unhex(SealedRecordVectors.record)
        let opened = try openField(record, context: testContext(), keys: testKey())
        #expect(opened == Array("synthetic".utf8))
    }

    @Test("Every flipped bit of a record is refused, in the class of the place where it is")
    func bitFlips() throws {
        let key = try testKey()
        let context = try testContext()
        let record = try sealField(TestBytes.make(40), context: context, key: key)
        var refused: [SealingError.Code: Int] = [:]
        for bit in 0..<record.count * 8 {
            var damaged = record
            damaged[bit / 8] ^= 1 << (bit % 8)
            let expected: SealingError.Code =
                switch bit / 8 {
                case 0..<5: .malformed
                case 5..<13: .unknownKey
                case 13..<69: .wrongKeyOrContext
                default: .damagedBody
                }
            let found = try code { _ = try openField(damaged, context: context, keys: key) }
            #expect(found == expected, "bit \(bit)")
            if let found { refused[found, default: 0] += 1 }
        }
        #expect(refused.values.reduce(0, +) == record.count * 8)
        #expect(
            refused == [.malformed: 40, .unknownKey: 64, .wrongKeyOrContext: 56 * 8, .damagedBody: (40 + 16) * 8])
    }

    @Test("Every cut and every addition is refused", arguments: [0, 40, 16_384, 16_390])
    func cuts(_ size: Int) throws {
        let key = try testKey()
        let context = try testContext()
        let record = try sealField(TestBytes.make(size), context: context, key: key)
        // All cuts of a short record; of a long one those around the boundaries.
        let counts = (0..<record.count).filter { count in
            record.count < 200 || count < 100 || record.count - count < 100 || (16_400...16_500).contains(count)
        }
        for count in counts {
            let found = try code {
                _ = try SealedRecord.openField(record.span.extracting(0..<count), context: context, keys: key).count
            }
            #expect(found == (count < 69 ? .malformed : .damagedBody), "cut at \(count)")
        }
        for extra in [1, 15, 16, 17, 16_400] {
            let longer = record + [UInt8](repeating: 0, count: extra)
            let found = try code { _ = try openField(longer, context: context, keys: key) }
            #expect(found == .damagedBody)
        }
        let doubled = record + record
        #expect(
            try code { _ = try openField(doubled, context: context, keys: key) } == .damagedBody)
    }

    @Test("Chunks that are swapped, doubled, dropped or taken from another record are refused")
    func splices() throws {
        let key = try testKey()
        let context = try testContext()
        func chunks(_ record: [UInt8]) -> (head: [UInt8], chunks: [[UInt8]]) {
            let body = Array(record.dropFirst(69))
            return (
                Array(record.prefix(69)),
                stride(from: 0, to: body.count, by: 16_400).map { Array(body[$0..<min($0 + 16_400, body.count)]) }
            )
        }
        let one = chunks(
            try sealField(TestBytes.make(40_000, seed: 1), context: context, key: key))
        let two = chunks(
            try sealField(TestBytes.make(40_000, seed: 2), context: context, key: key))
        let c = one.chunks
        let variants: [[[UInt8]]] = [
            [c[1], c[0], c[2]], [c[0], c[0], c[2]], [c[0], c[2]], [c[1], c[2]], [c[0], c[1]], [c[0], c[1], c[2], c[2]],
            [two.chunks[0], c[1], c[2]], [c[0], two.chunks[1], c[2]], [c[0], c[1], two.chunks[2]], [],
        ]
        for (index, variant) in variants.enumerated() {
            let record = one.head + variant.flatMap { $0 }
            let found = try code { _ = try openField(record, context: context, keys: key) }
            #expect(found == .damagedBody, "variant \(index)")
        }
        // The other record's head on this body.
        let mixed = two.head + c.flatMap { $0 }
        #expect(
            try code { _ = try openField(mixed, context: context, keys: key) } == .damagedBody)
    }

    @Test("A record opens in its own place only")
    func contexts() throws {
        let key = try testKey()
        let context = try testContext()
        let record = try sealField([1, 2, 3], context: context, key: key)
        let others = [
            try testContext(purpose: "oautg"), try testContext(tenant: "org-2"), try testContext(table: "x"),
            try testContext(row: "43"), try testContext(column: "tokens"), try testContext(generation: "2"),
            // The same bytes with the borders elsewhere.
            try testContext(table: "connections4", row: "2"), try testContext(column: "toke", generation: "n1"),
        ]
        for other in others {
            #expect(
                try code { _ = try openField(record, context: other, keys: key) }
                    == .wrongKeyOrContext)
        }
    }

    @Test("Kind and key are the caller's, and one key is tried")
    func keysAndKinds() throws {
        let key = try testKey()
        let other = try testKey(9)
        let context = try testContext()
        let record = try sealField([1], context: context, key: key)
        #expect(try code { _ = try SealedRecord.unwrapKey(record.span, context: context, keys: key) } == .malformed)
        #expect(
            try code { _ = try openField(record, context: context, keys: other) } == .unknownKey)
        // A record whose header names another key: the ring has it, so it is tried, and only it.
        var relabelled = record
        relabelled.replaceSubrange(5..<13, with: other.id.bytes)
        let ring = try KeyFile([.init(key: key, state: .primary), .init(key: other, state: .open)])
        #expect(
            try code { _ = try openField(relabelled, context: context, keys: ring) }
                == .wrongKeyOrContext)
        let revoked = try KeyFile([.init(key: key, state: .revoked), .init(key: other, state: .primary)])
        #expect(
            try code { _ = try openField(record, context: context, keys: revoked) }
                == .unknownKey)
    }

    @Test("Limits come before work")
    func limits() throws {
        let long = String(repeating: "x", count: 256)
        #expect(try code { _ = try testContext(row: long) } == .limitExceeded)
        let almost = String(repeating: "x", count: 255)
        #expect(
            try code { _ = try testContext(tenant: almost, table: almost, row: almost, column: almost) }
                == .limitExceeded)
        #expect(try code { _ = try testContext(purpose: "") } == .malformed)
        let big = [UInt8](repeating: 0, count: SealedRecord.maximumFieldSize + 1)
        #expect(
            try code { _ = try sealField(big, context: testContext(), key: testKey()) }
                == .limitExceeded)
    }

    @Test("The text form is canonical")
    func text() throws {
        let record = try sealField([7], context: testContext(), key: testKey())
        let text = RecordText.encode(record.span)
        #expect(text.hasPrefix("pms1."))
        #expect(try RecordText.decode(Array(text.utf8).span) == record)
        for bad in ["", "pms1", "pms2." + text.dropFirst(5), text + "=", text + "A A"] {
            #expect(try code { _ = try RecordText.decode(Array(bad.utf8).span) } == .malformed)
        }
    }

    @Test("Clients learn nothing from an error; operators learn the class")
    func errors() throws {
        let error = SealingError(.unknownKey, "no key 00 here")
        #expect(error.description == "unknown key id: no key 00 here")
        #expect(SealingError.clientMessage == "the sealed value cannot be opened")
        let classes: [(SealingError.Code, Int32)] = [
            (.wrongKeyOrContext, 3), (.headerMACFailed, 4), (.malformed, 5), (.damagedBody, 6), (.damagedArmor, 7),
            (.unknownKey, 8),
        ]
        for (code, status) in classes { #expect(code.exitStatus == status) }
    }
}

@Suite("Sealed streams")
struct RecordStreamTests {
    @Test("Any cut of the reads gives the same bytes", arguments: interestingSizes + [300_000])
    func chunkInvariance(_ size: Int) throws {
        let key = try testKey()
        let context = try testContext(purpose: "artifact")
        let plaintext = TestBytes.make(size)
        for step in [1, 7, 16_384, 16_399, Int.max] where size < 40_000 || step > 1 {
            var sealed = MemorySink()
            try RecordStream.seal(
                from: MemorySource(plaintext, step: step), to: &sealed, kind: .file, context: context, key: key)
            #expect(sealed.bytes.count == size + SealedRecord.overhead(size))
            var opened = MemorySink()
            try RecordStream.open(
                from: MemorySource(sealed.bytes, step: step), to: &opened, kind: .file, context: context, keys: key)
            #expect(opened.bytes == plaintext)
            // The stream and the record in memory are one format.
            #expect(
                try SealedRecord.open(sealed.bytes.span, kind: .file, context: context, keys: key).array == plaintext)
        }
    }

    @Test("What is released before an error is an authentic beginning")
    func damage() throws {
        let key = try testKey()
        let context = try testContext()
        let plaintext = TestBytes.make(600_000)
        var sealed = MemorySink()
        try RecordStream.seal(from: MemorySource(plaintext), to: &sealed, kind: .file, context: context, key: key)
        for position in [69, 69 + 16_400, 69 + 30 * 16_400, sealed.bytes.count - 1] {
            var damaged = sealed.bytes
            damaged[position] ^= 0x80
            var output = MemorySink()
            #expect(
                try code {
                    try RecordStream.open(
                        from: MemorySource(damaged), to: &output, kind: .file, context: context, keys: key)
                } == .damagedBody)
            #expect(output.bytes.count == (position - 69) / 16_400 * 16_384)
            #expect(output.bytes.elementsEqual(plaintext.prefix(output.bytes.count)))
        }
        for (input, expected): ([UInt8], SealingError.Code) in [
            (Array(sealed.bytes.dropLast(1)), .damagedBody), (sealed.bytes + [0], .damagedBody),
            (Array(sealed.bytes.prefix(69 + 16_400 * 16)), .damagedBody), (Array(sealed.bytes.prefix(68)), .malformed),
            ([], .malformed),
        ] {
            var output = MemorySink()
            #expect(
                try code {
                    try RecordStream.open(
                        from: MemorySource(input), to: &output, kind: .file, context: context, keys: key)
                } == expected)
        }
    }

    @Test("Random access gives what the stream gives", arguments: interestingSizes)
    func randomAccess(_ size: Int) throws {
        let key = try testKey()
        let context = try testContext()
        let plaintext = TestBytes.make(size)
        var sealed = MemorySink()
        try RecordStream.seal(from: MemorySource(plaintext), to: &sealed, kind: .file, context: context, key: key)
        var reader = try SealedFileReader(sealed.bytes, context: context, keys: key)
        #expect(reader.count == size)
        var ranges = [0..<size, 0..<0, size..<size + 10, 0..<1]
        for border in stride(from: 16_384, through: size, by: 16_384) {
            ranges += [max(0, border - 3)..<border, border - 1..<border + 1, border..<border + 5]
        }
        for range in ranges {
            #expect(try reader.read(range).array == Array(plaintext[range.clamped(to: 0..<size)]), "\(range)")
        }
    }

    @Test("Random access notices a cut, and damage where it looks")
    func randomAccessDamage() throws {
        let key = try testKey()
        let context = try testContext()
        var sealed = MemorySink()
        try RecordStream.seal(
            from: MemorySource(TestBytes.make(50_000)), to: &sealed, kind: .file, context: context, key: key)
        for count in [69, 69 + 16_400, 69 + 2 * 16_400, sealed.bytes.count - 1, 69 + 10] {
            let cut = Array(sealed.bytes.prefix(count))
            #expect(try code { _ = try SealedFileReader(cut, context: context, keys: key).count } == .damagedBody)
        }
        var damaged = sealed.bytes
        damaged[69 + 16_400 + 5] ^= 1
        var reader = try SealedFileReader(damaged, context: context, keys: key)
        #expect(try reader.read(0..<100).count == 100)
        var found: SealingError.Code?
        do { _ = try reader.read(16_384..<16_385).count } catch { found = error.code }
        #expect(found == .damagedBody)
    }
}

@Suite("Log segments")
struct LogSegmentTests {
    private let identity = LogIdentity(tenant: "org-1", log: "run-7")

    private func segments(_ sizes: [Int], key: SealingKey) throws -> (plain: [UInt8], segments: [LogSegment]) {
        var sealer = LogSegmentSealer(identity, key: key)
        var plain: [UInt8] = []
        var result: [LogSegment] = []
        for (index, size) in sizes.enumerated() {
            let bytes = TestBytes.make(size, seed: UInt64(index))
            plain += bytes
            result += try sealer.append(bytes.span)
            if let segment = try sealer.cut() { result.append(segment) }
        }
        result.append(try sealer.finish())
        return (plain, result)
    }

    private func open(_ segments: [LogSegment], key: SealingKey) throws -> [UInt8] {
        var opener = LogSegmentOpener(identity, keys: key)
        var result: [UInt8] = []
        for segment in segments { result += try opener.open(segment).array }
        try opener.finish()
        return result
    }

    @Test("A log comes back whole, cut by size and by the caller")
    func roundTrip() throws {
        let key = try testKey()
        let log = try segments([10, 0, 2_500_000, 1], key: key)
        #expect(log.segments.map(\.index) == Array(0..<UInt64(log.segments.count)))
        #expect(log.segments.filter(\.isLast).count == 1 && log.segments.last!.isLast)
        #expect(log.segments.count == 1 + 3 + 1 + 1)
        #expect(try open(log.segments, key: key) == log.plain)
    }

    @Test("Missing, repeated, swapped, moved and relabelled segments are refused")
    func damage() throws {
        let key = try testKey()
        let s = try segments([10, 20, 30], key: key).segments
        func relabel(_ segment: LogSegment, index: UInt64? = nil, isLast: Bool? = nil) -> LogSegment {
            LogSegment(
                index: index ?? segment.index, isLast: isLast ?? segment.isLast, record: segment.record)
        }
        let cases: [([LogSegment], SealingError.Code)] = [
            (Array(s.dropLast()), .damagedBody), (Array(s.dropFirst()), .damagedBody), ([s[0], s[2]], .damagedBody),
            ([s[0], s[0]], .damagedBody), (s + [s[0]], .damagedBody), ([], .damagedBody),
            // Lies about index and flag do not open.
            ([s[0], s[1], relabel(s[2], isLast: true)], .wrongKeyOrContext),
            ([s[0], relabel(s[2], index: 1)], .wrongKeyOrContext),
            ([relabel(s[1], index: 0)], .wrongKeyOrContext),
            ([s[0], s[1], s[2], relabel(s[3], isLast: false)], .wrongKeyOrContext),
        ]
        for (index, (segments, expected)) in cases.enumerated() {
            #expect(try code { _ = try open(segments, key: key) } == expected, "case \(index)")
        }
        var other = LogSegmentOpener(LogIdentity(tenant: "org-1", log: "run-8"), keys: key)
        #expect(try code { _ = try other.open(s[0]).count } == .wrongKeyOrContext)
    }

    @Test("A log goes on after a restart")
    func resume() throws {
        let key = try testKey()
        var first = LogSegmentSealer(identity, key: key)
        _ = try first.append([1].span)
        let head = try #require(try first.cut())
        var second = LogSegmentSealer(identity, key: key, resumingAt: 1)
        _ = try second.append([2].span)
        let tail = try second.finish()
        #expect(try open([head, tail], key: key) == [1, 2])
    }
}
