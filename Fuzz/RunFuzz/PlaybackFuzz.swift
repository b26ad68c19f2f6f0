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

    /// A page of any log has only the elements and attributes that the report is made of.
    public static func report(_ bytes: Span<UInt8>) {
        var events: [RunEvent] = []
        var reader = LogReader()
        try? reader.write(bytes) { (event, _) in events.append(event) }
        guard let first = events.first else { return }
        for limit in [100, 1 << 20] {
            var plan = ReportPlan(run: first.run, limit: limit)
            for event in events { plan.add(event) }
            plan.finish()
            var html: [UInt8] = []
            let provenance = ReportPage.Provenance(head: reader.chain.head, failure: bytes.count % 2 == 0 ? nil : "x")
            var page = ReportPage(plan, provenance, to: &html)
            for event in events { page.write(event, to: &html) }
            page.finish(to: &html)
            precondition(isHarmlessPage(html), "the page has what no report has")
        }
    }

    private static let elements: Set<String> = [
        "!doctype", "a", "b", "body", "button", "code", "dd", "details", "dialog", "div", "dl", "dt", "footer", "form",
        "h1",
        "h2", "h3", "head", "header", "html", "input", "kbd", "li", "main", "mark", "meta", "nav", "p", "rect",
        "script",
        "section", "small", "span", "style", "summary", "svg", "time", "title", "ul",
    ]

    /// Whether a page's tags are of known elements, without handlers and inline styles, and lead nowhere but to the web and
    /// to places in the page.
    public static func isHarmlessPage(_ html: [UInt8]) -> Bool {
        guard let text = String(validating: html, as: UTF8.self) else { return false }
        guard
            !text.unicodeScalars.contains(where: {
                $0.value < 0x20 && $0 != "\n" && $0 != "\t" || (0x7F..<0xA0).contains($0.value)
                    || (0x202A...0x202E).contains($0.value) || (0x2066...0x2069).contains($0.value)
            })
        else { return false }
        var rest = Substring(text)
        var scripts = 0
        while let start = rest.firstIndex(of: "<") {
            rest = rest[rest.index(after: start)...]
            guard let end = rest.firstIndex(of: ">") else { return false }
            let tag = rest[..<end]
            rest = rest[rest.index(after: end)...]
            let name = tag.drop { $0 == "/" }.prefix { !$0.isWhitespace && $0 != "/" }.lowercased()
            guard elements.contains(name) else { return false }
            // Attributes: a name, and a value in quotation marks.
            var attributes = tag.dropFirst(tag.first == "/" ? 1 + name.count : name.count)
            while let first = attributes.first(where: { !$0.isWhitespace && $0 != "/" }) {
                attributes = attributes[attributes.firstIndex(of: first)!...]
                let attribute = attributes.prefix { !$0.isWhitespace && $0 != "=" }
                attributes = attributes.dropFirst(attribute.count)
                var value: Substring = ""
                if attributes.first == "=" {
                    guard attributes.dropFirst().first == "\"" else { return false }
                    attributes = attributes.dropFirst(2)
                    guard let close = attributes.firstIndex(of: "\"") else { return false }
                    value = attributes[..<close]
                    attributes = attributes[attributes.index(after: close)...]
                }
                if attribute.hasPrefix("on") || attribute == "style" || attribute == "src" { return false }
                if attribute == "href", !value.hasPrefix("#"), !value.lowercased().hasPrefix("http://"),
                    !value.lowercased().hasPrefix("https://")
                {
                    return false
                }
            }
            guard name == "script" || name == "style", tag.first != "/" else { continue }
            scripts += name == "script" ? 1 : 0
            guard let close = rest.range(of: "</\(name)>") else { return false }
            rest = rest[close.upperBound...]
        }
        return scripts == 1
    }

    /// Any keys are read.
    public static func keys(_ bytes: Span<UInt8>) {
        let content = bytes.withUnsafeBufferPointer { Array($0) }
        precondition(PlaybackKey.read(content).count <= content.count)
    }
}

extension Substring {
    /// The first occurrence of `text`.
    fileprivate func range(of text: String) -> Range<Index>? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index..<self.index(index, offsetBy: text.count) }
            index = self.index(after: index)
        }
        return nil
    }
}
