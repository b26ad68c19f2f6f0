internal import CPCRE2
internal import Glibc

/// A compiled PCRE2 pattern over bytes, with JIT where the machine has it.
///
/// Immutable once made, so it can be shared between threads; each search borrows a `MatchScratch` of its own.
/// Patterns are matched in byte mode: `.` is one byte, and case is ASCII's. UTF mode is refused
/// (`PCRE2_NEVER_UTF`), because the input of a filter is not always valid UTF-8.
///
/// PCRE2 10.42: about 3 µs to compile, 20 µs for the JIT.
public final class Pattern: @unchecked Sendable {
    // @unchecked: `code` is written only in `init`; PCRE2 documents compiled code as read-only after JIT compilation
    // and safe to share (pcre2api, "Multithreading").
    private let code: OpaquePointer
    private let hasJIT: Bool
    private let hasLimit: Bool

    /// Number of capture groups; 0 if the pattern has none.
    public let groupCount: Int

    /// How a pattern is compiled.
    public struct Options: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }
        /// Prepare for `PartialMode.hard`.
        public static let partial = Options(rawValue: 2)
        /// `^` and `$` stand at the ends of each line.
        public static let lines = Options(rawValue: 1)
        /// A search may end before the text does.
        public static let limited = Options(rawValue: 8)
        /// A match begins where the search does, and nowhere else.
        public static let anchored = Options(rawValue: 16)
        /// Check the pattern only: no JIT.
        public static let checkOnly = Options(rawValue: 4)
    }

    /// Compiles `source`.
    ///
    /// - Throws: `PatternError` with PCRE2's own message and the byte offset in `source`.
    public init(_ source: String, options: Options = []) throws(PatternError) {
        var flags = UInt32(PCRE2_DOLLAR_ENDONLY) | UInt32(PCRE2_NEVER_UTF) | UInt32(PCRE2_DUPNAMES)
        if options.contains(.lines) { flags |= UInt32(PCRE2_MULTILINE) }
        if options.contains(.limited) { flags |= PCRE2_USE_OFFSET_LIMIT }
        // Without a search for what a match must hold: that would look far ahead at each attempt.
        if options.contains(.anchored) { flags |= PCRE2_ANCHORED | UInt32(PCRE2_NO_START_OPTIMIZE) }
        var number: Int32 = 0
        var offset = 0
        var text = source
        // Empty strings too have a valid pointer here; the length rules.
        let compiled = text.withUTF8 { bytes in
            var empty: UInt8 = 0
            return withUnsafePointer(to: &empty) { fallback in
                pcre2_compile_8(bytes.baseAddress ?? fallback, bytes.count, flags, &number, &offset, nil)
            }
        }
        guard let compiled else { throw PatternError(code: number, offset: offset) }
        var groups: UInt32 = 0
        pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_CAPTURECOUNT), &groups)
        if options.contains(.checkOnly) {
            hasJIT = false
        } else {
            var jit = UInt32(PCRE2_JIT_COMPLETE)
            if options.contains(.partial) { jit |= UInt32(PCRE2_JIT_PARTIAL_HARD) }
            hasJIT = pcre2_jit_compile_8(compiled, jit) == 0
        }
        groupCount = Int(groups)
        hasLimit = options.contains(.limited)
        code = compiled
    }

    deinit { pcre2_code_free_8(code) }

    /// Whether an unfinished match at the end of the text is reported.
    public enum PartialMode: Sendable {
        /// The text is complete.
        case none
        /// More text may follow: a match that looked at the end of the text counts as unfinished.
        case hard
    }

    /// What a search found.
    public enum Outcome: Equatable, Sendable {
        case match
        case noMatch
        /// Begins at this offset and needs more text to be decided.
        case partial(Int)
        /// A limit of `MatchScratch` was reached; nothing is known about the text.
        case limit
    }

    /// Searches `text` from `start` on; bytes before `start` are visible to look-behind.
    ///
    /// With `Options.limited`, a match that begins after `last` is not looked for. With `Options.lines`, `endsLine` says whether a
    /// line ends where the text does.
    ///
    /// On `.match`, `scratch` holds the spans until its next use.
    /// Complexity: bounded by the match limit of `scratch`.
    public func firstMatch(
        in text: UnsafeRawBufferPointer, from start: Int, last: Int? = nil, partial: PartialMode = .none,
        endsLine: Bool = true, scratch: borrowing MatchScratch
    ) -> Outcome {
        precondition(start >= 0 && start <= text.count, "the start of a search lies inside its text")
        var flags: UInt32 = partial == .hard ? UInt32(PCRE2_PARTIAL_HARD) : 0
        if !endsLine { flags |= UInt32(PCRE2_NOTEOL) }
        // PCRE2_UNSET is ~0.
        if hasLimit { pcre2_set_offset_limit_8(scratch.context, last ?? -1) }
        defer { if hasLimit { pcre2_set_offset_limit_8(scratch.context, -1) } }
        // Memory: `text` outlives the call; an empty buffer gets a valid pointer and length 0.
        let base = text.baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) } ?? scratch.emptyText
        let status =
            hasJIT
            ? pcre2_jit_match_8(code, base, text.count, start, flags, scratch.data, scratch.context)
            : pcre2_match_8(code, base, text.count, start, flags, scratch.data, scratch.context)
        if status >= 0 { return .match }
        switch status {
        case PCRE2_ERROR_NOMATCH: return .noMatch
        case PCRE2_ERROR_PARTIAL: return .partial(scratch.ovector[0])
        default: return .limit
        }
    }
}

