internal import CommandSupport

let streams = StandardStreams()
Pipemason.start(Array(CommandLine.arguments.dropFirst()), streams)
