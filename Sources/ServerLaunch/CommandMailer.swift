internal import Foundation
package import ServerKit

/// Hands mail to a program that is called as `sendmail` is: the message on standard input, the recipient as last argument.
///
/// Submission with STARTTLS, authentication, a queue and retries are what mail programs do well; ours would do them badly. msmtp
/// speaks SMTP to a provider without a queue, postfix and exim with one (docs/server.md, "Mail").
package struct CommandMailer: Mailer {
    private let command: [String]
    private let from: String

    /// How long the program may take.
    package static let timeout: Duration = .seconds(60)

    /// - Parameter command: The program and its arguments.
    package init(command: [String], from: String) {
        self.command = command
        self.from = from
    }

    package func send(_ mail: Mail) async throws {
        // An address was checked to hold nothing that a shell, an option parser or a header would act on.
        guard let program = command.first, let to = MailAddress.normalize(mail.to) else { throw MailError.refused }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = Array(command.dropFirst()) + [to]
        let input = Pipe()
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let message = text(mail, to: to)
        let status = try await withThrowingTaskGroup(of: Int32.self) { group in
            group.addTask {
                try await withCheckedThrowingContinuation { continuation in
                    process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
                    do {
                        try process.run()
                        // A mail is smaller than a pipe, so this does not wait for the program.
                        try? input.fileHandleForWriting.write(contentsOf: Data(message.utf8))
                        try? input.fileHandleForWriting.close()
                    } catch {
                        process.terminationHandler = nil
                        continuation.resume(throwing: MailError.notStarted)
                    }
                }
            }
            group.addTask {
                try await Task.sleep(for: Self.timeout)
                process.terminate()
                throw MailError.timedOut
            }
            defer { group.cancelAll() }
            return try await group.next() ?? -1
        }
        guard status == 0 else { throw MailError.refused }
    }

    private func text(_ mail: Mail, to: String) -> String {
        let headers = [
            "From: \(from)", "To: \(to)", "Subject: \(mail.subject)", "Date: \(Self.date())",
            "Message-ID: <\(UUID().uuidString.lowercased())@\(from.split(separator: "@").last ?? "localhost")>",
            "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit",
            // Answers of robots would only come back to us (RFC 3834).
            "Auto-Submitted: auto-generated",
        ]
        return headers.joined(separator: "\n") + "\n\n" + mail.text + "\n"
    }

    private static func date() -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss '+0000'"
        return formatter.string(from: Date())
    }
}

/// Why a mail was not taken.
package enum MailError: Error, Sendable {
    case notStarted, refused, timedOut
}

/// Takes no mail: links are printed instead.
package struct NoMailer: Mailer {
    package init() {}

    package func send(_ mail: Mail) async throws {}
}
