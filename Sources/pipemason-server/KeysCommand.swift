internal import ArgumentParser
internal import Foundation
internal import OpenSSLEngine
internal import SealingCommands
internal import SealingKit
internal import ServerLaunch
internal import ServerStore

/// `pipemason-server keys`: the toolkit's commands over the server's database.
typealias KeysOfServer = KeysCommand<DatabaseRing>

/// The ring in the database of a configuration. A running server takes changes up within half a minute.
struct DatabaseRing: RingAccess {
    @OptionGroup var options: ConfigurationOptions

    func kekPath() throws -> String { try options.configuration().kekPath }

    func ring(_ keks: KeyFile?) throws -> KeyRing<AnyKeyRingStore> {
        let directory = DataDirectory(try options.configuration())
        try directory.requireDatabase()
        return KeyRing(store: AnyKeyRingStore(base: try directory.open().keys), keks: try keks ?? directory.keks())
    }

    func readKEKs(_ path: String) throws -> KeyFile { try DataDirectory(try options.configuration()).keks() }

    func write(_ keys: KeyFile, to path: String) throws {
        let text = keys.text
        try PrivateFile.replace(path, with: text.bytes)
    }
}
