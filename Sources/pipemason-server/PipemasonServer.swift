internal import ArgumentParser
internal import Foundation
internal import ServerLaunch

@main
struct PipemasonServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pipemason-server",
        abstract: "Watch runs of pipemason live, replay them, pair and revoke machines.",
        discussion: "Settings come from flags, PIPEMASON_SERVER_… variables and a TOML file; see docs/server.md.",
        version: "0.1.0",
        subcommands: [
            ServeCommand.self, ConfigCommand.self, BackupCommand.self, VerifyCommand.self, SignInLinkCommand.self,
            RunnerTokenCommand.self,
            OrganizationCommand.self, KeysOfServer.self, StoreCommand.self,
        ])
}

/// Writes a line to standard error.
func report(_ message: String) { FileHandle.standardError.write(Data("pipemason-server: \(message)\n".utf8)) }

/// Runs a command's work: what fails is one line and the exit status 1; a configuration that does not fit is 2.
func handlingErrors(_ work: () async throws -> Void) async throws {
    do { try await work() } catch let error as ConfigurationError {
        report("\(error)")
        throw ExitCode(2)
    } catch let error as ExitCode {
        throw error
    } catch {
        report("\(error)")
        throw ExitCode(1)
    }
}
