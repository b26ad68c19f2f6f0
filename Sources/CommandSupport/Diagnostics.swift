internal import Glibc
internal import TextEncodings

/// Messages for people, on standard error: "pipemason: …".
package enum Diagnostics {
    /// Prints one message.
    package static func say(_ message: String) {
        write("pipemason: " + printable(message) + "\n")
    }

    /// Prints a warning: the run goes on.
    package static func warn(_ message: String) {
        say("warning: " + message)
    }

    /// Writes text as it is. Failure is ignored: there is nobody left to tell.
    package static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    return
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }

    /// The text with control characters spelled out: file names and rule ids are other people's, and a terminal obeys
    /// escape sequences.
    package static func printable(_ text: String) -> String { Printable.text(text) }

    /// What the system says about an error number.
    package static func reason(_ number: Int32) -> String {
        var text = [CChar](repeating: 0, count: 256)
        // The XSI form: fills the buffer, whatever the number.
        guard strerror_r(number, &text, text.count) == 0 else { return "error \(number)" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
