internal import ArgumentParser
internal import CommandSupport

/// `pipemason completions`: prints a script for the shell.
struct Completions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a completion script for a shell.",
        discussion: """
            bash: pipemason completions bash > ~/.local/share/bash-completion/completions/pipemason
            zsh: pipemason completions zsh > _pipemason, in a directory of $fpath
            fish: pipemason completions fish > ~/.config/fish/completions/pipemason.fish
            """)

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() throws {
        try StandardOutput.print(Pipemason.completionScript(for: shell.kind))
    }

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish

        var kind: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }
}
