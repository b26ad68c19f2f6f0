// A GitHub to try the control plane with: `github-stand-in [--app] [--services NUMBER] [PORT]`. One person, `mona`, with two repositories and as
// many services, agrees to whatever is asked. Prints the settings of pipemason-server that go with it (docs/github.md, "To try it"), and then as
// comments what is done, such as `# revoke grant: 1`.
internal import Foundation
internal import GitHubStandIn
internal import OpenSSLEngine

func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

var options = GitHubStandIn.Options()
options.isApp = CommandLine.arguments.contains("--app")
var numbers = Array(CommandLine.arguments.dropFirst())
var services = 0
if let index = numbers.firstIndex(of: "--services"), index + 1 < numbers.count {
    services = Int(numbers.remove(at: index + 1)) ?? 0
}
let port = numbers.compactMap { Int($0) }.first ?? 0
let standIn = try GitHubStandIn(options)
standIn.signIn("mona")
try standIn.addRepository("mona", "private-project", writers: ["mona"], installation: options.isApp ? 1 : nil)
try standIn.addRepository("acme", "tools", isPrivate: false, readers: ["mona"], installation: options.isApp ? 1 : nil)
for number in 0..<services {
    let name = "service-" + String(1000 + number)
    try standIn.addRepository(
        "acme", name, writers: ["mona"], installation: options.isApp ? 1 : nil, hasContent: false)
}
try await standIn.start(port: port)

let secret = standIn.directory.appendingPathComponent("client-secret")
let key = standIn.directory.appendingPathComponent("app-key.pem")
for (file, bytes) in [(secret, Array(standIn.clientSecret.utf8)), (key, try standIn.appKey.pem)] {
    guard
        FileManager.default.createFile(
            atPath: file.path, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
    else { fatalError("\(file.path) cannot be written") }
}
say("github-url = \"\(standIn.url)\"")
say("github-client-id = \"\(standIn.clientID)\"")
say("github-client-secret-file = \"\(secret.path)\"")
if options.isApp {
    say("github-app-id = \"\(standIn.appID)\"")
    say("github-app-key-file = \"\(key.path)\"")
}
var told: [String: Int] = [:]
while true {
    let counts = standIn.counts
    for (name, count) in counts.sorted(by: { $0.key < $1.key }) where told[name] != count { say("# \(name): \(count)") }
    told = counts
    try await Task.sleep(for: .milliseconds(100))
}
