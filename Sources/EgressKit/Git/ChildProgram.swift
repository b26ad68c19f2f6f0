internal import CommandSupport
internal import Glibc

/// Another program that is asked something: it gets an input and says an answer.
package enum ChildProgram {
    /// Runs a program that is found in PATH; returns what it wrote to standard output, or nil when it failed, wrote more than
    /// `limit` bytes, or took longer than `milliseconds`. What it says to standard error is dropped.
    package static func ask(
        _ words: [String], environment: [[UInt8]], input: [UInt8] = [], limit: Int = 1 << 20, milliseconds: Int
    ) -> [UInt8]? {
        // In this one's process group, so that it can ask at the terminal.
        let surroundings = PipedProgram.Surroundings(environment: environment, isApart: false, dropsErrors: true)
        guard let child = try? PipedProgram(words[0], words, surroundings) else { return nil }
        let reading = Descriptor(child.output)
        signal(SIGPIPE, SIG_IGN)
        // What is said fits into a pipe (64 KiB) or is not said: nobody waits for anybody.
        let written = input.withUnsafeBytes { write(child.input, $0.baseAddress, $0.count) }
        close(child.input)
        var answer: [UInt8]? = []
        let deadline = Monotonic.milliseconds + milliseconds
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            var wait = pollfd(fd: reading.number, events: Int16(POLLIN), revents: 0)
            let left = deadline - Monotonic.milliseconds
            guard left > 0 else {
                answer = nil
                break
            }
            guard poll(&wait, 1, Int32(clamping: left)) > 0 else { continue }
            let count = read(reading.number, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            answer?.append(contentsOf: chunk[..<count])
            if answer?.count ?? 0 > limit {
                answer = nil
                break
            }
        }
        if answer == nil { kill(child.process, SIGKILL) }
        var ending: Int32 = 0
        while waitpid(child.process, &ending, 0) < 0, errno == EINTR {}
        return ending == 0 && written == input.count ? answer : nil
    }
}
