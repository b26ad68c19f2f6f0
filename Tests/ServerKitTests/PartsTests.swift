internal import OpenSSLEngine
internal import RunModel
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing
internal import TextEncodings

@Suite struct RateLimiterTests {
    @Test func burstThenRate() {
        let limiter = RateLimiter()
        let rate = Rate(perSecond: 2, burst: 3)
        let start = ContinuousClock.now
        for _ in 0..<3 { #expect(limiter.take("a", rate, now: start) == nil) }
        #expect(limiter.take("a", rate, now: start) == .milliseconds(500))
        #expect(limiter.take("b", rate, now: start) == nil)
        #expect(limiter.take("a", rate, now: start + .milliseconds(500)) == nil)
        #expect(limiter.take("a", rate, now: start + .milliseconds(500)) == .milliseconds(500))
        // A pause gives back the burst, and no more.
        for _ in 0..<3 { #expect(limiter.take("a", rate, now: start + .seconds(100)) == nil) }
        #expect(limiter.take("a", rate, now: start + .seconds(100)) != nil)
    }
}

@Suite struct AddressRangeTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.0.2.128/25", "192.0.2.127", false),
        ("192.0.2.128/25", "192.0.2.128", true), ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "::1", false),
        ("::1", "::1", true), ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("10.0.0.1", "10.0.0.1", true), ("10.0.0.1", "10.0.0.2", false),
    ]) func contains(_ range: String, _ address: String, _ expected: Bool) throws {
        #expect(try #require(AddressRange(range)).contains(address) == expected)
    }

    @Test(arguments: ["", "10.0.0.0/33", "10.0.0/8", "x", "10.0.0.0/", "10.0.0.0/8/9", "::1/129", "10.0.0.0/-1"])
    func malformed(_ text: String) { #expect(AddressRange(text) == nil) }

    @Test func clientIsTheLastHopThatIsNoProxyOfOurs() {
        let proxies = ["10.0.0.0/8", "127.0.0.1"].compactMap { AddressRange($0) }
        func client(_ peer: String?, _ forwarded: String?) -> String? {
            AddressRange.client(peer: peer, forwarded: forwarded, trusted: proxies)
        }
        #expect(client("203.0.113.5", "198.51.100.1") == "203.0.113.5")
        #expect(client("127.0.0.1", "198.51.100.1") == "198.51.100.1")
        #expect(client("127.0.0.1", "6.6.6.6, 198.51.100.1 , 10.0.0.3") == "198.51.100.1")
        #expect(client("127.0.0.1", nil) == "127.0.0.1")
        #expect(client("127.0.0.1", "nonsense") == "127.0.0.1")
        #expect(client("127.0.0.1", "6.6.6.6, nonsense") == "127.0.0.1")
        #expect(client(nil, "198.51.100.1") == nil)
    }

    @Test func senderOfIPv6IsItsNetwork() {
        #expect(AddressRange.sender("2001:db8::1") == AddressRange.sender("2001:db8::ffff:1"))
        #expect(AddressRange.sender("2001:db8::1") != AddressRange.sender("2001:db8:0:1::1"))
        #expect(AddressRange.sender("192.0.2.1") != AddressRange.sender("192.0.2.2"))
        #expect(AddressRange.sender(nil) == "-")
    }
}

@Suite struct MailAddressTests {
    @Test func onlyPlainAddresses() {
        let at = "@"
        #expect(MailAddress.normalize("A.b+c\(at)Example.ORG") == "a.b+c\(at)example.org")
        #expect(MailAddress.normalize("root\(at)localhost") == "root\(at)localhost")
        for bad in [
            "", at, "a\(at)", "\(at)b.example", "a\(at)b", "a\(at)b..example", "a\(at)-b.example", "-a\(at)b.example",
            "a\(at)b.example\n", "a b\(at)c.example", "\"a\"\(at)b.example", "a\(at)b\(at)c.example",
            "a\(at)[127.0.0.1]",
            "ä\(at)b.example", "a\(at)" + String(repeating: "b", count: 64) + ".example", "<a\(at)b.example>",
            "a,b\(at)c.example",
        ] {
            #expect(MailAddress.normalize(bad) == nil, "\(bad)")
        }
    }
}

@Suite struct FormTests {
    @Test func decodes() throws {
        let form = try #require(Form(parsing: Array("a=1+2&b=%C3%A4%26&c&d=".utf8)))
        #expect(form["a"] == "1 2" && form["b"] == "ä&" && form["c"] == "" && form["d"] == "" && form["e"] == nil)
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=1&a=2", "%ff=1"] {
            #expect(Form(parsing: Array(bad.utf8)) == nil)
        }
    }
}

