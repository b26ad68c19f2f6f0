internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import Synchronization
internal import Testing

/// Notes every answer that a test gets, in a file for each test, when `PIPEMASON_ANSWERS` names a directory. `make unit-test` runs the
/// suites on both stores and compares the files (scripts/compare-answers.sh).
///
/// What is random has one name: ids, tokens, hashes, signatures. How far a run was when a stream began is a matter of time and left out.
/// Everything else is there byte for byte.
final class Answers: Sendable {
    private let path: String
    private let lines = Mutex<[String]>([])

    init?() {
        guard let directory = ProcessInfo.processInfo.environment["PIPEMASON_ANSWERS"], let test = Test.current else {
            return nil
        }
        let words = "\(test.id)".split { !$0.isLetter && !$0.isNumber }.prefix { !$0.hasSuffix("swift") }
        path = directory + "/" + words.joined(separator: "-").prefix(150) + ".txt"
    }

    func note(_ method: HTTPRequest.Method, _ uri: String, _ response: TestResponse) {
        let headers = response.headers.map { "\($0.name.canonicalName): \($0.value)" }.sorted().joined(separator: "\t")
        let body = String(buffer: response.body).replacingOccurrences(of: "\n:\n\n", with: "\n")
        let text = "\(method) \(uri) \(response.status.code)\t\(headers)\t\(body)"
            .replacingOccurrences(of: "\n", with: "\\n")
        lines.withLock { $0.append(Self.neutral(text)) }
    }

    /// Several tests of one name and several requests at once come in any order: lines are sorted before they are compared.
    deinit {
        let text = lines.withLock { $0.map { $0 + "\n" }.joined() }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return }
        try? FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).write(contentsOf: Data(text.utf8))
    }

    private static func neutral(_ text: String) -> String {
        var text = text
        for (pattern, name) in patterns {
            text = pattern.stringByReplacingMatches(
                in: text, range: NSRange(text.startIndex..., in: text), withTemplate: name)
        }
        return text
    }

    private static let patterns: [(NSRegularExpression, String)] = [
        ("event: snapshot\\\\ndata: [^\\\\]*\\\\n", "SNAPSHOT"),
        ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
        ("(pm|gh)[a-z]_[0-9A-Za-z]{20,}", "TOKEN"),
        ("127\\.0\\.0\\.1:[0-9]+", "ADDRESS"), ("state=[^&\"]+", "state=STATE"), ("code=[0-9A-Za-z]{20,}", "code=CODE"),
        // 32 and 16 random bytes in base64: challenges, and the ids of users for their authenticators.
        ("(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])", "RANDOM"),
        ("\"id\":\"[A-Za-z0-9_-]{22}\"", "\"id\":\"RANDOM\""),
        // The end of a runner token's id, by which people tell them apart.
        ("…[0-9a-f]{8}", "…END"),
        ("[0-9a-f]{128}", "SIGNATURE"), ("[0-9a-f]{64}", "HASH"), ("\\b[0-9a-f]{16}\\b", "KEY"),
        ("[A-Za-z0-9+/_-]{86}={0,2}", "SIGNATURE"), ("\\b[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}\\b", "CODE"),
    ].compactMap { pattern, name in (try? NSRegularExpression(pattern: pattern)).map { ($0, name) } }
}

/// A client whose answers are noted.
struct NotingClient: TestClientProtocol {
    let base: any TestClientProtocol
    let answers: Answers

    var port: Int? { base.port }

    func executeRequest(
        uri: String, method: HTTPRequest.Method, headers: HTTPFields, body: ByteBuffer?
    ) async throws -> TestResponse {
        let response = try await base.executeRequest(uri: uri, method: method, headers: headers, body: body)
        answers.note(method, uri, response)
        return response
    }
}
