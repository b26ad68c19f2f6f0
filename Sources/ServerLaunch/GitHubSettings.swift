internal import GitHubAPI
internal import Glibc
internal import OpenSSLEngine

extension ServerConfiguration {
    /// How the server is registered at GitHub; nil without `github-client-id`.
    /// - Throws: `ConfigurationError` with the setting that does not fit; never a secret.
    func github() throws(ConfigurationError) -> GitHubRegistration? {
        guard let clientID = text(.githubClientID) else { return nil }
        guard let site = GitHubSite(text(.githubURL) ?? "") else { throw fail(.githubURL, Self.siteRule) }
        guard let path = text(.githubClientSecretFile) else {
            throw fail(.githubClientID, "github-client-secret-file is needed as well")
        }
        let bytes = try privateFile(path, .githubClientSecretFile)
        let word = String(decoding: bytes, as: UTF8.self).split { $0 == "\n" || $0 == "\r" || $0 == " " }.first
        guard let secret = word.flatMap({ GitHubToken(String($0)) }) else {
            throw fail(.githubClientSecretFile, "the file does not hold a secret")
        }
        var app: GitHubRegistration.App?
        if let id = text(.githubAppID) {
            var key: RSASigningKey?
            if let path = text(.githubAppKeyFile) {
                let pem = try privateFile(path, .githubAppKeyFile)
                do { key = try RSASigningKey(pem: pem.span) } catch {
                    throw fail(.githubAppKeyFile, "the file does not hold an RSA private key (PEM)")
                }
            }
            app = GitHubRegistration.App(id: id, key: key)
        }
        return GitHubRegistration(
            site: site, clientID: clientID, clientSecret: secret, app: app, authorities: text(.githubCAFile))
    }

    /// What can be seen to be wrong without reading files.
    func checkGitHub() throws(ConfigurationError) {
        guard GitHubSite(text(.githubURL) ?? "") != nil else { throw fail(.githubURL, Self.siteRule) }
        for setting in [Setting.githubClientSecretFile, .githubAppID, .githubAppKeyFile, .githubCAFile] {
            guard text(setting) == nil || text(.githubClientID) != nil else {
                throw fail(setting, "github-client-id is needed as well")
            }
        }
        guard text(.githubClientID) == nil || text(.githubClientSecretFile) != nil else {
            throw fail(.githubClientID, "github-client-secret-file is needed as well")
        }
        guard text(.githubAppKeyFile) == nil || text(.githubAppID) != nil else {
            throw fail(.githubAppKeyFile, "github-app-id is needed as well")
        }
        if let id = text(.githubAppID) {
            guard id.utf8.count <= 40, id.utf8.allSatisfy({ (0x30...0x7A).contains($0) }) else {
                throw fail(.githubAppID, "it must be the App's number or its client id")
            }
        }
    }

    private static let siteRule = "it must be https://, a host, perhaps a port, and nothing else"

    /// The largest file of a secret in bytes.
    private static let maximumSecret = 32 << 10

    /// Reads a file that only its owner can read.
    private func privateFile(_ path: String, _ setting: Setting) throws(ConfigurationError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw fail(setting, "the file cannot be read") }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw fail(setting, "it is no file")
        }
        guard status.st_mode & 0o077 == 0 else { throw fail(setting, "others than its owner can read the file") }
        var bytes = [UInt8](repeating: 0, count: Self.maximumSecret + 1)
        let count = read(file, &bytes, bytes.count)
        guard (0...Self.maximumSecret).contains(count) else { throw fail(setting, "the file is too large") }
        return Array(bytes[..<count])
    }
}
