internal import JSONText
internal import RunModel

/// The texts of a batch, decoded, as the runner's scrubber saw them: not the JSON around them, whose escapes look like parts of
/// values to the rules.
///
/// Output is put together again by stream, so that a secret that was cut over several events is seen. Everything else is looked at by
/// itself: each string of an event's data, names of members included, its phase, type and rules.
struct ArrivingTexts {
    private struct Text {
        var bytes: [UInt8] = []
        /// Where events begin in `bytes`, in order.
        var starts: [(offset: Int, sequence: Int)] = []

        mutating func append(_ more: [UInt8], of sequence: Int) {
            starts.append((bytes.count, sequence))
            bytes += more
        }

        func sequence(at offset: Int) -> Int { starts.last { $0.offset <= offset }?.sequence ?? 0 }
    }

    /// What is whole.
    private var done: [Text] = []
    /// Output of the command that runs.
    private var open: [CommandOutput.Stream: Text] = [:]
    /// Phases, types and rules that were looked at: most events of a batch have the same ones.
    private var words: Set<String> = []

    mutating func add(_ event: RunEvent) {
        switch event.body {
        case .commandOutput(let output): open[output.stream, default: Text()].append(output.bytes, of: event.sequence)
        case .commandStarted:
            // Another command's output is another text.
            done += open.values
            open = [:]
            addData(event)
        default: addData(event)
        }
        for word in [event.phase ?? "", event.body.type] + event.scrub.hits.keys where words.insert(word).inserted {
            add(word, of: event.sequence)
        }
    }

    private mutating func addData(_ event: RunEvent) {
        guard let data = try? event.body.encodedData() else { return }
        var reader = JSONReader<EventLineError>()
        guard let value = try? reader.value(data.span) else { return }
        add(value, of: event.sequence)
    }

    private mutating func add(_ value: JSONValue, of sequence: Int) {
        switch value {
        case .null, .bool, .number: break
        case .string(let text): add(text, of: sequence)
        case .array(let elements): for element in elements { add(element, of: sequence) }
        case .object(let members):
            for member in members {
                add(member.name, of: sequence)
                add(member.value, of: sequence)
            }
        }
    }

    private mutating func add(_ text: String, of sequence: Int) {
        // Nothing that short is a secret to any rule, and most of an event's strings are that short.
        guard text.utf8.count >= Self.shortest else { return }
        var part = Text()
        part.append(Array(text.utf8), of: sequence)
        done.append(part)
    }

    private static let shortest = 8

    func requireScrubbed(_ scrubber: ArrivalScrubber) throws(Problem) {
        for text in done + open.values {
            guard let (rule, offset) = scrubber.finding(in: text.bytes) else { continue }
            throw .unscrubbed(rule: rule, sequence: text.sequence(at: offset))
        }
    }
}
