internal import Glibc

/// Text for standard output, from commands that print once.
package enum StandardOutput {
    /// Prints text, with a newline if it has none, and throws if that fails.
    package static func print(_ text: String) throws(Failure) {
        // A closed descriptor is /dev/null by now, which would hide that nothing arrived.
        let writer = ByteWriter(STDOUT_FILENO, name: "standard output")
        writer.write(text.hasSuffix("\n") ? text : text + "\n")
        writer.flush()
        try writer.check()
    }
}
