internal import Foundation
internal import ServerKit
internal import ServerLaunch
internal import Testing

@Suite struct MailTests {
    @Test func programGetsMessageAndRecipient() async throws {
        let directory = try ServerProcess.newDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let out = directory.appendingPathComponent("mail").path
        let mailer = CommandMailer(
            command: ["/bin/sh", "-c", "{ echo \"to $2\"; cat; } > \"$1\"", "sh", out],
            from: "server" + "@" + "pipemason.example")
        let to = "somebody" + "@" + "example.org"
        try await mailer.send(Mail(to: to, subject: "Sign in", text: "https://pipemason.example/\nzweite Zeile: ä"))
        let lines = try String(contentsOfFile: out, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines[0] == "to \(to)" && lines[1].hasPrefix("From: server") && lines[2] == "To: \(to)")
        #expect(lines.contains("Subject: Sign in") && lines.contains("zweite Zeile: ä"))
        let blank = try #require(lines.firstIndex(of: ""))
        #expect(
            lines[..<blank].contains { $0.hasPrefix("Message-ID: <") }
                && lines[blank + 1] == "https://pipemason.example/")
    }

    @Test func whatIsNotDeliveredIsAnError() async throws {
        let from = "server" + "@" + "pipemason.example"
        let mail = Mail(to: "a" + "@" + "b.example", subject: "x", text: "y")
        for command in [["/nonexistent/program"], ["/bin/false"], []] {
            await #expect(throws: MailError.self) { try await CommandMailer(command: command, from: from).send(mail) }
        }
        // Nothing that an option parser or a header would act on gets that far.
        for to in ["-oQ/tmp" + "@" + "b.example", "a" + "@" + "b.example\nBcc: c", ""] {
            await #expect(throws: MailError.self) {
                try await CommandMailer(command: ["/bin/true"], from: from).send(Mail(to: to, subject: "x", text: "y"))
            }
        }
    }
}
