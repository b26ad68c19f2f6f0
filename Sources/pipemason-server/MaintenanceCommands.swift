internal import ArgumentParser
internal import Foundation
internal import SealingKit
internal import ServerKit
internal import ServerLaunch
internal import ServerStore
internal import ServerStoreSQLite

/// `pipemason-server backup`.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy the database to a new file while the server goes on.",
        discussion: "The key file is not part of it: keep that apart. Without it a backup opens nothing that is sealed."
    )
    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The new file.")
    var file: String

    func run() async throws {
        try await handlingErrors {
            let configuration = try options.configuration()
            let directory = DataDirectory(configuration)
            guard directory.isEmbedded else {
                report(
                    "PostgreSQL has its own backups: pg_dump as a role with BYPASSRLS, or continuous archiving (docs/operations.md)"
                )
                throw ExitCode(2)
            }
            try directory.requireDatabase()
            _ = umask(0o077)
            let store = try directory.openEmbedded()
            try await store.backup(to: file)
            if let place = configuration.text(.artifacts) {
                report("artifacts are not part of it: copy \(place) as well, now that the database is copied")
            }
        }
    }
}

/// `pipemason-server verify`.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Open everything and check every chain.",
        discussion: "Exit status 1 when something is wrong. Shows counts, ids and places, never contents.")
    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("A backup to look at instead of the database.", valueName: "file"))
    var backup: String?

    func run() async throws {
        try await handlingErrors {
            let configuration = try options.configuration()
            let (plane, keks) = try openPlane(configuration, database: backup)
            try await BodyOwner(plane.store).check(plane.settings.bodies)
            let result = try await Verification(plane: plane, keks: keks).run()
            for problem in result.problems { report(problem) }
            print(
                "\(result.organizations) organizations, \(result.keys) keys, \(result.runs) runs, \(result.events) events, "
                    + "\(result.artifacts) artifacts, \(result.problems.count) problems")
            if !result.problems.isEmpty { throw ExitCode(1) }
        }
    }
}

/// `pipemason-server sign-in-link`.
struct SignInLinkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign-in-link", abstract: "Print a link that signs somebody in, once.")
    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The person's mail address.")
    var email: String

    func run() async throws {
        try await handlingErrors {
            let (plane, _) = try openPlane(try options.configuration())
            guard let address = MailAddress.normalize(email),
                let link = try await plane.makeSignInLink(email: address, address: nil)
            else {
                report("nobody of that address belongs to an organization, or too many links are open")
                throw ExitCode(1)
            }
            print(link)
        }
    }
}

/// `pipemason-server runner-token`.
struct RunnerTokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runner-token", abstract: "Make a runner's token without pairing; prints it, once.",
        discussion: "For machines without a person, such as build agents. `pipemason login` pairs all others.")
    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "What the token is called.") var name: String

    @Option(help: ArgumentHelp("The organization's id; needed when there are several.", valueName: "id"))
    var organization: String?

    func run() async throws {
        try await handlingErrors {
            let (plane, _) = try openPlane(try options.configuration())
            let all = try await plane.store.organizations()
            let fitting = all.filter { organization == nil || $0.id.description == organization }
            guard fitting.count == 1, let chosen = fitting.first else {
                report("there are \(fitting.count) such organizations; `organization list` shows their ids")
                throw ExitCode(1)
            }
            print(try await plane.createRunnerToken(.server(chosen.id), name: name, days: nil).text)
        }
    }
}

/// `pipemason-server organization`.
struct OrganizationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "organization", abstract: "Manage organizations.", subcommands: [Create.self, List.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make an organization; prints its id.")
        @OptionGroup var options: ConfigurationOptions

        @Argument var name: String
        @Argument(help: "The owner's mail address.") var email: String

        func run() async throws {
            try await handlingErrors {
                let (plane, _) = try openPlane(try options.configuration())
                print(try await plane.createOrganization(name: name, ownerEmail: email).organization)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the organizations.")
        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            try await handlingErrors {
                let (plane, _) = try openPlane(try options.configuration())
                for organization in try await plane.store.organizations() {
                    print("\(organization.id) \(organization.name)")
                }
            }
        }
    }
}

/// The control plane over the database of a configuration, without serving. A running server is no obstacle.
private func openPlane(
    _ configuration: ServerConfiguration, database: String? = nil
) throws -> (ControlPlane, KeyFile) {
    var settings = configuration.settings()
    settings.bodies = try configuration.bodies()
    let directory = DataDirectory(configuration)
    if database == nil { try directory.requireDatabase() }
    let keks = try directory.keks()
    let store: any ControlPlaneStore = try database.map { try SQLiteStore(path: $0) } ?? directory.open()
    let plane = try ControlPlane(
        store: store, keks: { keks }, settings: settings, mailer: NoMailer())
    return (plane, keks)
}

extension DataDirectory {
    /// A command must not make an empty database by looking for one.
    func requireDatabase() throws {
        guard !isEmbedded || hasDatabase else {
            report("there is no database in \(path); `serve` makes one")
            throw ExitCode(1)
        }
    }
}
