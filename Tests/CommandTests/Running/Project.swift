internal import Glibc
internal import RunModel
internal import Testing

/// A directory in which commands are run, with its log.
final class Project {
    let directory = Directory()

    /// Runs `pipemason run` with a shell script as its command.
    func run(_ script: String, _ options: [String] = [], environment: [String: String] = [:]) throws -> Child.Result {
        try Child.run(
            ["run"] + options + ["--", "/bin/sh", "-c", script], environment: environment, directory: directory.path)
    }

    func start(_ script: String, _ options: [String] = [], environment: [String: String] = [:]) throws -> Child {
        try Child(
            ["run"] + options + ["--", "/bin/sh", "-c", script], environment: environment, directory: directory.path)
    }

    /// The newest run's log as it stands.
    var log: [UInt8] { read(".pipeline/iterations.log") }

    func read(_ name: String) -> [UInt8] {
        let file = open(directory.path + "/" + name, O_RDONLY)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count <= 0 { return bytes }
            bytes += chunk[..<count]
        }
    }

    /// The newest run's events, its chain verified.
    func events() throws -> [RunEvent] {
        var reader = LogReader()
        var events: [RunEvent] = []
        let bytes = log
        try reader.write(bytes.span) { event, _ in events.append(event) }
        try reader.finish()
        return events
    }

    /// What a stream was, according to the log.
    func output(_ stream: CommandOutput.Stream) throws -> [UInt8] {
        try events().flatMap { event -> [UInt8] in
            guard case .commandOutput(let output) = event.body, output.stream == stream else { return [] }
            return output.bytes
        }
    }

    func verify(_ arguments: [String] = []) throws -> Child.Result {
        try Child.run(["verify"] + arguments, directory: directory.path)
    }
}

/// Processes on this machine, found by a word in their command line that only this test knows.
enum Processes {
    static func ids(with word: String) -> [pid_t] {
        guard let proc = opendir("/proc") else { return [] }
        defer { closedir(proc) }
        var ids: [pid_t] = []
        while let entry = readdir(proc) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let id = pid_t(name), id != getpid(), contents("/proc/\(id)/cmdline").contains(word) else { continue }
            ids.append(id)
        }
        return ids
    }

    /// The children of a process.
    static func children(of parent: pid_t) -> [pid_t] {
        contents("/proc/\(parent)/task/\(parent)/children").split(separator: " ").compactMap { pid_t($0) }
    }

    /// The scrubbing process of a runner, once it is there.
    static func scrubber(of runner: pid_t) -> pid_t? {
        for _ in 0..<500 {
            let found = children(of: runner).first { contents("/proc/\($0)/cmdline").contains("scrubbing-process") }
            if let found { return found }
            usleep(10_000)
        }
        return nil
    }

    static func contents(_ path: String) -> String {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(file, &chunk, chunk.count)
            if count <= 0 { return String(decoding: result, as: UTF8.self) }
            result += chunk[..<count]
        }
    }
}

/// Secrets that nobody else prints, put together so that no file holds one.
enum Canary {
    static let token = "gh" + "p_" + "Zx9QvB3kLm7RtY2wPs5HnD8cFj4GaU6e1KoT"
    static let value = "canary-" + "plover-quartz-" + "8841"
}
