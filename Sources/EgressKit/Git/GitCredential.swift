/// What git says to a credential helper, and hears from it (git-credential(1), "INPUT/OUTPUT FORMAT").
package struct GitCredential: Sendable, Equatable {
    /// In the order in which they came; `wwwauth[]` and others may occur several times.
    package private(set) var attributes: [(name: String, value: String)] = []

    /// The largest text in bytes, and the most attributes.
    package static let maximumSize = 64 << 10
    package static let maximumAttributes = 200

    package init(_ attributes: [(name: String, value: String)] = []) { self.attributes = attributes }

    /// Reads lines `name=value` up to an empty line or the end.
    /// - Returns: nil when a line is none, or a value holds NUL.
    package init?(parsing bytes: [UInt8]) {
        guard bytes.count <= Self.maximumSize else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            guard !line.isEmpty else { break }
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")), equals > line.startIndex,
                !line.contains(0), attributes.count < Self.maximumAttributes,
                let name = String(validating: line[..<equals], as: UTF8.self),
                let value = String(validating: line[(equals + 1)...], as: UTF8.self)
            else { return nil }
            attributes.append((name, value))
        }
    }

    package subscript(_ name: String) -> String? { attributes.last { $0.name == name }?.value }

    /// The lines, with an empty one at the end.
    package var text: [UInt8] {
        Array(attributes.map { "\($0.name)=\($0.value)\n" }.joined().utf8) + [UInt8(ascii: "\n")]
    }

    package static func == (left: Self, right: Self) -> Bool { left.text == right.text }
}

/// A repository at a GitHub, as a remote's address names it.
package struct GitRemote: Sendable, Hashable {
    /// `https://host`, with the port if it is not the usual one. Plain `http` is for this machine alone.
    package let base: String
    /// `owner/name`.
    package let name: String

    /// What git's config and the server compare: host, and port if there is one.
    package var authority: String { String(base.drop { $0 != ":" }.dropFirst(3)) }

    /// Reads `https://[user@]host/owner/name[.git]`, `ssh://[user@]host/owner/name`, `user@host:owner/name`, and for
    /// `--github-repo` also `owner/name` alone, which is at github.com. Nil for anything else.
    package init?(_ text: String, allowsShort: Bool = false) {
        var rest = text[...]
        var scheme = "https://"
        if rest.hasPrefix("https://") {
            rest = rest.dropFirst(8)
        } else if rest.hasPrefix("http://") {
            scheme = "http://"
            rest = rest.dropFirst(7)
        } else if rest.hasPrefix("ssh://") {
            rest = rest.dropFirst(6)
            // The port is ssh's.
            if let slash = rest.firstIndex(of: "/"), let colon = rest[..<slash].lastIndex(of: ":") {
                rest = rest[..<colon] + rest[slash...]
            }
        } else if let colon = rest.firstIndex(of: ":"), let at = rest.firstIndex(of: "@"), at < colon {
            rest = rest[..<colon] + "/" + rest[rest.index(after: colon)...]
        } else if allowsShort {
            rest = "github.com/" + rest
        } else {
            return nil
        }
        let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let authority = (parts[0].lastIndex(of: "@").map { parts[0][parts[0].index(after: $0)...] } ?? parts[0])
        guard let origin = try? Origin(parsing: scheme + authority), let name = Self.name(parts[1]) else { return nil }
        base = origin.description
        self.name = name
    }

    /// The repository in a path as git asks with it: `owner/name.git`, and what git-lfs asks with. Nil for anything else.
    package static func name(_ path: Substring) -> String? {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count > 2, parts[2] == "info" || parts[2].isEmpty { parts = Array(parts[..<2]) }
        guard parts.count == 2 else { return nil }
        let name = parts[1].hasSuffix(".git") ? parts[1].dropLast(4) : parts[1]
        func isWord(_ text: Substring) -> Bool {
            (1...100).contains(text.utf8.count) && text != "." && text != ".." && !text.hasSuffix(".git")
                && text.utf8.allSatisfy { byte in
                    byte &- 0x30 < 10 || (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "-")
                        || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
                }
        }
        guard isWord(parts[0]), isWord(name) else { return nil }
        return "\(parts[0])/\(name)"
    }

    /// Those in what `git remote --verbose` prints.
    package static func list(_ output: [UInt8]) -> [GitRemote] {
        var found: [GitRemote] = []
        for line in output.split(separator: UInt8(ascii: "\n")).prefix(maximumRemotes) {
            let words = String(decoding: line, as: UTF8.self).split { $0 == "\t" || $0 == " " }
            guard words.count >= 2, let remote = GitRemote(String(words[1])), !found.contains(remote) else { continue }
            found.append(remote)
        }
        return found
    }

    /// Lines of `git remote --verbose` that are looked at.
    package static let maximumRemotes = 100

    /// Whether it is the repository that git asks for: same base, same name but for case.
    package func isAsked(base: String, name: String) -> Bool {
        self.base == base && self.name.lowercased() == name.lowercased()
    }
}

