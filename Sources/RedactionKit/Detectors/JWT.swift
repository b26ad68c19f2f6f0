/// JSON Web Tokens (RFC 7519) in their compact forms: JWS with two or three segments, JWE with five (RFC 7516), and
/// PASETO (paseto-standard, version 1 to 4).
extension Scanner {
    /// Examines the candidate at `start`; returns where to go on.
    func jwt(_ pass: inout Pass, at start: Int, runStart: Int, end: Int, isCut: Bool) -> Int {
        guard let rule = rules.jwt else { return start + 1 }
        let text = pass.text
        if text[start] == UInt8(ascii: "v") { return paseto(&pass, at: start, end: end, rule: rule, isCut: isCut) }

        var segmentEnd = segment(text, from: start, end)
        guard segmentEnd - start >= JWTShape.minimumHeader, text.at(segmentEnd) == UInt8(ascii: "."), segmentEnd < end,
            isObject(text, start, segmentEnd)
        else { return start + 1 }
        // At most four more segments; the third of an unsecured JWS is empty (RFC 7515, appendix A.5).
        var segments = 1
        var last = segmentEnd
        var total = 0
        while segments < 5, last < end, text[last] == UInt8(ascii: ".") {
            segmentEnd = segment(text, from: last + 1, end)
            let length = segmentEnd - last - 1
            if segments >= 2, length == 0, segmentEnd < end, text[segmentEnd] != UInt8(ascii: ".") {
                // A full stop after a two-segment token, or the empty signature: take it along.
                last = segmentEnd
                break
            }
            total += length
            segments += 1
            last = segmentEnd
        }
        guard segments >= 2, total >= 4 else { return start + 1 }
        pass.add(start..<last, rule: rule, confidence: 2, reason: .structure)
        if isCut, last == end, cutRule == nil { cutRule = rule }
        return last
    }

    private func paseto(_ pass: inout Pass, at start: Int, end: Int, rule: Int, isCut: Bool) -> Int {
        let text = pass.text
        let body: Int
        if text.has(".local.", at: start + 2) {
            body = start + 9
        } else if text.has(".public.", at: start + 2) {
            body = start + 10
        } else {
            return start + 1
        }
        var last = segment(text, from: body, end)
        guard last - body >= 16 else { return start + 1 }
        if last < end, text[last] == UInt8(ascii: ".") {
            let footer = segment(text, from: last + 1, end)
            if footer > last + 1 { last = footer }
        }
        pass.add(start..<last, rule: rule, confidence: 2, reason: .structure)
        if isCut, last == end, cutRule == nil { cutRule = rule }
        return last
    }

    /// End of the base64url digits, and of the padding that some encoders leave, from `start`.
    private func segment(_ text: Text, from start: Int, _ end: Int) -> Int {
        var i = start
        while i < end, text[i].isBase64 { i += 1 }
        if i > start { while i < end, text[i] == UInt8(ascii: "=") { i += 1 } }
        return i
    }

    /// Whether a base64url segment begins with `{`, then a name, and ends with `}`; looks at its ends only, so that a
    /// run of many candidates costs no more than one.
    private func isObject(_ text: Text, _ start: Int, _ end: Int) -> Bool {
        var end = end
        while end > start, text[end - 1] == UInt8(ascii: "=") { end -= 1 }
        let length = end - start
        guard length % 4 != 1 else { return false }
        // The first six bytes: `{`, blanks, then `"`.
        var head: [UInt8] = []
        decode(text, start..<(start + min(length, 12)), into: &head)
        guard let brace = head.first, brace == UInt8(ascii: "{"),
            let name = head.dropFirst().first(where: { !$0.isWhitespace }), name == UInt8(ascii: "\"")
        else { return false }
        let tailStart = start + max(0, (length - 8) / 4 * 4)
        var tail: [UInt8] = []
        decode(text, tailStart..<end, into: &tail)
        return tail.last(where: { !$0.isWhitespace }) == UInt8(ascii: "}")
    }

    private func decode(_ text: Text, _ range: Range<Int>, into bytes: inout [UInt8]) {
        var decoder = Base64Decoder()
        for i in range {
            guard let value = text[i].sextet else { return }
            if let byte = decoder.push(value) { bytes.append(byte) }
        }
    }
}

enum JWTShape {
    /// Shortest header segment: `{"alg":0}` has 12 digits; shorter ones are chance.
    static let minimumHeader = 10
}
