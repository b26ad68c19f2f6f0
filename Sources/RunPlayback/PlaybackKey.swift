/// What the keys of somebody who watches a replay mean.
package enum PlaybackKey: Sendable, Equatable {
    case quit
    case pause
    /// Microseconds forward, or back.
    case seek(Int)
    /// From event to event, while the replay is paused.
    case step
    case faster, slower
    case nextPhase, previousPhase
    case start
    case help

    /// Reads keys from what a terminal sent in one piece. Unknown keys and sequences are passed over.
    package static func read(_ bytes: some Sequence<UInt8>) -> [PlaybackKey] {
        var keys: [PlaybackKey] = []
        var rest = Array(bytes)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "q"), 0x03, 0x04: keys.append(.quit)
            case UInt8(ascii: " "), UInt8(ascii: "p"): keys.append(.pause)
            case UInt8(ascii: "."): keys.append(.step)
            case UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: ">"): keys.append(.faster)
            case UInt8(ascii: "-"), UInt8(ascii: "<"): keys.append(.slower)
            case UInt8(ascii: "n"), UInt8(ascii: "]"): keys.append(.nextPhase)
            case UInt8(ascii: "N"), UInt8(ascii: "["): keys.append(.previousPhase)
            case UInt8(ascii: "0"): keys.append(.start)
            case UInt8(ascii: "?"), UInt8(ascii: "h"): keys.append(.help)
            case 0x1B: if let key = sequence(&rest) { keys.append(key) }
            default: break
            }
        }
        return keys
    }

    /// An arrow (CSI or SS3), or Home.
    private static func sequence(_ rest: inout ArraySlice<UInt8>) -> PlaybackKey? {
        guard let introducer = rest.first, introducer == UInt8(ascii: "[") || introducer == UInt8(ascii: "O") else {
            return rest.isEmpty ? .quit : nil
        }
        rest.removeFirst()
        while let byte = rest.popFirst() {
            guard (0x40...0x7E).contains(byte) else { continue }
            switch byte {
            case UInt8(ascii: "A"): return .seek(60_000_000)
            case UInt8(ascii: "B"): return .seek(-60_000_000)
            case UInt8(ascii: "C"): return .seek(5_000_000)
            case UInt8(ascii: "D"): return .seek(-5_000_000)
            case UInt8(ascii: "H"): return .start
            default: return nil
            }
        }
        return nil
    }
}
