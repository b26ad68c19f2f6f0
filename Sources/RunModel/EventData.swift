package import JSONText
internal import TextEncodings

extension RunEvent.Body {
    /// The line's `type`.
    package var type: String {
        switch self {
        case .runStarted: "run.started"
        case .runFinished: "run.finished"
        case .phaseStarted: "phase.started"
        case .phaseFinished: "phase.finished"
        case .iterationStarted: "iteration.started"
        case .iterationFinished: "iteration.finished"
        case .commandStarted: "command.started"
        case .commandOutput: "command.output"
        case .commandResized: "command.resized"
        case .commandFinished: "command.finished"
        case .agentMessage: "agent.message"
        case .agentUsage: "agent.usage"
        case .agentOther(let event): event.type
        case .artifactOffered: "artifact.offered"
        case .logLost: "log.lost"
        case .logRepaired: "log.repaired"
        }
    }

    /// The line's `data`.
    ///
    /// - Throws: `.tooLarge` or `.badField` when a reader would refuse it.
    package func encodedData() throws(EventLineError) -> [UInt8] {
        if case .commandOutput(let output) = self { return try output.encoded() }
        let value = data
        let text = Array(value.text.utf8)
        guard text.count <= EventLimits.data else { throw EventLineError(.tooLarge, "data") }
        // What is written can be read: the checks stand in one place.
        _ = try Self(type: type, value)
        return text
    }

    /// The event with `change` applied to every text in it that a program or a person chose: words of a command, names,
    /// reasons, what an agent says. Statuses, kinds, numbers and output stay.
    package func mappingText(_ change: (String) -> String) -> Self {
        switch self {
        case .runStarted(var data):
            data.branch = data.branch.map(change)
            data.command = data.command.map(change)
            return .runStarted(data)
        case .runFinished(var data):
            data.reason = data.reason.map(change)
            return .runFinished(data)
        case .phaseFinished(var data):
            data.reason = data.reason.map(change)
            return .phaseFinished(data)
        case .iterationFinished(var data):
            data.reason = data.reason.map(change)
            return .iterationFinished(data)
        case .commandStarted(var data):
            data.command = data.command.map(change)
            return .commandStarted(data)
        case .commandFinished(var data):
            data.reason = data.reason.map(change)
            return .commandFinished(data)
        case .agentMessage(var data):
            data.text = change(data.text)
            return .agentMessage(data)
        case .agentUsage(var data):
            data.provider = data.provider.map(change)
            data.model = data.model.map(change)
            return .agentUsage(data)
        case .agentOther(var data):
            data.data = data.data.mappingStrings(change)
            return .agentOther(data)
        case .artifactOffered(var data):
            data.name = change(data.name)
            data.mediaType = change(data.mediaType)
            return .artifactOffered(data)
        case .phaseStarted, .iterationStarted, .commandOutput, .commandResized, .logLost, .logRepaired: return self
        }
    }

    /// Reads the data of an event of this type.
    init(type: String, _ reader: inout JSONReader<EventLineError>, _ bytes: Span<UInt8>) throws(EventLineError) {
        let start = reader.offset
        if type == "command.output" {
            self = .commandOutput(try CommandOutput(&reader, bytes))
            return
        }
        let value = try reader.value(bytes)
        guard reader.offset - start <= EventLimits.data else { throw EventLineError(.tooLarge, "data") }
        try self.init(type: type, value)
    }

    /// The data of every type but `command.output`.
    private var data: JSONValue {
        switch self {
        case .runStarted(let data):
            .members([
                ("runner", .string(data.runner)), ("branch", data.branch.map { .string($0) }),
                ("command", .array(data.command.map { .string($0) })), ("epoch", .integer(data.epoch)),
                ("protections", .array(data.protections.map { .string($0) })),
            ])
        case .runFinished(let data), .phaseFinished(let data), .iterationFinished(let data):
            .members([
                ("status", .string(data.status.rawValue)), ("exit", data.exit.map { .integer($0) }),
                ("reason", data.reason.map { .string($0) }),
            ])
        case .phaseStarted(let data):
            .members([("kind", .string(data.kind.rawValue)), ("attempt", .integer(data.attempt))])
        case .iterationStarted(let data): .members([("limit", .integer(data.limit))])
        case .commandStarted(let data):
            .members([
                ("command", .array(data.command.map { .string($0) })),
                ("columns", data.terminal.map { .integer($0.columns) }),
                ("rows", data.terminal.map { .integer($0.rows) }),
            ])
        case .commandOutput: preconditionFailure("output is encoded by itself")
        case .commandResized(let data):
            .members([("columns", .integer(data.columns)), ("rows", .integer(data.rows))])
        case .commandFinished(let data):
            .members([
                ("status", .string(data.status.rawValue)), ("exit", data.exit.map { .integer($0) }),
                ("signal", data.signal.map { .integer($0) }), ("reason", data.reason.map { .string($0) }),
                ("output_bytes", .integer(data.outputBytes)), ("cpu_us", .integer(data.processorTime)),
                ("max_rss_kib", .integer(data.peakMemory)),
            ])
        case .agentMessage(let data):
            .members([("role", .string(data.role.rawValue)), ("text", .string(data.text))])
        case .agentUsage(let data):
            .members([
                ("gen_ai.provider.name", data.provider.map { .string($0) }),
                ("gen_ai.request.model", data.model.map { .string($0) }),
                ("gen_ai.usage.input_tokens", .integer(data.inputTokens)),
                ("gen_ai.usage.output_tokens", .integer(data.outputTokens)),
                (
                    "cost",
                    data.cost.map {
                        .members([
                            ("micros", .integer($0.micros)), ("currency", .string($0.currency)),
                            ("estimate", .bool($0.isEstimate)),
                        ])
                    }
                ),
            ])
        case .agentOther(let event): event.data
        case .artifactOffered(let data):
            .members([
                ("name", .string(data.name)), ("sha256", .string(data.digest.description)),
                ("size", .integer(data.size)), ("media_type", .string(data.mediaType)),
            ])
        case .logLost(let data):
            .members([
                ("reason", .string(data.reason.rawValue)), ("events", .integer(data.events)),
                ("bytes", .integer(data.bytes)),
            ])
        case .logRepaired(let data):
            .members([("epoch", .integer(data.epoch)), ("dropped", .integer(data.dropped))])
        }
    }

