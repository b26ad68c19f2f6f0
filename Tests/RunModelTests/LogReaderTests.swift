internal import RunModel
internal import Testing

@Suite struct LogReaderTests {
    @Test func `a log is read the same however it is cut`() throws {
        let log = Sample.bytes(try Sample.log())
        for size in [1, 2, 3, 100, 1000, log.count] {
            let (events, failure) = read(log, by: size)
            #expect(failure == nil)
            #expect(events.map(\.body) == Sample.bodies)
        }
    }

    @Test func `the first bad line is named`() throws {
        let lines = try Sample.log()
        var changed = lines.map(\.bytes)
        let index = try #require(changed[10].firstIndex(of: UInt8(ascii: "5")))
        changed[10][index] = UInt8(ascii: "6")
        let (events, failure) = read(changed.flatMap { $0 + [10] }, by: 50)
        #expect(events.count == 10)
        #expect(failure?.line == 11)
    }

    @Test(arguments: [0, 5, 20])
    func `a line that is missing, twice, or moved breaks the chain`(_ index: Int) throws {
        let lines = try Sample.log()
        var missing = lines
        missing.remove(at: index)
        #expect(read(Sample.bytes(missing), by: 999).failure?.reason.code == .brokenChain)
        var twice = lines
        twice.insert(lines[index], at: index)
        #expect(
            read(Sample.bytes(twice), by: 999).failure == LogError(line: index + 2, EventLineError(.brokenChain, "seq"))
        )
        var moved = lines
        moved.swapAt(index, index + 1)
        #expect(read(Sample.bytes(moved), by: 999).failure?.line == index + 1)
    }

    @Test func `another line with the right number does not continue the chain`() throws {
        var lines = try Sample.log()
        lines[3] = try EventLine(lines[3].event, after: Sample.rules)
        #expect(read(Sample.bytes(lines), by: 999).failure == LogError(line: 4, EventLineError(.brokenChain, "prev")))
        lines = try Sample.log()
        var other = lines[4].event
        other.run = RunID.make(at: Sample.time)
        lines[4] = try EventLine(other, after: lines[3].hash)
        #expect(read(Sample.bytes(lines), by: 999).failure == LogError(line: 5, EventLineError(.brokenChain, "run")))
        lines = try Sample.log()
        other = lines[4].event
        other.monotonic = 1
        lines[4] = try EventLine(other, after: lines[3].hash)
        #expect(read(Sample.bytes(lines), by: 999).failure == LogError(line: 5, EventLineError(.brokenChain, "mono")))
    }

    @Test func `a torn end is told from a bad line`() throws {
        let log = Sample.bytes(try Sample.log())
        let whole = Sample.bodies.count
        for cut in [1, 2, 70, 200] {
            let (events, failure) = read(Array(log.dropLast(cut)), by: 4096)
            #expect(events.count == whole - 1)
            #expect(failure == LogError(line: whole, EventLineError(.torn, "the end")))
        }
    }

    @Test func `a line without an end costs no more memory than the longest line`() {
        var reader = LogReader()
        let chunk = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 16)
        var failure: LogError?
        for _ in 0..<10 where failure == nil {
            do throws(LogError) { try reader.write(chunk.span) { (_, _) in } } catch { failure = error }
        }
        #expect(failure == LogError(line: 1, EventLineError(.tooLarge, "line")))
        #expect(reader.pendingBytes < EventLimits.line)
    }

    @Test func `a run is the sum of its events`() throws {
        var run = Run(id: Sample.run)
        for line in try Sample.log() { run.apply(line.event) }
        #expect(run.status == .succeeded)
        #expect(run.exit == 0)
        #expect(run.inputTokens == 1200)
        #expect(run.outputTokens == 34)
        #expect(run.costs == ["EUR": 1500])
        #expect(run.costIsEstimate)
        #expect(run.hits == ["jwt": 1])
        #expect(run.artifacts.map(\.name) == ["screen.png"])
        #expect(run.events == Sample.bodies.count)
        run.apply(Sample.event(.agentUsage(AgentUsage(inputTokens: .max, outputTokens: .max))))
        #expect(run.inputTokens == .max)
    }
}