/// The configuration that makes git ask this program, in variables of the environment (git-config(1), `GIT_CONFIG_COUNT`), so that nothing
/// is written anywhere.
package enum GitWiring {
    /// The variable with the place where the broker listens.
    package static let socket = "PIPEMASON_GIT_SOCKET"
    /// The variable that says which of the entries are ours: `first count`.
    package static let ours = "PIPEMASON_GIT_CONFIG"
    /// The variable that is there when only the server's tokens are to be used.
    package static let strict = "PIPEMASON_GIT_STRICT"

    /// `environment` with the entries for `bases` added; unchanged when its `GIT_CONFIG_COUNT` is no number, which git refuses.
    package static func wire(
        _ environment: [[UInt8]], bases: [String], program: String, socket: String, isStrict: Bool
    ) -> [[UInt8]] {
        guard let first = count(in: environment) else { return environment }
        let quoted = program.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
        var entries: [(String, String)] = []
        for base in bases {
            // An empty entry drops the helpers that the user has set: git tells every helper of a credential that worked, and
            // `store` would write it down. They are asked by ours when the server has nothing (GitHelper).
            entries.append(("credential.\(base).helper", ""))
            entries.append(("credential.\(base).helper", "!'\(quoted)' git-credential"))
            entries.append(("credential.\(base).useHttpPath", "true"))
        }
        var variables = [
            ("GIT_CONFIG_COUNT", String(first + entries.count)), (ours, "\(first) \(entries.count)"),
            (Self.socket, socket),
            // Traces of HTTP leave credentials out unless this is 0 (git(1)).
            ("GIT_TRACE_REDACT", "1"),
        ]
        if isStrict { variables.append((strict, "1")) }
        for (index, entry) in entries.enumerated() {
            variables.append(("GIT_CONFIG_KEY_\(first + index)", entry.0))
            variables.append(("GIT_CONFIG_VALUE_\(first + index)", entry.1))
        }
        return set(variables, in: environment)
    }

    /// `environment` as it was before `wire`, for the user's own helpers, which must not ask at the terminal: git does.
    package static func unwire(_ environment: [[UInt8]]) -> [[UInt8]] {
        var variables = [("GIT_TERMINAL_PROMPT", "0"), ("GIT_ASKPASS", "")]
        var removed = [ours, socket, strict]
        let words = (value(of: ours, in: environment) ?? "").split(separator: " ").compactMap { Int($0) }
        if words.count == 2, let all = count(in: environment), words[0] >= 0, words[1] >= 0,
            words[0] + words[1] <= all
        {
            // Whoever came after us may have added entries: they move down.
            for index in (words[0] + words[1])..<max(all, words[0] + words[1]) {
                for kind in ["KEY", "VALUE"] {
                    let text = value(of: "GIT_CONFIG_\(kind)_\(index)", in: environment) ?? ""
                    variables.append(("GIT_CONFIG_\(kind)_\(index - words[1])", text))
                }
            }
            for index in (all - words[1])..<all { removed += ["GIT_CONFIG_KEY_\(index)", "GIT_CONFIG_VALUE_\(index)"] }
            if all == words[1] {
                removed.append("GIT_CONFIG_COUNT")
            } else {
                variables.append(("GIT_CONFIG_COUNT", String(all - words[1])))
            }
        }
        let kept = environment.filter { entry in !removed.contains { entry.starts(with: ($0 + "=").utf8) } }
        return set(variables, in: kept)
    }

    /// The most entries that are carried along.
    private static let maximumCount = 10_000

    private static func count(in environment: [[UInt8]]) -> Int? {
        guard let text = value(of: "GIT_CONFIG_COUNT", in: environment), !text.isEmpty else { return 0 }
        guard let count = Int(text), (0...maximumCount).contains(count) else { return nil }
        return count
    }

    private static func value(of name: String, in environment: [[UInt8]]) -> String? {
        let prefix = Array((name + "=").utf8)
        return environment.first { $0.starts(with: prefix) }.map {
            String(decoding: $0.dropFirst(prefix.count), as: UTF8.self)
        }
    }

    private static func set(_ variables: [(String, String)], in environment: [[UInt8]]) -> [[UInt8]] {
        let kept = environment.filter { entry in !variables.contains { entry.starts(with: ($0.0 + "=").utf8) } }
        return kept + variables.map { Array("\($0.0)=\($0.1)".utf8) }
    }
}

