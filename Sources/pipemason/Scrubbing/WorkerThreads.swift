internal import CPlatform
internal import Glibc

/// Something that one of several threads does.
protocol WorkerTask: AnyObject, Sendable {
    func run()
}

/// Threads that take tasks in the order in which they were given.
///
/// Signals are blocked in them: the thread that made this takes them all.
final class WorkerThreads: @unchecked Sendable {
    // SAFETY: everything that changes is used under `mutex`; `threads` by the maker only.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    /// There is a task to take, or the end.
    private let submitted = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    /// The task that is waited for is done.
    private let done = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var waiting: [any WorkerTask] = []
    private var running: Set<ObjectIdentifier> = []
    /// What the thread that made this waits for.
    private var awaited: ObjectIdentifier?
    private var isStopping = false
    private var threads: [pthread_t] = []

    /// Starts `count` threads. With none, whether asked for or because the system refuses, tasks run where they are waited for.
    init(_ count: Int) {
        // What a thread allocates, another frees; and with an arena for each, what is free in one serves no other. Small blocks come
        // from caches of the threads' own in any case.
        pm_limit_arenas(2)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(submitted, nil)
        pthread_cond_init(done, nil)
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, &before)
        while threads.count < count, let thread = start() { threads.append(thread) }
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }

    /// A new thread; nil if the system refuses.
    private func start() -> pthread_t? {
        var thread = pthread_t()
        let own = Unmanaged.passRetained(self)
        let failed = pthread_create(
            &thread, nil,
            { argument in
                // Retained by whoever made the thread.
                Unmanaged<WorkerThreads>.fromOpaque(argument!).takeRetainedValue().work()
                return nil
            }, own.toOpaque())
        if failed == 0 { return thread }
        own.release()
        return nil
    }

    deinit {
        pthread_cond_destroy(submitted)
        pthread_cond_destroy(done)
        pthread_mutex_destroy(mutex)
        submitted.deallocate()
        done.deallocate()
        mutex.deallocate()
    }

    /// Gives a task to the threads.
    func submit(_ task: any WorkerTask) {
        locked {
            waiting.append(task)
            pthread_cond_signal(submitted)
        }
    }

    /// Waits until a task that was submitted is done.
    func wait(for task: any WorkerTask) {
        let isLeft = locked {
            if threads.isEmpty, let index = waiting.firstIndex(where: { $0 === task }) {
                waiting.remove(at: index)
                return true
            }
            while running.contains(ObjectIdentifier(task)) || waiting.contains(where: { $0 === task }) {
                awaited = ObjectIdentifier(task)
                pthread_cond_wait(done, mutex)
            }
            awaited = nil
            return false
        }
        if isLeft { task.run() }
    }

    /// Ends the threads; what has not begun is not done.
    func stop() {
        locked {
            isStopping = true
            waiting = []
            pthread_cond_broadcast(submitted)
        }
        for thread in threads { pthread_join(thread, nil) }
        threads = []
    }

    private func work() {
        while let task = next() {
            task.run()
            locked {
                running.remove(ObjectIdentifier(task))
                if awaited == ObjectIdentifier(task) { pthread_cond_signal(done) }
            }
        }
    }

    private func next() -> (any WorkerTask)? {
        locked {
            while waiting.isEmpty, !isStopping { pthread_cond_wait(submitted, mutex) }
            guard !isStopping else { return nil }
            let task = waiting.removeFirst()
            running.insert(ObjectIdentifier(task))
            return task
        }
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
