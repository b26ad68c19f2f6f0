internal import RunModel
internal import RunPlayback

extension RunFuzz {
    /// What the filter lets through is harmless, however the bytes are cut, and passes unchanged again.
    public static func terminalFilter(_ bytes: Span<UInt8>) {
        let content = bytes.withUnsafeBufferPointer { Array($0) }
        for (addsCarriageReturns, passesSequences) in [(false, true), (true, true), (false, false)] {
            func filtered(_ content: [UInt8], by size: Int) -> [UInt8] {
                var filter = TerminalFilter(addsCarriageReturns: addsCarriageReturns, passesSequences: passesSequences)
                var output: [UInt8] = []
                for start in stride(from: 0, to: content.count, by: size) {
                    filter.write(content[start..<min(content.count, start + size)], to: &output)
                }
                return output
            }
            let whole = filtered(content, by: max(1, content.count))
            for size in [1, 7] { precondition(filtered(content, by: size) == whole, "depends on chunks") }
            precondition(filtered(whole, by: max(1, whole.count)) == whole, "not idempotent")
            precondition(isHarmless(whole, passesSequences), "lets through what a terminal obeys")
        }
    }

    /// A second reading of what may pass: characters, and sequences of the forms that are listed here.
    private static func isHarmless(_ bytes: [UInt8], _ passesSequences: Bool) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        var scalars = Array(text.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            switch scalar.value {
            case 0x09, 0x0A, 0x0D: continue
            case 0x08, 0x0E, 0x0F: guard passesSequences else { return false }
            case 0x1B: guard passesSequences, isAllowed(&scalars) else { return false }
            case 0x00..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: return false
            default: continue
            }
        }
        return true
    }

    private static func isAllowed(_ scalars: inout ArraySlice<Unicode.Scalar>) -> Bool {
        guard let kind = scalars.popFirst() else { return false }
        if "78DEM".unicodeScalars.contains(kind) { return true }
        if kind == "(" { return scalars.popFirst().map { "0B".unicodeScalars.contains($0) } ?? false }
        guard kind == "[" else { return false }
        let isPrivate = scalars.first == "?"
        if isPrivate { scalars.removeFirst() }
        var parameters = ""
        while let scalar = scalars.popFirst() {
            if ("0"..."9").contains(scalar) || scalar == ";" || scalar == ":" {
                parameters.unicodeScalars.append(scalar)
                continue
            }
            guard parameters.utf8.count <= TerminalFilter.sequence else { return false }
            if isPrivate {
                let modes = parameters.split(separator: ";", omittingEmptySubsequences: false)
                return (scalar == "h" || scalar == "l")
                    && modes.allSatisfy { ["7", "25", "47", "1047", "1049", "2026"].contains($0) }
            }
            if scalar == "s" || scalar == "u" { return parameters.isEmpty }
            return "@ABCDEFGHIJKLMPSTXZ`adefmr".unicodeScalars.contains(scalar)
        }
        return false
    }

    /// A transcript and a recording of any events are text without controls that do harm.
    public static func transcript(_ bytes: Span<UInt8>) {
        var reader = LogReader()
        var options = Transcript.Options()
        options.isTerminal = bytes.count % 2 == 0
        options.showsPlaces = bytes.count % 3 == 0
        var transcript = Transcript(options)
        var output: [UInt8] = []
        try? reader.write(bytes) { (event, _) in transcript.write(event, to: &output) }
        transcript.finish(to: &output)
        precondition(isHarmless(output, options.isTerminal))
    }

    /// Any keys are read.
    public static func keys(_ bytes: Span<UInt8>) {
        let content = bytes.withUnsafeBufferPointer { Array($0) }
        precondition(PlaybackKey.read(content).count <= content.count)
    }
}
