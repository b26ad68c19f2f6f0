internal import CommandSupport
internal import Glibc

/// A line on the terminal that shows how far a long file is.
struct ProgressBar {
    /// Files below this size are done before a person could read the line.
    static let minimumSize: UInt64 = 64 << 20

    private let name: String
    private let total: UInt64
    private let start: Clock
    private var last: Clock
    private var isShown = false

    /// Starts a bar for a file of `total` bytes; nil where nobody would see it, or where it would mix with the output.
    init?(name: String, total: UInt64, outputIsTerminal: Bool) {
        guard total >= ProgressBar.minimumSize, !outputIsTerminal, Terminal.isTerminal(STDERR_FILENO) else {
            return nil
        }
        self.name = name
        self.total = total
        start = Clock.now
        last = start
    }

    /// Redraws, ten times a second at most.
    mutating func update(_ done: UInt64) {
        let now = Clock.now
        guard now.seconds(since: last) >= 0.1 else { return }
        last = now
        isShown = true
        let elapsed = now.seconds(since: start)
        let share = min(1, Double(done) / Double(total))
        let rate = Double(done) / max(elapsed, 0.001)
        let rest = Double(total - min(done, total)) / max(rate, 1)
        let facts =
            " \(Summary.left(Summary.fixed(share * 100, 0), 3)) %  \(Summary.size(done))  "
            + "\(Summary.size(UInt64(rate)))/s  \(Summary.fixed(rest, 0)) s left"
        let title = Diagnostics.printable(name)
        let room = Terminal.width(STDERR_FILENO) - facts.count - title.count - 4
        var line = title + facts
        if room >= 10 {
            let filled = Int(Double(room) * share)
            line =
                title + " [" + String(repeating: "#", count: filled)
                + String(repeating: ".", count: room - filled) + "]" + facts
        }
        Diagnostics.write("\r\u{1B}[K" + line)
    }

    /// Removes the line.
    func finish() {
        if isShown { Diagnostics.write("\r\u{1B}[K") }
    }
}

/// A line on the terminal that shows how many files of a directory are done. How many there will be is not known.
struct TreeProgress {
    /// Shorter runs are over before a person could read the line.
    static let delay = 0.5

    private let start = Clock.now
    private var last = Clock.now
    private var isShown = false

    /// Starts it; nil where nobody would see it, or where it would mix with the output.
    init?(outputIsTerminal: Bool) {
        guard !outputIsTerminal, Terminal.isTerminal(STDERR_FILENO) else { return nil }
    }

    /// Redraws, ten times a second at most. `path` is what was done last.
    mutating func update(files: Int, bytes: UInt64, path: String) {
        let now = Clock.now
        let elapsed = now.seconds(since: start)
        guard elapsed >= TreeProgress.delay, now.seconds(since: last) >= 0.1 else { return }
        last = now
        isShown = true
        let facts =
            "\(files) files  \(Summary.size(bytes))  \(Summary.size(UInt64(Double(bytes) / max(elapsed, 0.001))))/s  "
        let room = max(0, Terminal.width(STDERR_FILENO) - facts.count - 1)
        Diagnostics.write("\r\u{1B}[K" + facts + String(Diagnostics.printable(path).suffix(room)))
    }

    /// Removes the line.
    mutating func finish() {
        if isShown { Diagnostics.write("\r\u{1B}[K") }
        isShown = false
    }
}
