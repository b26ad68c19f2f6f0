internal import ArgumentParser
internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import RedactionKit
internal import RunnerKit
internal import Synchronization

/// Options of commands whose commands may get tokens for git from the server.
package struct GitHubOptions: ParsableArguments, Sendable {
    @Flag(name: .customLong("no-github"), help: "Leave git alone: no tokens from the server.")
    var isOff = false

    @Flag(
        name: .customLong("strict-github"),
        help: "For the run's repositories, use tokens from the server or none: not the git credentials of this machine."
    )
    var isStrict = false

    @Option(
        name: .customLong("github-repo"),
        help: ArgumentHelp(
            "A repository to get tokens for, besides the remotes of the working directory: owner/name or an address; repeatable.",
            valueName: "repository"))
    var repositories: [String] = []

    package init() {}

    package var settings: GitHubSettings {
        GitHubSettings(isOn: !isOff, isStrict: isStrict, repositories: repositories)
    }
}

/// Whether commands get tokens for git from the server, and for which repositories.
package struct GitHubSettings {
    package var isOn = true
    /// Whether git uses nothing but these tokens for the run's repositories.
    package var isStrict = false
    /// `owner/name` or addresses, besides the remotes of the working directory.
    package var repositories: [String] = []
}

/// Tokens for the git processes of a run's commands: the broker, and what commands need to reach it.
final class GitHubAccess: ValueSource {
    /// Used from the thread that runs commands; locked for the sake of the type.
    private let state: Mutex<State>
    let process: Int32
    private let isStrict: Bool

    private struct State: ~Copyable {
        let broker: Broker
        var received: [KnownValue] = []
        var count = 0
    }

    /// Carries the broker into the lock.
    private struct Broker: @unchecked Sendable {
        // SAFETY: reached through `state` only.
        let value: GitBrokerProcess
    }

    /// Starts the broker; nil when this machine is not paired, or there is nothing to answer for.
    init?(run: String, _ settings: GitHubSettings) {
        guard settings.isOn else { return nil }
        let broker: GitBrokerProcess?
        do throws(Failure) {
            broker = try GitBrokerProcess.start(run: run, repositories: settings.repositories)
        } catch {
            Diagnostics.warn("git uses the credentials of this machine: \(error.message)")
            return nil
        }
        guard let broker else { return nil }
        process = broker.process
        isStrict = settings.isStrict
        state = Mutex(State(broker: Broker(value: broker)))
    }

    /// `environment` with what makes git ask.
    func wired(_ environment: [[UInt8]]) -> [[UInt8]] {
        guard let program = Self.program else { return environment }
        return state.withLock { state in
            GitWiring.wire(
                environment, bases: state.broker.value.bases, program: program, socket: state.broker.value.socket,
                isStrict: isStrict)
        }
    }

    var descriptor: Int32? { state.withLock { $0.broker.value.hasEnded ? nil : $0.broker.value.output } }

    var received: [KnownValue] { state.withLock { $0.received } }

    func receive() -> [KnownValue] {
        state.withLock { state in
            var values: [KnownValue] = []
            for message in state.broker.value.receive() ?? [] {
                switch message {
                case .value(let bytes):
                    state.count += 1
                    // What cannot be masked is not acknowledged, and so is not used.
                    if let value = try? KnownValue(name: "git-token-\(state.count)", value: bytes) {
                        values.append(value)
                    }
                case .warning(let text): Diagnostics.warn(text)
                case .ready: break
                }
            }
            state.received += values
            return values
        }
    }

    func acknowledge() { state.withLock { $0.broker.value.acknowledge() } }

    /// Gives everything back.
    func finish() { state.withLock { $0.broker.value.finish() } }

    /// This program's own path: what git starts.
    private static var program: String? {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        guard count > 0 else { return nil }
        return String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
