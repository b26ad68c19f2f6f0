internal import CommandSupport
internal import Glibc
internal import JSONText
internal import Synchronization

/// The uploader of a run, seen from the process that runs it: a process of its own (`pipemason upload`), which has the
/// credentials and starts the link. The run holds its input open, and hears what it should know.
package final class Uplink: Sendable {
    /// What the run should know.
    package enum Notice: Sendable, Equatable {
        /// Someone at the server wants the run to end.
        case cancel
        /// The server has refused this line by this rule of its own: the lines from there on are to be scrubbed again. The
        /// uploader waits for the answer.
        case scrubAgain(from: Int, rule: String)
        /// For people.
        case message(String)
    }

    /// The process; it is ours and no part of any command.
    package let process: Int32
    private let input: Input
    /// Becomes readable, with an end, when the uploader's last word has been passed on.
    private let ended: Int32

    /// The longest line that the uploader says.
    private static let maximumLine = 4096

    /// Whether this user has credentials for a server.
    package static var isPaired: Bool {
        guard let home = Environment["HOME"] else { return false }
        return access(home + "/.pipemason/credentials.json", F_OK) == 0
    }

    /// Starts the uploader if this machine is paired with a server; nil when it is not, or when it cannot be started, which is
    /// told.
    /// - Parameters:
    ///   - runDirectory: `.pipeline/runs/<id>`.
    ///   - patience: how long it may go on after the run is over, in seconds.
    ///   - notify: called on a thread of its own; the function that comes along answers `scrubAgain`, from any thread.
    package static func start(
        runDirectory: String, patience: Int, notify: @escaping Notify
    ) -> Uplink? {
        guard isPaired else { return nil }
        do throws(Failure) {
            return try Uplink(
                ["upload", "--run-directory", runDirectory, "--wait", String(patience)], notify: notify)
        } catch {
            notify(.message("nothing is sent to the server: \(error.message)")) { _ in }
            return nil
        }
    }

    package typealias Notify = @Sendable (Notice, @escaping @Sendable (_ isDone: Bool) -> Void) -> Void

    /// What the uploader reads: open while the run goes on.
    private final class Input: Sendable {
        private let descriptor: Mutex<Int32>

        init(_ descriptor: Int32) { self.descriptor = Mutex(descriptor) }

        func answer(_ isDone: Bool) {
            var byte = isDone ? RunUpload.doneByte : RunUpload.notDoneByte
            // Never to a number that is somebody else's by now. The uploader may be gone; then nobody waits.
            descriptor.withLock { if $0 >= 0 { _ = write($0, &byte, 1) } }
        }

        func close() {
            descriptor.withLock {
                if $0 >= 0 { _ = Glibc.close($0) }
                $0 = -1
            }
        }
    }

    /// Where to find the credentials and how to reach the server: all that it needs of the environment.
    private static let variables = [
        "HOME", "PIPEMASON_SERVER", "PIPEMASON_CA_FILE", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy",
    ]

    private init(_ arguments: [String], notify: @escaping Notify) throws(Failure) {
        var ending = try PipeEnds()
        let program = try PipedProgram(again: arguments, variables: Self.variables)
        process = program.process
        input = Input(program.input)
        ended = ending.takeReading()
        Self.listen(program.output, end: ending.takeWriting(), input, notify)
    }

    /// Tells the uploader that the run is over, and waits until it has sent the rest or given up.
    package func finish() {
        input.close()
        var byte: UInt8 = 0
        while read(ended, &byte, 1) < 0, errno == EINTR {}
        close(ended)
        // The runner may have collected it already.
        waitpid(process, nil, WNOHANG)
    }

    /// Reads what the uploader says on a thread of its own; closes `end` when that is over.
    private static func listen(_ output: Int32, end: Int32, _ input: Input, _ notify: @escaping Notify) {
        let work = Unmanaged.passRetained(Listener(output, end, input, notify))
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { argument in
                // Owned by this thread: retained before it began.
                Unmanaged<Listener>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, work.toOpaque())
        // Without it, both descriptors are closed, and nobody waits.
        if failure == 0 { pthread_detach(thread) } else { work.release() }
    }

    private final class Listener {
        private let output: Descriptor
        private let end: Descriptor
        private let input: Input
        private let notify: Notify

        init(_ output: Int32, _ end: Int32, _ input: Input, _ notify: @escaping Notify) {
            self.output = Descriptor(output)
            self.end = Descriptor(end)
            self.input = input
            self.notify = notify
        }

        func run() {
            if !hear() {
                notify(.message("the upload has ended early; pipemason egress push sends the rest")) { _ in }
            }
        }

        /// Passes on what the uploader says; whether that came to an end.
        private func hear() -> Bool {
            var hasEnded = false
            var pending: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(output.number, &chunk, chunk.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0, pending.count < Uplink.maximumLine else { return hasEnded }
                pending += chunk[..<count]
                while let index = pending.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = Array(pending[..<index])
                    if let notice = Uplink.notice(line) { notify(notice, input.answer) }
                    hasEnded = hasEnded || Uplink.isLast(line)
                    pending.removeFirst(index + 1)
                }
            }
        }
    }

    /// Whether nothing comes after this line of the uploader.
    static func isLast(_ line: [UInt8]) -> Bool {
        let state = (try? ControlPlane.Members(line))?.text("state")
        return ["delivered", "pending", "stopped"].contains(state)
    }

    /// Reads one line of the uploader; nil for what the run need not know.
    static func notice(_ line: [UInt8]) -> Notice? {
        guard let members = try? ControlPlane.Members(line) else { return nil }
        if members.text("command") == "cancel" { return .cancel }
        if let sequence = members.integer("scrub_again"), let rule = members.text("rule") {
            return .scrubAgain(from: sequence, rule: rule)
        }
        let message = Diagnostics.printable(members.text("message") ?? "")
        switch members.text("state") {
        case "stopped": return .message("nothing more is sent to the server: \(message)")
        case "unreachable":
            return .message("the server cannot be reached (\(message)); the log is kept, and sent when it can be")
        case "pending": return .message("not everything could be sent; pipemason egress push sends the rest")
        case "warning": return .message(message)
        default: return nil
        }
    }
}
