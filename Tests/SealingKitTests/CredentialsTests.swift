import Foundation
import OpenSSLEngine
import SealingKit
import Testing

@Suite("Credentials")
struct CredentialsTests {
    let home: TemporaryDirectory
    let directory: String

    init() throws {
        home = try TemporaryDirectory()
        directory = home.file(".pipemason")
    }

    private func store(_ token: consuming Token, server: String = "https://example.test") throws {
        let credential = try Credential(server: server, organization: "acme", name: "desk \"1\"\\ é", token: token)
        try Credentials.update(in: directory) { (credentials) throws(SealingError) in credentials.set(credential) }
    }

    private func mode(_ path: String) throws -> Int {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as! Int
    }

    @Test("What is stored is found again, privately")
    func roundTrip() throws {
        #expect(try Credentials.load(from: directory).entries.isEmpty)
        let token = try Token.generate(.runner)
        let text = token.text.array
        // The mask of a careless process must not matter.
        let mask = umask(0)
        defer { umask(mask) }
        try store(token)
        let credentials = try Credentials.load(from: directory)
        let found = try #require(credentials.find(server: "https://example.test", organization: "acme"))
        #expect(found.kind == .runner && found.name == "desk \"1\"\\ é")
        #expect(found.withToken { span in span.indices.map { span[$0] } } == text)
        #expect(credentials.find(server: "https://other.test") == nil)
        #expect(try mode(directory) == 0o700 && mode(directory + "/credentials.json") == 0o600)
        // One for each place, nothing left behind.
        try store(Token.generate(.user))
        try store(Token.generate(.user), server: "https://two.test")
        #expect(try Credentials.load(from: directory).entries.map(\.kind) == [.user, .user])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == [".lock", "credentials.json"])
        try Credentials.update(in: directory) { (all) throws(SealingError) in
            _ = all.remove(server: "https://two.test", organization: "acme")
        }
        #expect(try Credentials.load(from: directory).entries.count == 1)
    }

    @Test(
        "Group or others with any right are refused, with the repair", arguments: [0o640, 0o604, 0o620, 0o601, 0o666])
    func fileMode(_ bits: Int) throws {
        try store(Token.generate(.runner))
        let path = directory + "/credentials.json"
        try FileManager.default.setAttributes([.posixPermissions: bits], ofItemAtPath: path)
        do {
            _ = try Credentials.load(from: directory)
            Issue.record("accepted")
        } catch {
            #expect(error.code == .notPrivate && error.detail.hasSuffix("chmod 600 \(path)"))
        }
    }

    @Test("Open directories, links and other kinds of file are refused")
    func places() throws {
        try store(Token.generate(.runner))
        let path = directory + "/credentials.json"
        let manager = FileManager.default
        try manager.setAttributes([.posixPermissions: 0o750], ofItemAtPath: directory)
        #expect(try code { _ = try Credentials.load(from: directory) } == .notPrivate)
        try manager.setAttributes([.posixPermissions: 0o700], ofItemAtPath: directory)
        // The directory through a symbolic link.
        try manager.createSymbolicLink(atPath: home.file("link"), withDestinationPath: directory)
        #expect(try code { _ = try Credentials.load(from: home.file("link")) } == .notPrivate)
        // A second name.
        try manager.linkItem(atPath: path, toPath: home.file("second"))
        #expect(try code { _ = try Credentials.load(from: directory) } == .notPrivate)
        try manager.removeItem(atPath: home.file("second"))
        #expect(try Credentials.load(from: directory).entries.count == 1)
        // The file as a symbolic link; writing replaces the link and leaves its target alone.
        try manager.moveItem(atPath: path, toPath: home.file("target"))
        try manager.createSymbolicLink(atPath: path, withDestinationPath: home.file("target"))
        #expect(try code { _ = try Credentials.load(from: directory) } == .notPrivate)
        // A pipe does not block the reader.
        try manager.removeItem(atPath: path)
        #expect(mkfifo(path, 0o600) == 0)
        #expect(try code { _ = try Credentials.load(from: directory) } == .notPrivate)
        try manager.removeItem(atPath: path)
        try manager.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect(try code { _ = try Credentials.load(from: directory) } == .notPrivate)
    }

    @Test("Someone else's file is refused", .enabled(if: getuid() == 0, "needs root to give a file away"))
    func owner() throws {
        try store(Token.generate(.runner))
        #expect(chown(directory + "/credentials.json", 65_534, 65_534) == 0)
        #expect(try code { _ = try Credentials.load(from: directory) } == .notPrivate)
    }

    @Test("Size and contents are bounded")
    func contents() throws {
        try store(Token.generate(.runner))
        let path = directory + "/credentials.json"
        let text = String(decoding: FileManager.default.contents(atPath: path)!, as: UTF8.self)
        let bad = [
            "", "{}", "[]", text + "x", text.replacing("\"version\":1", with: "\"version\":2"),
            text.replacing("\"name\"", with: "\"nama\""), text.replacing("pmr_", with: "pmx_"),
            text.replacing("{\"server\"", with: "{\"server\":\"a\",\"server\""), text.replacing("]}", with: "],}"),
            text.replacing("\"token\":\"", with: "\"token\":\"\\u0070"), String(text.dropLast(5)),
        ]
        for (index, contents) in bad.enumerated() {
            #expect(try code { _ = try parseCredentials(Array(contents.utf8)) } == .malformed, "case \(index)")
        }
        for text in ["a\nb", "\u{7F}", String(repeating: "x", count: 256)] {
            let found = try code {
                _ = try Credential(server: text, organization: "", name: "", token: Token.generate(.user))
            }
            #expect(found == .malformed)
        }
        _ = FileManager.default.createFile(
            atPath: path, contents: Data(repeating: 32, count: Credentials.maximumFileSize + 1),
            attributes: [.posixPermissions: 0o600])
        #expect(try code { _ = try Credentials.load(from: directory) } == .limitExceeded)
    }

    @Test("Writers at the same time lose nothing")
    func concurrency() async throws {
        let directory = directory
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<16 {
                group.addTask {
                    let credential = try Credential(
                        server: "https://\(index).test", organization: "", name: "", token: Token.generate(.runner))
                    try Credentials.update(in: directory) { (all) throws(SealingError) in all.set(credential) }
                }
            }
            try await group.waitForAll()
        }
        #expect(try Credentials.load(from: directory).entries.count == 16)
    }
}
