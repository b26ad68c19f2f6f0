package import CommandSupport
internal import Glibc
internal import RedactionKit
package import RunFiles
package import RunModel

/// Finishes the logs of runners that were killed (docs/formats/iterations-log.md, "Repair").
package enum LogRepair {
    /// What became of one log.
    package enum Outcome: Sendable, Equatable {
        /// Its runner is alive.
        case live
        /// It ended as it should.
        case whole
        /// It had no event, and is gone.
        case removed
        /// So many bytes of a line that was not whole were cut off, and the log was finished.
        case repaired(dropped: Int)
        /// It is not as a runner leaves it, and was not touched.
        case damaged(LogError)
    }

    /// Repairs the logs of all runs that were not finished. What cannot be repaired is told, and left as it is.
    package static func repairAll(in directory: RunDirectory) {
        for run in directory.unfinished {
            do throws(Failure) {
                if case .damaged(let error) = try repair(run, in: directory) {
                    Diagnostics.warn("\(directory.logPath(of: run).text): \(error); it is left as it is")
                }
            } catch {
                Diagnostics.warn(error.message)
            }
        }
    }

    /// Repairs one log.
    package static func repair(_ run: RunID, in directory: RunDirectory) throws(Failure) -> Outcome {
        guard !directory.isLive(run) else { return .live }
        let path = directory.logPath(of: run)
        var status = stat()
        if path.withCString({ stat($0, &status) }) != 0, errno == ENOENT {
            directory.removeEmpty(run)
            return .removed
        }
        try TailRewriter.recover(directory.directory(of: run).text)
        let file = try LogFile(path, isNew: false, policy: .end)
        var reader = LogReader()
        var last: RunEvent?
        var epoch = 1
        var damage: LogError?
        do throws(LogFileReadError) {
            try file.read { (chunk) throws(LogFileReadError) in
                do throws(LogError) {
                    try reader.write(chunk) { (event, _) throws(LogError) in
                        last = event
                        if case .logRepaired(let data) = event.body { epoch = data.epoch }
                    }
                } catch {
                    damage = error
                    throw .stopped
                }
            }
        } catch {
            if case .system(let number) = error {
                throw Failure(.runner, "\(path.text): \(Diagnostics.reason(number))")
            }
        }
        if let damage {
            directory.markFinished(run)
            return .damaged(damage)
        }
        let dropped = file.size - reader.verifiedBytes
        do throws(LogWriteError) {
            if dropped > 0 { try file.truncate(to: reader.verifiedBytes) }
            guard let last else {
                directory.removeEmpty(run)
                return .removed
            }
            if case .runFinished = last.body, dropped == 0 {
                directory.markFinished(run)
                return .whole
            }
            var lines = ScrubbedBytes()
            var head = reader.chain.head
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            var event = last
            event.time = Timestamp(microseconds: time.tv_sec * 1_000_000 + time.tv_nsec / 1000)
            event.scrub.hits = [:]
            for body in [
                RunEvent.Body.logRepaired(LogRepaired(epoch: epoch + 1, dropped: dropped)),
                .runFinished(Ending(.interrupted, reason: "the runner was killed")),
            ] {
                event.sequence += 1
                event.body = body
                (event.phase, event.iteration) = (nil, nil)
                append(event, &head, to: &lines)
            }
            try file.append(lines, upTo: event.sequence)
        } catch {
            throw Failure(.runner, "\(path.text): \(error.reason)")
        }
        let number = file.finish()
        guard number == 0 else { throw Failure(.runner, "\(path.text): \(Diagnostics.reason(number))") }
        directory.markFinished(run)
        return .repaired(dropped: dropped)
    }

    /// Both events hold numbers and constant words only, and what stands around them comes from the log.
    private static func append(_ event: RunEvent, _ head: inout ChainHash, to lines: inout ScrubbedBytes) {
        do {
            let line = try EventLine(event, after: head)
            let redactor = try Redactor()
            guard let clean = redactor.confirmed(line.bytes) else {
                preconditionFailure("the rules find a secret in numbers")
            }
            lines.append(clean)
            lines.append("\n")
            head = line.hash
        } catch {
            // Numbers within limits, and built-in rules that a test compiles.
            preconditionFailure("an event of a repair cannot be written")
        }
    }
}
