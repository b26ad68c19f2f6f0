package import CommandSupport
internal import Glibc
package import LinkProtocol

/// `pipemason-link`, the process with the network, seen from this one, which has none.
///
/// Requests are numbered by the caller; answers come back in any order. Everything happens on the calling thread, in
/// `wait`. Memory: the bodies that wait to be sent, and answers up to `maximumAnswer`.
package final class LinkProcess {
    /// The largest body of an answer in bytes.
    package static let maximumAnswer = 1 << 20
    /// The name of the program.
    package static let programName = "pipemason-link"

    /// What `wait` came back with.
    package enum Event {
        /// An answer with its body.
        case answer(UInt32, LinkResponse, [UInt8])
        case failure(UInt32, LinkFailure)
        /// The watched descriptor can be read, or has ended.
        case watched
        case timeout
        /// The link is gone: it ended, or broke the protocol.
        case ended
    }

    private let process: pid_t
    private let input: Descriptor
    private let output: Descriptor
    private var reader = FrameReader()
    /// Bytes that wait to be written, from `sent` on.
    private var outgoing: [UInt8] = []
    private var sent = 0
    /// Answers whose end has not come.
    private var partial: [UInt32: (response: LinkResponse, body: [UInt8])] = [:]
    private var isBroken = false

    /// Starts the link that lies beside this program, with an empty environment.
    /// - Throws: `Failure` when there is none, or it cannot be started.
    package convenience init(_ configuration: LinkConfiguration) throws(Failure) {
        guard let program = Self.program() else {
            throw Failure(.input, "\(Self.programName) is not beside this program: without it nothing can be sent")
        }
        try self.init(program: program, configuration)
    }

    package init(program: String, _ configuration: LinkConfiguration) throws(Failure) {
        signal(SIGPIPE, SIG_IGN)
        do throws(Failure) {
            // It ends when its input does.
            let link = try PipedProgram(program, [program], PipedProgram.Surroundings())
            process = link.process
            input = Descriptor(link.input)
            output = Descriptor(link.output)
        } catch {
            throw Failure(.input, "\(program): \(error.message)")
        }
        _ = fcntl(input.number, F_SETFL, O_WRONLY | O_NONBLOCK)
        append(Frame(.configure, configuration.encoded))
    }

    /// Gives the link the token of authorized requests.
    package func setToken(_ token: Span<UInt8>) {
        append(Frame(.token, token.withUnsafeBufferPointer { Array($0) }))
    }

    /// Sends a request with its body.
    package func send(_ request: LinkRequest, id: UInt32, body: [UInt8] = []) {
        precondition(request.length == body.count)
        append(Frame(.request, id: id, request.encoded))
        var start = 0
        while start < body.count {
            let end = min(start + Frame.maximumPayload, body.count)
            append(Frame(.body, id: id, Array(body[start..<end])))
            start = end
        }
        append(Frame(.end, id: id))
    }

    /// Waits for the next event, at most `milliseconds`. `watching`: another descriptor to look at meanwhile.
    package func wait(milliseconds: Int, watching: Int32? = nil) -> Event {
        let deadline = Monotonic.milliseconds + milliseconds
        while true {
            if let event = takeEvent() { return event }
            if isBroken { return .ended }
            var entries = [pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)]
            entries.append(
                pollfd(fd: sent < outgoing.count ? input.number : -1, events: Int16(POLLOUT), revents: 0))
            entries.append(pollfd(fd: watching ?? -1, events: Int16(POLLIN), revents: 0))
            let left = deadline - Monotonic.milliseconds
            let count = poll(&entries, nfds_t(entries.count), Int32(clamping: max(0, left)))
            if count < 0, errno != EINTR { return .ended }
            if count > 0 {
                if entries[1].revents != 0 { flush() }
                if entries[0].revents != 0 { receive() }
                if entries[2].revents != 0 {
                    if let event = takeEvent() { return event }
                    return .watched
                }
            } else if left <= 0 {
                return .timeout
            }
        }
    }

    /// Sends a request and waits for its answer alone. Other answers are dropped: for commands that ask one thing.
    package func exchange(_ request: LinkRequest, body: [UInt8] = []) -> Result<(LinkResponse, [UInt8]), LinkFailure> {
        let id: UInt32 = 1
        send(request, id: id, body: body)
        let deadline = Monotonic.milliseconds + request.timeout + 5000
        while true {
            switch wait(milliseconds: max(0, deadline - Monotonic.milliseconds)) {
            case .answer(id, let response, let body): return .success((response, body))
            case .failure(id, let failure): return .failure(failure)
            case .ended: return .failure(LinkFailure(.closed))
            case .timeout: return .failure(LinkFailure(.timeout))
            case .answer, .failure, .watched: continue
            }
        }
    }

    private func append(_ frame: Frame) {
        if sent > 0 {
            outgoing.removeFirst(sent)
            sent = 0
        }
        outgoing += frame.encoded
        flush()
    }

    private func flush() {
        while sent < outgoing.count, !isBroken {
            let count = outgoing.withUnsafeBytes { write(input.number, $0.baseAddress! + sent, $0.count - sent) }
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                isBroken = true
            }
        }
        outgoing.removeAll(keepingCapacity: outgoing.capacity <= Frame.maximumPayload)
        sent = 0
    }

    private func receive() {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(output.number, &chunk, chunk.count)
        if count > 0 {
            reader.write(chunk[..<count])
        } else if count == 0 || errno != EINTR {
            isBroken = true
        }
    }

    /// The next complete answer among the frames that have arrived.
    private func takeEvent() -> Event? {
        do {
            while let frame = try reader.next() {
                switch frame.kind {
                case .response: partial[frame.id] = (try LinkResponse(parsing: frame.payload), [])
                case .body:
                    guard let body = partial[frame.id]?.body, body.count + frame.payload.count <= Self.maximumAnswer
                    else { throw LinkError("a body too many or too large") }
                    partial[frame.id]?.body += frame.payload
                case .end:
                    guard let answer = partial.removeValue(forKey: frame.id) else { throw LinkError("an end too many") }
                    return .answer(frame.id, answer.response, answer.body)
                case .failure:
                    partial[frame.id] = nil
                    return .failure(frame.id, try LinkFailure(parsing: frame.payload))
                case .configure, .token, .request: throw LinkError("a frame in the wrong direction")
                }
            }
        } catch { isBroken = true }
        return nil
    }

    /// The program beside this one.
    private static func program() -> String? {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        guard count > 0 else { return nil }
        let own = String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let slash = own.lastIndex(of: "/") else { return nil }
        let candidate = own[...slash] + programName
        return access(String(candidate), X_OK) == 0 ? String(candidate) : nil
    }

    deinit {
        // It ends when its input ends; a request that is under way is not waited for.
        kill(process, SIGTERM)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }
}

/// The clock that nobody sets.
package enum Monotonic {
    package static var milliseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

extension LinkFailure.Kind {
    /// For people.
    package var sentence: String {
        switch self {
        case .resolve: "this name has no address"
        case .connect: "nobody answers there"
        case .certificate:
            "its certificate is not trusted: it has expired, or is signed by nobody whom this machine trusts (see --ca-file)"
        case .hostname: "its certificate is for another name"
        case .tls: "what answers there does not speak TLS 1.2 or later"
        case .proxy: "the proxy that HTTPS_PROXY names cannot be reached, or refuses"
        case .timeout: "no answer in time"
        case .closed: "the connection was closed"
        case .response: "the answer cannot be understood"
        case .request: "the request cannot be made"
        }
    }
}
