internal import ArgumentParser
internal import Foundation
internal import ServerLaunch

/// The flags of all commands that need the configuration.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A file of settings (TOML).", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp(Setting.data.help, valueName: "directory"))
    var data: String?

    @Option(help: ArgumentHelp(Setting.database.help, valueName: "uri"))
    var database: String?

    @Option(help: ArgumentHelp(Setting.databasePasswordFile.help, valueName: "file"))
    var databasePasswordFile: String?

    @Option(help: ArgumentHelp(Setting.databaseConnections.help, valueName: "number"))
    var databaseConnections: String?

    @Option(help: ArgumentHelp(Setting.artifacts.help, valueName: "place"))
    var artifacts: String?

    @Option(help: ArgumentHelp(Setting.artifactsEndpoint.help, valueName: "url"))
    var artifactsEndpoint: String?

    @Option(help: ArgumentHelp(Setting.artifactsRegion.help, valueName: "name"))
    var artifactsRegion: String?

    @Option(help: ArgumentHelp(Setting.artifactsAddressing.help, valueName: "form"))
    var artifactsAddressing: String?

    @Option(help: ArgumentHelp(Setting.artifactsCredentialsFile.help, valueName: "file"))
    var artifactsCredentialsFile: String?

    @Option(name: .customLong("artifacts-ca-file"), help: ArgumentHelp(Setting.artifactsCAFile.help, valueName: "file"))
    var artifactsCAFile: String?

    @Option(help: ArgumentHelp(Setting.kekFile.help, valueName: "file"))
    var kekFile: String?

    @Option(help: ArgumentHelp(Setting.listen.help, valueName: "address:port"))
    var listen: String?

    @Option(name: .customLong("public-url"), help: ArgumentHelp(Setting.publicURL.help, valueName: "url"))
    var publicURL: String?

    @Option(help: ArgumentHelp(Setting.tlsCertificate.help, valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp(Setting.tlsKey.help, valueName: "file"))
    var tlsKey: String?

    @Option(parsing: .singleValue, help: ArgumentHelp(Setting.trustedProxies.help, valueName: "network"))
    var trustedProxies: [String] = []

    @Option(parsing: .singleValue, help: ArgumentHelp(Setting.metricsReaders.help, valueName: "network"))
    var metricsReaders: [String] = []

    @Option(parsing: .singleValue, help: ArgumentHelp(Setting.mailCommand.help, valueName: "word"))
    var mailCommand: [String] = []

    @Option(help: ArgumentHelp(Setting.mailFrom.help, valueName: "address"))
    var mailFrom: String?

    @Option(help: ArgumentHelp(Setting.firstOwner.help, valueName: "address"))
    var firstOwner: String?

    @Option(help: ArgumentHelp(Setting.firstOrganization.help, valueName: "name"))
    var firstOrganization: String?

    @Option(name: .customLong("github-url"), help: ArgumentHelp(Setting.githubURL.help, valueName: "url"))
    var githubURL: String?

    @Option(name: .customLong("github-client-id"), help: ArgumentHelp(Setting.githubClientID.help, valueName: "id"))
    var githubClientID: String?

    @Option(help: ArgumentHelp(Setting.githubClientSecretFile.help, valueName: "file"))
    var githubClientSecretFile: String?

    @Option(name: .customLong("github-app-id"), help: ArgumentHelp(Setting.githubAppID.help, valueName: "id"))
    var githubAppID: String?

    @Option(help: ArgumentHelp(Setting.githubAppKeyFile.help, valueName: "file"))
    var githubAppKeyFile: String?

    @Option(name: .customLong("github-ca-file"), help: ArgumentHelp(Setting.githubCAFile.help, valueName: "file"))
    var githubCAFile: String?

    @Option(help: ArgumentHelp(Setting.logLevel.help, valueName: "level"))
    var logLevel: String?

    @Option(help: ArgumentHelp(Setting.logFormat.help, valueName: "format"))
    var logFormat: String?

    /// All settings together.
    func configuration() throws -> ServerConfiguration {
        var flags: [Setting: [String]] = [:]
        let texts: [(Setting, String?)] = [
            (.data, data), (.database, database), (.databasePasswordFile, databasePasswordFile),
            (.databaseConnections, databaseConnections), (.artifacts, artifacts),
            (.artifactsEndpoint, artifactsEndpoint), (.artifactsRegion, artifactsRegion),
            (.artifactsAddressing, artifactsAddressing), (.artifactsCredentialsFile, artifactsCredentialsFile),
            (.artifactsCAFile, artifactsCAFile), (.kekFile, kekFile), (.listen, listen),
            (.publicURL, publicURL),
            (.tlsCertificate, tlsCertificate), (.tlsKey, tlsKey), (.mailFrom, mailFrom), (.firstOwner, firstOwner),
            (.firstOrganization, firstOrganization), (.githubURL, githubURL), (.githubClientID, githubClientID),
            (.githubClientSecretFile, githubClientSecretFile), (.githubAppID, githubAppID),
            (.githubAppKeyFile, githubAppKeyFile), (.githubCAFile, githubCAFile), (.logLevel, logLevel),
            (.logFormat, logFormat),
        ]
        for (setting, value) in texts { flags[setting] = value.map { [$0] } }
        let lists: [(Setting, [String])] = [
            (.trustedProxies, trustedProxies), (.metricsReaders, metricsReaders), (.mailCommand, mailCommand),
        ]
        for (setting, value) in lists where !value.isEmpty { flags[setting] = value }
        let environment = ProcessInfo.processInfo.environment
        var file: (name: String, text: String)?
        if let path = config ?? environment["PIPEMASON_SERVER_CONFIG"] {
            file = (path, try String(contentsOfFile: path, encoding: .utf8))
        }
        return try ServerConfiguration(flags: flags, environment: environment, file: file)
    }
}

extension Setting {
    fileprivate var help: String { "\(summary) [\(variable)]" }
}