    /// Reads the data of an event of any type but `command.output`. An agent's events, too, are read with this.
    package init(type: String, _ data: JSONValue) throws(EventLineError) {
        var fields = try Fields(data)
        switch type {
        case "run.started":
            self = .runStarted(
                RunStarted(
                    runner: try fields.text("runner"), branch: try fields.optionalText("branch"),
                    command: try fields.words("command"), epoch: try fields.count("epoch"),
                    protections: try fields.words("protections")))
        case "run.finished": self = .runFinished(try Ending(&fields))
        case "phase.finished": self = .phaseFinished(try Ending(&fields))
        case "iteration.finished": self = .iterationFinished(try Ending(&fields))
        case "phase.started":
            self = .phaseStarted(
                PhaseStarted(kind: try fields.choice("kind"), attempt: try fields.count("attempt")))
        case "iteration.started": self = .iterationStarted(IterationStarted(limit: try fields.count("limit")))
        case "command.started":
            let command = try fields.words("command")
            var terminal: TerminalSize?
            if fields.has("columns") || fields.has("rows") { terminal = try TerminalSize(&fields) }
            self = .commandStarted(CommandStarted(command: command, terminal: terminal))
        case "command.resized": self = .commandResized(try TerminalSize(&fields))
        case "command.finished":
            self = .commandFinished(
                CommandFinished(
                    status: try fields.choice("status"), exit: try fields.optionalCount("exit"),
                    signal: try fields.optionalCount("signal"), reason: try fields.optionalText("reason"),
                    outputBytes: try fields.count("output_bytes"), processorTime: try fields.count("cpu_us"),
                    peakMemory: try fields.count("max_rss_kib")))
        case "agent.message":
            self = .agentMessage(
                AgentMessage(role: try fields.choice("role"), text: try fields.text("text", limit: EventLimits.data)))
        case "agent.usage": self = .agentUsage(try AgentUsage(&fields))
        case "artifact.offered":
            guard let digest = ChainHash(try fields.text("sha256")) else { throw EventLineError(.badField, "sha256") }
            self = .artifactOffered(
                Artifact(
                    name: try fields.text("name"), digest: digest, size: try fields.count("size"),
                    mediaType: try fields.text("media_type")))
        case "log.lost":
            self = .logLost(
                LogLost(
                    reason: try fields.choice("reason"), events: try fields.count("events"),
                    bytes: try fields.count("bytes")))
        case "log.repaired":
            self = .logRepaired(LogRepaired(epoch: try fields.count("epoch"), dropped: try fields.count("dropped")))
        default:
            guard AgentEvent.isType(type) else { throw EventLineError(.unknownType, "type") }
            self = .agentOther(AgentEvent(type: type, data: data))
            return
        }
        try fields.finish()
    }
}

extension AgentEvent {
    /// `agent.`, then at most 64 small letters, digits, dots, hyphens and underscores.
    package static func isType(_ type: String) -> Bool {
        guard type.hasPrefix("agent.") else { return false }
        let name = type.utf8.dropFirst(6)
        return !name.isEmpty && name.count <= 64
            && name.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
                default: false
                }
            }
    }
}

extension CommandOutput {
    /// `{"stream":"stdout","text":"…"}`, or with `b64` (docs/formats/iterations-log.md, "Output").
    func encoded() throws(EventLineError) -> [UInt8] {
        guard bytes.count <= EventLimits.output else { throw EventLineError(.tooLarge, "data") }
        var result = Array("{\"stream\":\"\(stream.rawValue)\",".utf8)
        let start = result.count
        result += Array("\"text\":\"".utf8)
        if bytes.withUnsafeBytes({ JSON.appendText($0, to: &result, limit: EventLimits.outputText(bytes.count)) }) {
            result += Array("\"}".utf8)
        } else {
            result.removeSubrange(start...)
            result += Array("\"b64\":\"\(Base64.encode(bytes.span, .padded))\"}".utf8)
        }
        return result
    }

