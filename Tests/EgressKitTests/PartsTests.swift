import Foundation
import LinkProtocol
import RunModel
import SealingKit
import Testing

@testable import EgressKit

@Suite("Waiting")
struct WaitingTests {
    struct Fixed: RandomNumberGenerator {
        var value: UInt64
        mutating func next() -> UInt64 { value }
    }

    @Test("Failures double the wait up to five minutes; half of it is chance")
    func backoff() {
        var lowest = Backoff()
        var any = Backoff()
        // Zero itself is drawn again for ever by an even choice.
        var zero = Fixed(value: 1)
        var generator = SystemRandomNumberGenerator()
        var whole = 1000
        for _ in 0..<30 {
            #expect(lowest.next(retryAfter: nil, using: &zero) == whole / 2)
            #expect((whole / 2...whole).contains(any.next(retryAfter: nil, using: &generator)))
            whole = min(300_000, 2 * whole)
        }
        any.reset()
        #expect((500...1000).contains(any.next(retryAfter: nil, using: &generator)))
        #expect((7000...8000).contains(any.next(retryAfter: 7, using: &generator)))
        #expect((3_600_000...3_601_000).contains(any.next(retryAfter: 999_999, using: &generator)))
        #expect((0...1000).contains(any.next(retryAfter: -5, using: &generator)))
    }

    @Test("Retry-After is a number of seconds or a date")
    func retryAfter() {
        #expect(Backoff.retryAfter("120", now: 0) == 120)
        // The date of RFC 9110, section 5.6.7.
        #expect(Backoff.retryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now: 784_111_777 - 60) == 60)
        #expect(Backoff.retryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now: 784_111_777 + 60) == 0)
        #expect(HTTPDate.seconds("Thu, 29 Feb 2024 00:00:00 GMT") == 1_709_164_800)
        #expect(HTTPDate.seconds("Thu, 01 Jan 1970 00:00:00 GMT") == 0)
        #expect(HTTPDate.seconds("Fri, 31 Dec 1999 23:59:59 GMT") == 946_684_799)
        for text in [nil, "", "-1", "soon", "1.5", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 25:49:37 GMT"] {
            #expect(Backoff.retryAfter(text, now: 0) == nil)
        }
    }

    @Test("Pairing asks at 1.2 times the interval, and more slowly once it is told to")
    func pace() {
        var pace = Pairing.Pace(interval: 5)
        #expect(pace.wait == 6000)
        pace.slowDown()
        #expect(pace.wait == 14_000)
        pace.slowDown()
        #expect(pace.wait == 21_000)
        #expect(Pairing.Pace(interval: 0).wait == 1200)
        #expect(Pairing.Pace(interval: 1_000_000).wait == 360_000)
    }
}

