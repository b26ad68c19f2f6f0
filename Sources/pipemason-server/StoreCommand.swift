internal import ArgumentParser
internal import Foundation
internal import ServerLaunch
internal import ServerStore

/// `pipemason-server store`.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Work on the database as a whole.", subcommands: [Copy.self])

    struct Copy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy the SQLite file in data into the empty PostgreSQL database.",
            discussion: """
                Stop the server first. A copy that was stopped goes on when this is run again. Every row is compared before \
                servers can start there; run `verify` afterwards to check chains and keys as well. The key file stays the same.
                """)
        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            try await handlingErrors {
                let configuration = try options.configuration()
                let directory = DataDirectory(configuration)
                guard let address = configuration.postgres else {
                    report("the setting `database` must say where to")
                    throw ExitCode(2)
                }
                guard directory.hasDatabase else {
                    report("there is no database in \(directory.path)")
                    throw ExitCode(1)
                }
                let lock = try directory.lock()
                defer { withExtendedLifetime(lock) {} }
                let source = try directory.openEmbedded()
                let rows = try await StoreCopy(from: source, to: address).run { print($0) }
                try source.close()
                print("\(rows) rows are copied, and are the same there")
                if let place = configuration.text(.artifacts) {
                    print("artifacts stay in \(place): the servers there need the same setting")
                }
            }
        }
    }
}