    init(_ reader: inout JSONReader<EventLineError>, _ bytes: Span<UInt8>) throws(EventLineError) {
        var stream: Stream?
        var content: [UInt8]?
        try reader.object(bytes) { (reader, name) throws(EventLineError) in
            switch name {
            case "stream": stream = Stream(rawValue: try reader.string(bytes))
            case "text" where content == nil: content = try reader.utf8(bytes)
            case "b64" where content == nil:
                content = Base64.decode(bytes.extracting(try reader.plainString(bytes)), .padded)
            default: throw EventLineError(.badField, "data")
            }
        }
        guard let stream else { throw EventLineError(.badField, "stream") }
        guard let content else { throw EventLineError(.badField, "text") }
        guard content.count <= EventLimits.output else { throw EventLineError(.tooLarge, "data") }
        self.init(stream: stream, bytes: content)
    }
}

extension Ending {
    fileprivate init(_ fields: inout Fields) throws(EventLineError) {
        self.init(
            try fields.choice("status"), exit: try fields.optionalCount("exit"),
            reason: try fields.optionalText("reason"))
    }
}

extension TerminalSize {
    fileprivate init(_ fields: inout Fields) throws(EventLineError) {
        self.init(columns: try fields.count("columns"), rows: try fields.count("rows"))
    }
}

extension AgentUsage {
    fileprivate init(_ fields: inout Fields) throws(EventLineError) {
        var cost: Cost?
        if let value = fields.take("cost") {
            var members = try Fields(value)
            let currency = try members.text("currency")
            guard currency.utf8.count == 3, currency.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
                throw EventLineError(.badField, "currency")
            }
            cost = Cost(
                micros: try members.count("micros"), currency: currency, isEstimate: try members.bool("estimate"))
            try members.finish()
        }
        self.init(
            provider: try fields.optionalText("gen_ai.provider.name"),
            model: try fields.optionalText("gen_ai.request.model"),
            inputTokens: try fields.count("gen_ai.usage.input_tokens"),
            outputTokens: try fields.count("gen_ai.usage.output_tokens"), cost: cost)
    }
}

/// The members of an object, each of which is asked for once; what nobody asked for is an error.
private struct Fields {
    private var members: [(name: String, value: JSONValue)]

    init(_ value: JSONValue) throws(EventLineError) {
        guard case .object(let members) = value else { throw EventLineError(.badField, "data") }
        self.members = members
    }

    func has(_ name: String) -> Bool { members.contains { $0.name == name } }

    /// Removes a member and returns its value.
    mutating func take(_ name: String) -> JSONValue? {
        guard let index = members.firstIndex(where: { $0.name == name }) else { return nil }
        return members.remove(at: index).value
    }

    mutating func text(_ name: String, limit: Int = EventLimits.text) throws(EventLineError) -> String {
        guard let text = try optionalText(name, limit: limit) else { throw EventLineError(.badField, name) }
        return text
    }

    mutating func optionalText(
        _ name: String, limit: Int = EventLimits.text
    ) throws(EventLineError) -> String? {
        guard let value = take(name) else { return nil }
        guard case .string(let text) = value, text.utf8.count <= limit else { throw EventLineError(.badField, name) }
        return text
    }

    mutating func words(_ name: String) throws(EventLineError) -> [String] {
        guard case .array(let elements) = take(name), elements.count <= EventLimits.words else {
            throw EventLineError(.badField, name)
        }
        var words: [String] = []
        for element in elements {
            guard case .string(let text) = element, text.utf8.count <= EventLimits.text else {
                throw EventLineError(.badField, name)
            }
            words.append(text)
        }
        return words
    }

    /// An integer that is not negative.
    mutating func count(_ name: String) throws(EventLineError) -> Int {
        guard let count = try optionalCount(name) else { throw EventLineError(.badField, name) }
        return count
    }

    mutating func optionalCount(_ name: String) throws(EventLineError) -> Int? {
        guard let value = take(name) else { return nil }
        guard case .number(let digits) = value, let number = Int(digits), number >= 0 else {
            throw EventLineError(.badField, name)
        }
        return number
    }

    mutating func bool(_ name: String) throws(EventLineError) -> Bool {
        guard case .bool(let value) = take(name) else { throw EventLineError(.badField, name) }
        return value
    }

    mutating func choice<Choice: RawRepresentable<String>>(_ name: String) throws(EventLineError) -> Choice {
        guard case .string(let text) = take(name), let choice = Choice(rawValue: text) else {
            throw EventLineError(.badField, name)
        }
        return choice
    }

    func finish() throws(EventLineError) {
        guard members.isEmpty else { throw EventLineError(.badField, "data, a member that it does not have") }
    }
}