/// What the broker tells the runner, and how: a letter, the length in two bytes, most significant first, and the content.
package enum BrokerMessage: Sendable, Equatable {
    /// It listens: the place, and the bases of the repositories that it answers for. Without any, it is gone.
    case ready(socket: String, bases: [String])
    /// A value to mask. It is used only when the runner has answered with one byte.
    case value([UInt8])
    /// For people.
    case warning(String)

    /// Bytes of a content.
    package static let maximumSize = 65_535

    package var encoded: [UInt8] {
        let (letter, content): (UInt8, [UInt8]) =
            switch self {
            case .ready(let socket, let bases):
                (UInt8(ascii: "R"), Array(([socket] + bases).joined(separator: "\n").utf8))
            case .value(let value): (UInt8(ascii: "V"), value)
            case .warning(let text): (UInt8(ascii: "W"), Array(text.utf8))
            }
        let size = min(content.count, Self.maximumSize)
        return [letter, UInt8(size >> 8), UInt8(size & 255)] + content.prefix(size)
    }

    /// Takes the first whole message off `buffer`; nil if there is none yet.
    /// - Throws: `EgressError` for what is no message.
    package static func take(from buffer: inout [UInt8]) throws(EgressError) -> BrokerMessage? {
        guard let letter = buffer.first else { return nil }
        guard [UInt8(ascii: "R"), UInt8(ascii: "V"), UInt8(ascii: "W")].contains(letter) else {
            throw EgressError("a message of the git broker that is none")
        }
        guard buffer.count >= 3 else { return nil }
        let size = Int(buffer[1]) << 8 | Int(buffer[2])
        guard buffer.count >= 3 + size else { return nil }
        let content = Array(buffer[3..<(3 + size)])
        buffer.removeFirst(3 + size)
        switch letter {
        case UInt8(ascii: "V"): return .value(content)
        case UInt8(ascii: "W"): return .warning(String(decoding: content, as: UTF8.self))
        default:
            let lines = String(decoding: content, as: UTF8.self).split(
                separator: "\n", omittingEmptySubsequences: false
            ).map(String.init)
            return .ready(socket: lines[0], bases: Array(lines.dropFirst()))
        }
    }
}
