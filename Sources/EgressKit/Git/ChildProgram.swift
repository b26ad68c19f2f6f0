internal import CommandSupport
internal import Glibc

/// Another program that is asked something: it gets an input and says an answer.
package enum ChildProgram {
    /// Runs a program that is found in PATH; returns what it wrote to standard output, or nil when it failed, wrote more than
    /// `limit` bytes, or took longer than `milliseconds`. What it says to standard error is dropped.
    package static func ask(
        _ words: [String], environment: [[UInt8]], input: [UInt8] = [], limit: Int = 1 << 20, milliseconds: Int
    ) -> [UInt8]? {
        var toChild: [Int32] = [0, 0]
        var fromChild: [Int32] = [0, 0]
        guard pipe(&toChild) == 0 else { return nil }
        guard pipe(&fromChild) == 0 else {
            for number in toChild { close(number) }
            return nil
        }
        let reading = Descriptor(fromChild[0])
        for number in toChild + fromChild { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var arguments = words.map { strdup($0) } + [nil]
        var variables = environment.map { entry in
            (entry.filter { $0 != 0 } + [0]).withUnsafeBytes {
                strdup($0.assumingMemoryBound(to: CChar.self).baseAddress!)
            }
        }
        variables.append(nil)
        defer { for text in arguments + variables { free(text) } }
        var id: pid_t = 0
        let status = posix_spawnp(&id, words[0], &actions, nil, &arguments, &variables)
        close(toChild[0])
        close(fromChild[1])
        guard status == 0 else {
            close(toChild[1])
            return nil
        }
        signal(SIGPIPE, SIG_IGN)
        // What is said fits into a pipe (64 KiB) or is not said: nobody waits for anybody.
        let written = input.withUnsafeBytes { write(toChild[1], $0.baseAddress, $0.count) }
        close(toChild[1])
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
        if answer == nil { kill(id, SIGKILL) }
        var ending: Int32 = 0
        while waitpid(id, &ending, 0) < 0, errno == EINTR {}
        return ending == 0 && written == input.count ? answer : nil
    }
}