@Suite("Addresses, ledger, answers")
struct PartsTests {
    @Test("Servers are reached by TLS, or on this machine")
    func origins() throws {
        let good = [
            "https://Example.TEST": "https://example.test", "https://example.test:443/": "https://example.test",
            "https://example.test:8443": "https://example.test:8443", "http://127.0.0.1:80": "http://127.0.0.1",
            "http://localhost:8080/": "http://localhost:8080", "http://[::1]:9": "http://[::1]:9",
        ]
        for (text, expected) in good { #expect(try Origin(parsing: text).description == expected) }
        for text in [
            "example.test", "ftp://a", "https://", "https://a/b", "https://user@a", "https://a:0", "https://a:65536",
            "https://a:+1", "http://example.test", "http://127.0.0.1.evil.test", "https://a b", "https://a?x",
            "https://-a",
            "https://[::1", "https://a#", "http://localhost.evil.test",
        ] {
            #expect(throws: EgressError.self) { try Origin(parsing: text) }
        }
    }

    @Test("A line of the ledger comes back as it was; others are refused")
    func ledger() throws {
        let run = RunID.make(at: .now)
        let whole = EgressLedger.Entry(
            time: .now, category: .logs, method: "POST", host: "a:1", path: "/x?y=\"", bytes: 17, digest: .zero,
            run: run,
            sequences: 3...9, body: "{\"a\":\n1}")
        let least = EgressLedger.Entry(
            time: .now, category: .account, method: "GET", host: "a", path: "/", bytes: 0, digest: .zero)
        for entry in [whole, least] {
            let line = Array(entry.text.utf8)
            #expect(try EgressLedger.parse(line.span) == entry)
            for cut in 0..<line.count {
                let part = Array(line[..<cut])
                #expect(throws: EgressError.self) { try EgressLedger.parse(part.span) }
            }
        }
        for (old, new) in [
            ("\"v\":1", "\"v\":2"), ("\"logs\"", "\"source\""), ("\"bytes\":17", "\"bytes\":-1"),
            ("\"first_seq\":3", "\"first_seq\":10"), ("\"method\"", "\"other\""), ("\"run\":\"0", "\"run\":\"x"),
        ] {
            let line = Array(whole.text.replacing(old, with: new).utf8)
            #expect(throws: EgressError.self, "\(new)") { try EgressLedger.parse(line.span) }
        }
    }

    @Test("A ledger that cannot be written stops the request")
    func fullLedger() throws {
        let entry = EgressLedger.Entry(
            time: .now, category: .account, method: "GET", host: "a", path: "/", bytes: 0, digest: .zero)
        #expect(throws: (any Error).self) { try EgressLedger(path: "/dev/full").record(entry) }
        #expect(throws: (any Error).self) { try EgressLedger(path: "/nonexistent/egress.jsonl").record(entry) }
    }

    @Test("Answers: what must be there, what is bounded, what is passed over")
    func answers() throws {
        let head = String(repeating: "ab", count: 32)
        func progress(_ text: String) throws -> ControlPlane.Progress { try ControlPlane.progress(Array(text.utf8)) }
        let answer = try progress(
            #"{"next_seq":5,"head":"\#(head)","flush_ms":1,"commands":[{"type":"cancel"},{"type":"new"}],"receipt":null,"x":[]}"#
        )
        #expect(answer.nextSequence == 5 && answer.commands == [.cancel] && answer.receipt == nil)
        #expect(answer.flushInterval == ControlPlane.Progress.flushIntervals.lowerBound)
        #expect(try progress(#"{"next_seq":1,"head":"\#(head)","flush_ms":99999999}"#).flushInterval == 60_000)
        for text in ["", "[]", "{}", #"{"next_seq":0,"head":"\#(head)"}"#, #"{"next_seq":1,"head":"ab"}"#] {
            #expect(throws: EgressError.self) { _ = try progress(text) }
        }
        let problem = ControlPlane.problem(
            Array(#"{"type":"urn:pipemason:problem:unscrubbed-content","rule":"jwt","seq":9,"title":"no"}"#.utf8))
        #expect(problem.code == "unscrubbed-content" && problem.rule == "jwt" && problem.sequence == 9)
        #expect(ControlPlane.problem([0xFF]).code.isEmpty)
        #expect(ControlPlane.percentEncoded("a b/ä&=.png~") == "a%20b%2F%C3%A4%26%3D.png~")
    }

    /// The signature of the vector, cut: our own scan takes it for a key.
    static let halves = [
        "e969d3502f2ee02233f5490d8dff861a807851e22faef646f31d5c8e1cb98ffc",
        "a409b617709edaef7c58413fbc3c2e70edfa23a56d1cf129ed7e33ee847d1c06",
    ]

    @Test("A receipt counts only with its signature, its key, its run and its line (docs/formats/receipt.md, vector)")
    func receipts() throws {
        let text =
            #"{"v":1,"run":"0190f3c2-7b5e-7c3a-9d10-2f4e5a6b7c8d","seq":17,"head":"\#(String(repeating: "aa", count: 32))","rules":"-","key":"56475aa75463474c","sig":"\#(Self.halves.joined())"}"#
        let bytes = Array(text.utf8)
        let receipt = try Receipt(parsing: bytes.span)
        let key = try #require(
            ReceiptKey(text: "56475aa75463474c 03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"))
        let run = try #require(RunID("0190f3c2-7b5e-7c3a-9d10-2f4e5a6b7c8d"))
        let head = try #require(ChainHash([UInt8](repeating: 0xAA, count: 32)))
        #expect(receipt.isValid(by: key, run: run) { $0 == 17 ? head : nil })
        #expect(!receipt.isValid(by: key, run: run) { _ in .zero })
        #expect(!receipt.isValid(by: key, run: RunID.make(at: .now)) { _ in head })
        let other = try #require(ReceiptKey(text: "56475aa75463474c " + String(repeating: "01", count: 32)))
        #expect(!receipt.isValid(by: other, run: run) { _ in head })
        var forged = receipt
        forged.signature[0] ^= 1
        #expect(!forged.isValid(by: key, run: run) { _ in head })
        #expect(ReceiptKey(text: "a") == nil && ReceiptKey(text: "a 00") == nil && ReceiptKey(text: key.text) == key)
    }

    @Test("Offers and answers of pairing")
    func pairing() throws {
        func offer(_ text: String) throws -> Pairing.Offer { try Pairing.offer(Array(text.utf8)) }
        let good = try offer(
            #"{"device_code":"d","user_code":"BCDF-GHJK","verification_uri":"https://a.test/device","expires_in":9,"interval":2}"#
        )
        #expect(good.userCode == "BCDF-GHJK" && good.lifetime == 10 && good.interval == 2)
        for text in [
            "{}", #"{"device_code":"d","user_code":"a\u001b[2J","verification_uri":"https://a"}"#,
            #"{"device_code":"d","user_code":"a","verification_uri":"javascript:x"}"#,
        ] {
            #expect(throws: EgressError.self) { _ = try offer(text) }
        }
        let words = ["authorization_pending", "slow_down", "expired_token", "access_denied", "server_error"]
        for word in words {
            let answer = try Pairing.answer(status: 400, Array("{\"error\":\"\(word)\"}".utf8)) { _, _ in
                throw EgressError("nothing was granted")
            }
            switch (word, answer) {
            case ("authorization_pending", .pending), ("slow_down", .slowDown): break
            case (_, .refused(let reason)): #expect(!reason.isEmpty)
            default: Issue.record("\(word)")
            }
        }
        #expect(throws: (any Error).self) {
            try Pairing.answer(status: 200, Array(#"{"access_token":"pmr_no"}"#.utf8)) { _, _ in
                throw EgressError("nothing was granted")
            }
        }
    }
}
