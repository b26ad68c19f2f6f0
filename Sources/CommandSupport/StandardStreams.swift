internal import Glibc

/// Standard input, output and error, made safe to use.
///
/// A program can be started with any of the three closed. The next file it opens would then take that number, and
/// output or messages would be written into it. So a closed one is connected to /dev/null here, before anything else
/// is opened, and remembered.
package struct StandardStreams: Sendable {
    private let closed: [Bool]

    package init() {
        closed = (0...2).map { descriptor in
            guard fcntl(Int32(descriptor), F_GETFD) < 0 else { return false }
            _ = open("/dev/null", O_RDWR)
            return true
        }
    }

    package var hasInput: Bool { !closed[0] }
    package var hasOutput: Bool { !closed[1] }
}
