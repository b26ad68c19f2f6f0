internal import ArgumentParser
internal import CPlatform
internal import Foundation
internal import ServerLaunch
internal import ServerWeb

/// `pipemason-server serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve until SIGTERM or SIGINT.",
        discussion: "The first start makes the key file, an organization and its owner, and prints a sign-in link.")
    @OptionGroup var options: ConfigurationOptions

    /// Bytes from which on an allocation has pages of its own. Without it, what 1,000 streams keep lies scattered over what their beginnings
    /// needed for a moment: 120 to 136 KiB a watcher rather than 25. Half as many bytes cost a seventh of the events that are taken in a second.
    static let ownPages: Int32 = 64 << 10

    func run() async throws {
        pm_allocate_apart(Self.ownPages)
        try await handlingErrors {
            let configuration = try options.configuration()
            let metrics = try Server.bootstrap(configuration)
            let server = Server(configuration, pages: ErrorPages()) { $0.addPages() }
            try await server.run(metrics) { line in
                FileHandle.standardOutput.write(Data("pipemason-server: \(line)\n".utf8))
            }
        }
    }
}

/// `pipemason-server config check`.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Look at the configuration.", subcommands: [Check.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show every setting and where it was set, or what is wrong with one.")
        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            try await handlingErrors {
                let configuration = try options.configuration()
                for setting in Setting.allCases {
                    guard let value = configuration.values[setting] else { continue }
                    print("\(setting.rawValue) = \(configuration.shown(setting))  # \(value.origin)")
                }
                for warning in configuration.warnings { report("warning: \(warning)") }
            }
        }
    }
}
