internal import Glibc
package import RedactionRules
package import RuleFiles

/// A rule of `Rules/` with its samples.
package struct RuleCase: Sendable, CustomStringConvertible {
    package let rule: Rule
    package let samples: RuleSamples
    package var description: String { rule.id }

    /// Matches and near-misses.
    package var texts: [[UInt8]] {
        samples.matches.map { Array($0.text.utf8) } + samples.nearMisses.map { Array($0.utf8) }
    }
}

/// A log of `Corpus/logs`, joined, and what is expected for it.
package struct LogCase: Sendable, CustomStringConvertible {
    package let name: String
    package let input: [UInt8]
    package let expected: [UInt8]
    package var description: String { name }
}

/// What the repository holds: rules with their samples, and logs.
package enum Repository {
    /// The repository's folder: two above this file's.
    package static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(
        separator: "/")

    package static let rules: [RuleCase] = files(in: "Rules", ending: ".toml").flatMap { name -> [RuleCase] in
        do {
            let file = try RuleFile.load("\(root)/Rules/\(name)")
            return file.samples.compactMap { samples in
                file.ruleSet.rule(id: samples.id).map { RuleCase(rule: $0, samples: samples) }
            }
        } catch {
            fatalError("Rules/\(name): \(error)")
        }
    }

    package static let logs: [LogCase] = files(in: "Corpus/logs", ending: ".log").map { file in
        let name = String(file.dropLast(4))
        return LogCase(
            name: name, input: joined(read("\(root)/Corpus/logs/\(file)")),
            expected: read("\(root)/Corpus/logs/\(name).expected"))
    }

    package static func files(in folder: String, ending suffix: String) -> [String] {
        guard let handle = opendir("\(root)/\(folder)") else { fatalError("no folder \(folder)") }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(suffix) { names.append(name) }
        }
        return names.sorted()
    }

    package static func read(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { fatalError("cannot open \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&room, 1, room.count, file), count > 0 { bytes += room[..<count] }
        return bytes
    }

    /// Takes the `<cut>` markers out.
    package static func joined(_ bytes: [UInt8]) -> [UInt8] {
        let marker = Array("<cut>".utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index] == marker[0], bytes[index...].starts(with: marker) {
                index += marker.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}

extension String {
    /// Without the `<cut>` markers, which keep this repository free of what looks like a secret.
    package var joined: String { replacing("<cut>", with: "") }
}
