internal import ArgumentParser
internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import JSONText
internal import SealingKit

/// `pipemason upload`: sends one run while it goes on. Started by `pipemason run`, not by people; the end of its standard
/// input tells it that the run is over, and its standard output says what the run should know (docs/formats/egress.md).
struct UploadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upload", abstract: "Send a run's log while it grows.", shouldDisplay: false)

    @OptionGroup var options: ServerOptions

    @Option(help: ArgumentHelp("The run's directory.", valueName: "directory"))
    var runDirectory: String

    @Option(help: ArgumentHelp("How long to go on after the run is over.", valueName: "seconds"))
    var wait = 30

    func run() throws {
        // A ^C at the terminal is for the command; the run says when it is over.
        signal(SIGINT, SIG_IGN)
        try handlingKeys {
            let outcome = try Uploading.upload(
                runDirectory, options, watching: STDIN_FILENO, patience: 1000 * wait, notify: Self.tell)
            switch outcome {
            case .delivered: Self.say([("state", .string("delivered"))])
            case .pending: Self.say([("state", .string("pending"))])
            case .stopped(let reason, let message):
                Self.say([("state", .string("stopped")), ("reason", .string(reason)), ("message", .string(message))])
                throw ExitCode(ExitStatus.input.code)
            }
        }
    }

    private static func tell(_ notice: RunUpload.Notice) {
        switch notice {
        case .cancel: say([("command", .string("cancel"))])
        case .delivered(let upTo): say([("state", .string("sending")), ("upto_seq", .integer(upTo))])
        case .scrubAgain(let sequence, let rule):
            say([("scrub_again", .integer(sequence)), ("rule", .string(rule))])
        case .unreachable(let why): say([("state", .string("unreachable")), ("message", .string(why))])
        case .warning(let text): say([("state", .string("warning")), ("message", .string(text))])
        }
    }

    private static func say(_ members: [(String, JSONValue)]) {
        // Nobody may be listening any more; the log goes out all the same.
        try? StandardOutput.print(JSONValue.members(members.map { ($0.0, $0.1) }).text)
    }
}

/// What `upload` and `egress push` share.
enum Uploading {
    static func upload(
        _ runDirectory: String, _ options: ServerOptions, watching: Int32?, patience: Int,
        notify: @escaping (RunUpload.Notice) -> Void
    ) throws -> RunUpload.Outcome {
        let (origin, credential) = try CredentialsFile.find(try options.namedOrigin())
        let link = try options.link(to: origin)
        credential.withToken { link.setToken($0) }
        // .pipeline/runs/<id> → .pipeline/egress.jsonl
        let ledger = runDirectory + "/../../" + EgressLedger.fileName
        let settings = RunUpload.Settings(
            directory: runDirectory, ledger: ledger, origin: origin,
            receiptKey: ReceiptKey(text: credential.receiptKey), patience: patience)
        return try RunUpload(settings, link: link, watching: watching, notify: notify).run()
    }
}