@Suite struct DocumentTests {
    @Test func membersAreAskedForByNameAndNoneIsLeft() throws {
        var document = try Document(parsing: Array(#"{"a":"x","b":3,"c":null,"d":true}"#.utf8))
        #expect(try document.text("a", limit: 5) == "x")
        #expect(try document.optionalInteger("b", in: 1...3) == 3)
        #expect(try document.optionalText("c", limit: 5) == nil)
        #expect(try document.bool("d"))
        try document.finish()
        var other = try Document(parsing: Array(#"{"a":"xxxxxx","b":4,"e":"\u0007"}"#.utf8))
        #expect(throws: Problem.self) { try other.text("a", limit: 5) }
        #expect(throws: Problem.self) { try other.optionalInteger("b", in: 1...3) }
        #expect(throws: Problem.self) { try other.text("e", limit: 5) }
        #expect(throws: Problem.self) { try other.bool("z") }
        for bad in ["[]", "{", #"{"a":1,"a":2}"#, "{}x", "\"x\"", String(repeating: "[", count: 10_000)] {
            #expect(throws: Problem.self) { try Document(parsing: Array(bad.utf8)) }
        }
        try Document(parsing: []).finish()
    }
}

@Suite struct ReceiptTests {
    /// docs/formats/receipt.md, "Vector".
    @Test func vector() throws {
        let secret = try Secret(copying: Array(UInt8(0)..<32).span)
        let publicKey = try Ed25519.publicKey(of: secret)
        #expect(Hex.encode(publicKey.span) == "03a107bff3ce10be1d70dd18e74bc099" + "67e4d6309ba50d5f1ddc8664125531b8")
        let key = String(ChainHash(of: publicKey.span).description.prefix(16))
        #expect(key == "56475aa75463474c")
        var receipt = Receipt(
            run: "0190f3c2-7b5e-7c3a-9d10-2f4e5a6b7c8d", sequence: 17,
            head: try #require(ChainHash([UInt8](repeating: 0xaa, count: 32))), rules: nil, key: key, signature: [])
        receipt.signature = try Ed25519.sign(receipt.signedBytes.span, with: secret)
        #expect(
            Hex.encode(receipt.signature.span) == "e969d3502f2ee02233f5490d8dff861a807851e22faef646f31d5c8e1cb98ffc"
                + "a409b617709edaef7c58413fbc3c2e70edfa23a56d1cf129ed7e33ee847d1c06")
        let body = Array(receipt.json.utf8)
        #expect(try Receipt(parsing: body.span) == receipt)
        for offset in body.indices {
            var changed = body
            changed[offset] ^= 1
            guard let other = try? Receipt(parsing: changed.span) else { continue }
            // Whatever can be read is either the same receipt or one whose signature is not right.
            let isRight = try Ed25519.verify(other.signature.span, of: other.signedBytes.span, by: publicKey.span)
            #expect(other == receipt || !isRight, "byte \(offset)")
        }
    }
}

@Suite struct IdentifierTests {
    @Test func idsOfAMillisecondSortAsTheyWereMade() {
        // A time that no other test uses: the counter is the process's.
        let time = StoreTime(milliseconds: 1_234_567_890_123)
        let ids = (0..<5000).map { _ in StoreRunID.new(at: time) }
        #expect(ids == ids.sorted() && Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0.isVersion7 })
        // The random part is no counter.
        #expect(Set(ids.map { $0.bytes[15] }).count > 200)
        #expect(ids[4999] < StoreRunID.new(at: StoreTime(milliseconds: 1_234_567_890_124)))
    }

    @Test func onlyTheCanonicalForm() throws {
        let text = "0190f3c2-7b5e-7c3a-9d10-2f4e5a6b7c8d"
        let id = try #require(StoreRunID(text))
        #expect(id.description == text && id.isVersion7 && StoreRunID(bytes: id.bytes) == id)
        for bad in [
            "", text.uppercased(), String(text.dropLast()), text + "0", text.filter { $0 != "-" }, "{\(text)}",
            " " + text,
        ] {
            #expect(StoreRunID(bad) == nil)
        }
        #expect(StoreRunID("0190f3c2-7b5e-4c3a-9d10-2f4e5a6b7c8d")?.isVersion7 == false)
        let first = StoreRunID.new(at: StoreTime(milliseconds: 1000))
        #expect(first.isVersion7 && first < StoreRunID.new(at: StoreTime(milliseconds: 1001)))
    }
}
