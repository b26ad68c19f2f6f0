import RedactionFuzz
import Testing

@testable import RedactionKit

/// A byte is held back only while it may still turn out to be inside a secret.
@Suite("Promptness")
struct PromptTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        /// What is written one after the other; each must be out before the next is written.
        let writes: [String]
        var testDescription: String { name }

        init(_ name: String, _ writes: String...) {
            self.name = name
            self.writes = writes.map(\.joined)
        }
    }

    static let cases = [
        Case("password prompt", "Password: ", "\n", "Password: "),
        Case("password prompt for a user", "[sudo] password for jane: "),
        Case("login prompt", "build-7 login: ", "\nPassword: "),
        Case("question", "Continue? [y/N] ", "y\n"),
        Case("question without a blank", "Continue? [y/N]", "\n", "Overwrite (yes/no)?", "\n"),
        Case("shell prompt", "$ ", "ls\n", "# ", "> ", ">>> "),
        Case("prompt of a remote shell", "jane:~/src$ "),
        Case("coloured prompt", "\u{1b}[1;32m➜\u{1b}[0m  ", "\u{1b}[01;34m~/src\u{1b}[00m$ "),
        Case("coloured password prompt", "\u{1b}[1mPass<cut>word:\u{1b}[0m "),
        Case("dots", "...", ".", ".", ".", ".", " done\n"),
        Case("dots after a word", "Downloading ", ".", ".", ".", "\n"),
        Case("progress frames", "\r  0%", "\r 45%", "\r 99.5%", "\r100%\n"),
        Case("progress bar", "\r[##        ]", "\r[####      ]", "\r[######    ]"),
        // `-` is held: it may begin `-----BEGIN`.
        Case("spinner", "\r|", "\r/", "\r-\r", "\r\\\r", "\r| "),
        Case("lines", "first line\n", "second line\r\n", "\n", "third: x=1\n"),
        Case("line with a name and no value", "password:\n", "api_key=\n", "Authorization:\n", "token \n"),
        Case("line with a password", "password=<cut>hunter2z9\n", "next\n"),
        Case("line with a token", "using gh" + "p_q3vgy3iyzcAcaoFRo6RfNKImHfZLMe0H0H36\n"),
        Case("line with an address", "mail from quinn<cut>@example.net\n", "done\n"),
        Case("line with a URL", "GET https://example.net/a?b=c\n", "https://u:<cut>p4ssw0rd<cut>@example.net/\n"),
        Case(
            "certificate", "-----BEGIN CERTIFICATE-----\n",
            "MIIBszCCAVmgAwIBAgIUQ2yU1iO4pA7sD0fG3hJ6kL9zX2cwCgYIKoZIzj0EAwIw\n"),
        Case("rule of dashes", "----------------\n", "======\n", "------ \n"),
        Case("bell and title", "\u{7}", "\u{1b}]0;title\u{7}", "text "),
        Case("binary", "\u{1}\u{2}\u{3} ", "\u{fffd} "),
    ]

    @Test(arguments: cases)
    func `is out before the next byte goes in`(prompt: Case) {
        var stream = Shared.standard.makeStream()
        var sink = Collector()
        var written: [UInt8] = []
        for text in prompt.writes {
            written += Array(text.utf8)
            stream.write(text, to: &sink)
            let expected = Shared.standard.redact(written)
            #expect(sink.bytes == expected, "after \(show(Array(text.utf8))): \(show(sink.bytes)) of \(show(expected))")
        }
        stream.finish(to: &sink)
        #expect(sink.bytes == Shared.standard.redact(written))
    }

    /// With many values to look for, what cannot begin one still leaves at once.
    @Test func `known values hold nothing else back`() throws {
        var options = RedactorOptions()
        options.knownValues = [try KnownValue(name: "A", value: Array("zq81-x9".utf8))]
        let redactor = try Redactor(options)
        for text in ["Password: ", "$ ", "[y/N] ", "line\n", "... "] {
            var stream = redactor.makeStream()
            var sink = Collector()
            stream.write(text, to: &sink)
            #expect(sink.bytes == Array(text.utf8))
        }
        var stream = redactor.makeStream()
        var sink = Collector()
        stream.write("a zq81", to: &sink)
        #expect(sink.bytes == Array("a ".utf8))
        stream.write("! ", to: &sink)
        #expect(sink.bytes == Array("a zq81! ".utf8))
    }

    @Test func `lines of the logs leave when they end`() {
        for log in Repository.logs where !log.name.hasPrefix("cloud") {
            var stream = Shared.standard.makeStream()
            var sink = Collector()
            var late = 0
            var lines = 0
            for line in log.input.prefix(20_000).split(separator: 0x0a, omittingEmptySubsequences: false).dropLast() {
                stream.write(line, to: &sink)
                stream.write("\n", to: &sink)
                lines += 1
                // A line of key material waits for the next, and prints nothing.
                if sink.bytes.last != 0x0a, sink.findings.last?.ruleID != "private-key" { late += 1 }
            }
            #expect(late == 0, "\(log.name): \(late) of \(lines) lines were held")
        }
    }
}