/// Match data, limits and JIT stack for one thread's searches.
public struct MatchScratch: ~Copyable {
    /// Backtracking steps of one search. Ordinary rules need a few hundred; a pattern that explodes reaches this
    /// within about 20 ms.
    public static let defaultMatchLimit: UInt32 = 1_000_000
    /// Bytes of machine stack that one search may use.
    public static let jitStackLimit = 512 * 1024
    /// Groups whose spans are kept; a rule's secret group must be below this.
    public static let maximumGroups = 64

    fileprivate let data: OpaquePointer
    fileprivate let context: OpaquePointer
    private let stack: OpaquePointer?
    fileprivate let ovector: UnsafeMutablePointer<Int>

    /// A valid address for empty texts; never read.
    fileprivate var emptyText: UnsafePointer<UInt8> { UnsafeRawPointer(ovector).assumingMemoryBound(to: UInt8.self) }

    /// Makes scratch space, about 40 KiB until a search needs more.
    public init(matchLimit: UInt32 = MatchScratch.defaultMatchLimit) {
        guard let data = pcre2_match_data_create_8(UInt32(Self.maximumGroups), nil),
            let context = pcre2_match_context_create_8(nil)
        else { fatalError("out of memory") }
        pcre2_set_match_limit_8(context, matchLimit)
        stack = pcre2_jit_stack_create_8(32 * 1024, Self.jitStackLimit, nil)
        pcre2_jit_stack_assign_8(context, nil, stack.map(UnsafeMutableRawPointer.init))
        self.data = data
        self.context = context
        ovector = pcre2_get_ovector_pointer_8(data)
    }

    deinit {
        pcre2_match_data_free_8(data)
        pcre2_match_context_free_8(context)
        if let stack { pcre2_jit_stack_free_8(stack) }
    }

    /// The span of `group` in the last match, or nil if it took no part. Group 0 is the whole match.
    public func span(of group: Int) -> Range<Int>? {
        guard group < Self.maximumGroups else { return nil }
        let lower = ovector[2 * group]
        let upper = ovector[2 * group + 1]
        // PCRE2_UNSET is ~0; \K in a look-ahead can make an end before its start.
        guard lower >= 0, upper >= lower else { return nil }
        return lower..<upper
    }
}

/// Why a pattern could not be compiled. Carries PCRE2's words and a place, never text that was searched.
public struct PatternError: Error, Equatable, Sendable {
    /// PCRE2's error number.
    public let code: Int32
    /// Offset in the pattern, in bytes.
    public let offset: Int

    /// PCRE2's message, without the offset.
    public var message: String {
        // PCRE2 documents 120 code units as enough for its longest message; twice that leaves room.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 240) { buffer in
            let length = pcre2_get_error_message_8(code, buffer.baseAddress, buffer.count)
            guard length > 0, let base = buffer.baseAddress else { return "PCRE2 error \(code)" }
            return String(decoding: UnsafeBufferPointer(start: base, count: Int(length)), as: UTF8.self)
        }
    }
}
