import CSealingTestSupport
import Foundation
import OpenSSLEngine
import Testing
internal import TextEncodings

@testable import SealingKit

@Suite("Commands", .needsPipemason)
struct CommandTests {
    let directory: TemporaryDirectory
    let keyFile: String
    let identity: String
    let context = ["--context", "artifact,org-1,artifacts,7,body,1"]

    init() throws {
        directory = try TemporaryDirectory()
        keyFile = directory.file("keys")
        identity = directory.file("identity")
        #expect(try pipemason("keygen", "-o", keyFile).status == 0)
        #expect(try pipemason("keygen", "--age", "-o", identity).status == 0)
    }

    private func pipemason(_ arguments: String..., input: [UInt8] = []) throws -> Outcome {
        try run(#require(Programs.pipemason), arguments, input: input)
    }

    private func pipemason(_ arguments: [String], input: [UInt8] = []) throws -> Outcome {
        try run(#require(Programs.pipemason), arguments, input: input)
    }

    private func recipient() throws -> String {
        try #require(try parseIdentities(directory.read("identity")).first).recipient.description
    }

    private func record(_ kind: String) -> [String] { ["--key-file", keyFile, "--kind", kind] + context }

    @Test("token new, check and hash; sha256sum agrees")
    func tokens() throws {
        let made = try pipemason("token", "new", "--kind", "user")
        #expect(made.text.wholeMatch(of: /pmu_[0-9A-Za-z]{49}\n/) != nil)
        #expect(try pipemason("token", "check", input: made.output).text == "user token, well formed\n")
        let hash = try pipemason("token", "hash", input: made.output).text
        let sum = try run("/usr/bin/sha256sum", [], input: made.output.dropLast())
        #expect(hash.dropLast() == sum.text.prefix(64))
        let path = try directory.write("token", made.output)
        #expect(try pipemason("token", "hash", "--token-file", path).text == hash)
        for bad in [[], Array(made.output.dropLast(2)), made.output + [10], Array("pmu_x\n".utf8)] {
            let outcome = try pipemason("token", "hash", input: bad)
            #expect(outcome.status == 5 && outcome.output.isEmpty)
        }
        // A token is never an argument.
        #expect(try pipemason(["token", "hash", String(made.text.dropLast())]).status == 2)
    }

    @Test("seal and open, records", arguments: ["field", "file", "key"], [0, 100, 16_384, 500_000])
    func records(_ kind: String, _ size: Int) throws {
        let plaintext = TestBytes.make(size)
        let sealed = try pipemason(["seal"] + record(kind), input: plaintext)
        #expect(sealed.status == 0 && sealed.output.count == size + SealedRecord.overhead(size))
        let opened = try pipemason(["open"] + record(kind), input: sealed.output)
        #expect(opened.status == 0 && opened.output == plaintext && opened.errors.isEmpty)
    }

    @Test("seal and open, age, armored and not", arguments: [0, 100, 65_536, 500_000])
    func age(_ size: Int) throws {
        let plaintext = TestBytes.make(size)
        for options in [[], ["--armor"]] {
            let sealed = try pipemason(["seal", "--age", "--recipient", recipient()] + options, input: plaintext)
            #expect(sealed.status == 0)
            let opened = try pipemason("open", "--age", "--identity", identity, input: sealed.output)
            #expect(opened.status == 0 && opened.output == plaintext && opened.errors.isEmpty)
        }
        let passphrase = try directory.write("pass", Array("synthetic\n".utf8))
        let sealed = try pipemason(
            "seal", "--age", "--passphrase-file", passphrase, "--work-factor", "10", input: plaintext)
        #expect(
            try pipemason("open", "--age", "--passphrase-file", passphrase, input: sealed.output).output == plaintext)
    }

    @Test("Each class of failure has its exit status")
    func exitStatus() throws {
        let sealed = try pipemason(["seal"] + record("file"), input: TestBytes.make(50_000)).output
        var cases: [(name: String, arguments: [String], input: [UInt8], status: Int32)] = []
        var damaged = sealed
        damaged[sealed.count - 1] ^= 1
        cases.append(("body", record("file"), damaged, 6))
        cases.append(("cut", record("file"), Array(sealed.dropLast()), 6))
        cases.append(("cut at a chunk", record("file"), Array(sealed.prefix(69 + 2 * 16_400)), 6))
        cases.append(("more", record("file"), sealed + [0], 6))
        cases.append(("kind", record("field"), sealed, 5))
        cases.append(("nothing", record("file"), [], 5))
        damaged = sealed
        damaged[6] ^= 1
        cases.append(("key id", record("file"), damaged, 8))
        damaged = sealed
        damaged[40] ^= 1
        cases.append(("commitment", record("file"), damaged, 3))
        let other = ["--key-file", keyFile, "--kind", "file", "--context", "artifact,org-2,artifacts,7,body,1"]
        cases.append(("context", other, sealed, 3))
        let file = try pipemason(["seal", "--age", "--recipient", recipient()], input: TestBytes.make(100)).output
        let age = ["--age", "--identity", identity]
        let header = try #require(try AgeHeader.end(in: file.span))
        let stranger = directory.file("stranger")
        #expect(try pipemason("keygen", "--age", "-o", stranger).status == 0)
        cases.append(("no match", ["--age", "--identity", stranger], file, 3))
        // A recipient that nobody knows, added to the header.
        let grease = Array("age-encryption.org/v1\n-> grease\n\n".utf8)
        cases.append(("header MAC", age, grease + file.dropFirst(22), 4))
        cases.append(("not age", age, Array("hello\n".utf8), 5))
        cases.append(("payload", age, Array(file.dropLast()), 6))
        cases.append(("nonce", age, Array(file.prefix(header + 10)), 5))
        let armored = try pipemason(["seal", "--age", "--armor", "--recipient", recipient()], input: [1]).output
        cases.append(("armor", age, Array(armored.dropLast(10)), 7))
        for test in cases {
            let toPipe = try pipemason(["open"] + test.arguments, input: test.input)
            #expect(toPipe.status == test.status, "\(test.name): \(toPipe.errors)")
            #expect(toPipe.errors.hasPrefix("pipemason: "))
            // A file appears only after the last chunk has authenticated; nothing else stays behind.
            let before = directory.names
            let toFile = try pipemason(["open", "-o", directory.file("out")] + test.arguments, input: test.input)
            #expect(toFile.status == test.status && directory.names == before, "\(test.name)")
        }
        // What exists stays as it was.
        let kept = try directory.write("kept", [1, 2, 3])
        #expect(try pipemason(["open", "-o", kept] + record("file"), input: Array(sealed.dropLast())).status == 6)
        #expect(try directory.read("kept") == [1, 2, 3])
        #expect(try pipemason(["open", "-o", kept] + record("file"), input: sealed).status == 0)
        #expect(try directory.read("kept") == TestBytes.make(50_000))
        #expect(try pipemason(["open", "-o", "/dev/null"] + record("file"), input: sealed).status == 1)
    }

    @Test("Missing and contradicting options are usage errors")
    func usage() throws {
        for arguments in [
            ["seal"], ["open"], ["seal", "--key-file", keyFile], ["seal", "--age", "--key-file", keyFile],
            ["open", "--identity", identity] + record("file"), ["keys"], ["keys", "shred-org", "x", "--ring", "r"],
        ] {
            let outcome = try pipemason(arguments)
            #expect(outcome.status == 2 || arguments == ["keys"], "\(arguments)")
            #expect(outcome.output.isEmpty || arguments == ["keys"])
        }
    }

    @Test("keygen never overwrites, and writes mode 0600")
    func keygen() throws {
        let before = try directory.read("keys")
        #expect(try pipemason("keygen", "-o", keyFile).status == 1)
        #expect(try directory.read("keys") == before)
        let mode = try FileManager.default.attributesOfItem(atPath: keyFile)[.posixPermissions] as! Int
        #expect(mode == 0o600)
        #expect(try parseKeyFile(before).entries.count == 1)
    }

    @Test("A key file that others can get at is refused, an identity is used with a warning")
    func privacy() throws {
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: keyFile)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: identity)
        // Nobody else can enter the directory, so nobody else can read the file.
        #expect(try pipemason(["seal"] + record("field"), input: [1]).status == 0)
        let sealed = try pipemason(["seal", "--age", "-r", recipient()], input: [1])
        #expect(try pipemason(["open", "--age", "-i", identity], input: sealed.output).errors.isEmpty)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.path)
        for command in ["seal", "open"] {
            let refused = try pipemason([command] + record("field"), input: [1])
            #expect(refused.status == 1 && refused.errors.contains("chmod 600") && refused.output.isEmpty)
        }
        // The same through a link from a closed directory.
        let elsewhere = try TemporaryDirectory()
        try FileManager.default.createSymbolicLink(atPath: elsewhere.file("link"), withDestinationPath: keyFile)
        let linked = ["--key-file", elsewhere.file("link"), "--kind", "field"] + context
        #expect(try pipemason(["seal"] + linked, input: [1]).status == 1)
        let opened = try pipemason(["open", "--age", "-i", identity], input: sealed.output)
        #expect(opened.output == [1] && opened.errors.contains("chmod 600"))
        let kek = try pipemason("keys", "status", "--ring", directory.file("ring"), "--kek-file", keyFile)
        #expect(kek.status == 1 && kek.errors.contains("chmod 600"))
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: directory.path)
        // A KEK file is refused in a closed directory too.
        let strict = try pipemason("keys", "status", "--ring", directory.file("ring"), "--kek-file", keyFile)
        #expect(strict.status == 1 && strict.errors.contains("chmod 600"))
    }

    @Test(
        "Output files with and without a name meanwhile come out alike",
        arguments: [[:], ["PIPEMASON_NAMED_FILES": "1"]])
    func outputFiles(_ environment: [String: String]) throws {
        let program = try #require(Programs.pipemason)
        let output = directory.file("out")
        for content in [[1], TestBytes.make(300_000), []] as [[UInt8]] {
            // First a free name, then one that is taken.
            let sealed = try run(program, ["seal"] + record("file"), input: content).output
            let arguments = ["open", "-o", output] + record("file")
            #expect(try run(program, arguments, input: sealed, environment: environment).status == 0)
            #expect(try directory.read("out") == content)
            let mode = try FileManager.default.attributesOfItem(atPath: output)[.posixPermissions] as! Int
            #expect(mode == 0o600)
            #expect(directory.names == ["identity", "keys", "out"])
        }
    }

    @Test("keys, from generate to shred")
    func keys() throws {
        let options = ["--ring", directory.file("ring"), "--kek-file", directory.file("kek")]
        func keys(_ arguments: String...) throws -> Outcome { try pipemason(["keys"] + arguments + options) }
        #expect(try keys("generate").status == 0)
        #expect(try keys("generate").status == 1)
        #expect(try keys("generate", "--organization", "acme").status == 0)
        #expect(try keys("rotate-org", "acme").text.contains("version 2"))
        let status = try keys("status").text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(status.count == 5)
        #expect(status[1][0..<3] == ["acme", "data", "1"] && status[1][4] == "open" && status[2][4] == "primary")
        #expect(try keys("reseal", "acme").text.hasPrefix("0 resealed"))
        #expect(try keys("reseal", "acme", "--dry-run").status == 0)
        #expect(try keys("revoke", status[2][3], "--organization", "acme").status == 1)
        #expect(try keys("revoke", status[1][3], "--organization", "acme").status == 0)
        #expect(try keys("revoke", "0000000000000000", "--organization", "acme").status == 8)
        let rotated = try keys("rotate-kek", "--drop-unused")
        #expect(rotated.text.contains("3 rows are now wrapped") && rotated.text.contains("is removed"))
        #expect(try parseKeyFile(directory.read("kek")).entries.count == 1)
        #expect(try keys("status").status == 0)
        let shred = try keys("shred-org", "acme", "--yes")
        #expect(shred.status == 0 && shred.text.contains("backup"))
        #expect(try keys("status").text.split(separator: "\n").count == 2)
    }

    @Test("A KEK file may be an age file under a passphrase")
    func sealedKEK() throws {
        let passphrase = try directory.write("pass", Array("synthetic\n".utf8))
        let options = [
            "--ring", directory.file("ring"), "--kek-file", directory.file("kek"), "--passphrase-file", passphrase,
        ]
        #expect(try pipemason(["keys", "generate"] + options).status == 0)
        #expect(try directory.read("kek").starts(with: Array("age-encryption.org/v1\n".utf8)))
        #expect(try pipemason(["keys", "generate", "--organization", "acme"] + options).status == 0)
        #expect(try pipemason(["keys", "status"] + options).text.contains("acme data 1"))
    }

    @Test("crypto-probe answers the documented requests")
    func probe() throws {
        let requests = [
            #"{"op":"aes-256-gcm-open","key":"\#(String(repeating: "00", count: 32))","nonce":"\#(String(repeating: "00", count: 12))","aad":"","input":"","tag":"530f8afbc74536b9a963b4f1c4cb738b"}"#,
            #"{"op":"aes-256-gcm-open","key":"\#(String(repeating: "00", count: 32))","nonce":"\#(String(repeating: "00", count: 12))","aad":"","input":"","tag":"530f8afbc74536b9a963b4f1c4cb738c"}"#,
            #"{"op":"aes-256-gcm-seal","key":"\#(String(repeating: "00", count: 32))","nonce":"\#(String(repeating: "00", count: 12))","input":""}"#,
            #"{"op":"hkdf-sha256","key":"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b","salt":"000102030405060708090a0b0c","info":"f0f1f2f3f4f5f6f7f8f9","length":42}"#,
            #"{"op":"hmac-sha256","key":"4a656665","input":"7768617420646f2079612077616e7420666f72206e6f7468696e673f","length":16}"#,
            #"{"op":"x25519","key":"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4","public":"e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"}"#,
            #"{"op":"x25519","key":"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4","public":"\#(String(repeating: "00", count: 32))"}"#,
            #"{"op":"nonsense"}"#, "not json", "",
        ]
        let outcome = try pipemason("crypto-probe", input: Array(requests.joined(separator: "\n").utf8))
        let answers = outcome.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(
            answers == [
                #"{"ok":""}"#, #"{"error":"authentication failed"}"#,
                #"{"ok":"","tag":"530f8afbc74536b9a963b4f1c4cb738b"}"#,
                #"{"ok":"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"}"#,
                #"{"ok":"5bdcc146bf60754e6a042426089575c7"}"#,
                #"{"ok":"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"}"#,
                #"{"error":"invalid public key"}"#, #"{"error":"malformed: an unknown op"}"#,
                #"{"error":"malformed: JSON, at byte 0"}"#, "",
            ])
    }
}

@Suite("Keys in memory", .needsPipemason)
struct ProcessImageTests {
    /// Whether this process may read the memory of one that made itself not dumpable.
    static let canSearch = geteuid() == 0

    /// Runs `pipemason` and returns how often each needle is in its memory in the moment before it exits.
    private func search(_ arguments: [String], input: String, needles: [[UInt8]]) throws -> (
        counts: [Int], status: Int32
    ) {
        let output = open("/dev/null", O_WRONLY)
        let source = open(input, O_RDONLY)
        defer {
            close(output)
            close(source)
        }
        let words = ([try #require(Programs.pipemason)] + arguments).map { strdup($0)! }
        defer { words.forEach { free($0) } }
        let argv: [UnsafePointer<CChar>?] = words.map { UnsafePointer($0) } + [nil]
        let copies = needles.map { needle -> UnsafeMutablePointer<UInt8> in
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: needle.count)
            copy.initialize(from: needle, count: needle.count)
            return copy
        }
        defer { copies.forEach { $0.deallocate() } }
        let pointers: [UnsafePointer<UInt8>?] = copies.map { UnsafePointer($0) }
        var counts = [Int](repeating: 0, count: needles.count)
        var status: Int32 = 0
        let result = pm_run_and_search(
            argv, source, output, pointers, needles.map(\.count), needles.count, &counts, &status)
        try #require(result == 0, "the memory could not be searched: errno \(errno)")
        return (counts, (status >> 8) & 0xFF)
    }

    @Test("After open and seal nothing of a record's key is left", .enabled(if: canSearch, "needs CAP_SYS_PTRACE"))
    func records() throws {
        let directory = try TemporaryDirectory()
        let raw = TestBytes.make(32, seed: 99)
        let key = try SealingKey(secret(raw))
        let file = try KeyFile([.init(key: key, state: .primary)]).text.array
        let path = try directory.write("keys", file)
        let place = "artifact,org-1,artifacts,7,body,1"
        let context = try RecordContext(
            purpose: "artifact", tenant: "org-1", table: "artifacts", row: "7", column: "body", generation: "1")
        var sealed = MemorySink()
        try RecordStream.seal(
            from: MemorySource(TestBytes.make(100_000)), to: &sealed, kind: .file, context: context, key: key)
        let input = try directory.write("sealed", sealed.bytes)
        let base64 = Array(Base64.encode(raw.span, .padded).utf8)
        let derived = try key.derived(for: "artifact").array
        // The context stands in the arguments, so a search that works finds it.
        let needles = [Array(place.utf8), raw, Array(raw.prefix(16)), base64, Array(base64.prefix(20)), derived]
        for (command, source) in [("open", input), ("seal", path)] {
            let found = try search(
                [command, "--key-file", path, "--kind", "file", "--context", place], input: source, needles: needles)
            #expect(found.status == 0)
            #expect(found.counts[0] > 0, "the search finds nothing at all")
            #expect(found.counts.dropFirst().allSatisfy { $0 == 0 }, "\(command): \(found.counts)")
        }
    }

    @Test(
        "After open nothing of an age identity or passphrase is left", .enabled(if: canSearch, "needs CAP_SYS_PTRACE"))
    func age() throws {
        let directory = try TemporaryDirectory()
        let identity = try AgeIdentity.generate()
        let text = identity.text.array
        let path = try directory.write("identity", text)
        let input = try directory.write(
            "sealed", sealAge(TestBytes.make(100_000), for: .publicKeys([identity.recipient])))
        var scalar = WipedBuffer(capacity: 32)
        let isValid = scalar.edit { output in Bech32.decode(text.span, prefix: AgeIdentity.prefix, into: &output) }
        #expect(isValid)
        let found = try search(
            ["open", "--age", "--identity", path], input: input,
            needles: [Array(path.utf8), text, Array(text.suffix(30)), scalar.array, Array(scalar.array.suffix(16))])
        #expect(found.status == 0 && found.counts[0] > 0)
        #expect(found.counts.dropFirst().allSatisfy { $0 == 0 }, "\(found.counts)")

        let words = Array("synthetic-passphrase-of-some-length".utf8)
        let passphrase = try Passphrase(words.span)
        let passphrasePath = try directory.write("words", words)
        let locked = try directory.write("locked", sealAge([1], for: .passphrase(passphrase, logN: 10)))
        let second = try search(
            ["open", "--age", "--passphrase-file", passphrasePath], input: locked,
            needles: [Array(passphrasePath.utf8), words])
        #expect(second.status == 0 && second.counts[0] > 0)
        #expect(second.counts[1] == 0)
    }

    @Test("The process can not be dumped")
    func hardening() throws {
        // In a child, because it can not be undone.
        let directory = try TemporaryDirectory()
        let fifo = directory.file("fifo")
        #expect(mkfifo(fifo, 0o600) == 0)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Programs.pipemason))
        process.arguments = ["token", "check", "--token-file", fifo]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        // It waits for the token, after it has hardened itself.
        let writer = open(fifo, O_WRONLY)
        let limits = try String(contentsOfFile: "/proc/\(process.processIdentifier)/limits", encoding: .utf8)
        let core = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") })
        #expect(core.split(separator: " ").dropFirst(4).prefix(2) == ["0", "0"])
        // The files of a process that is not dumpable belong to root.
        var status = stat()
        #expect(stat("/proc/\(process.processIdentifier)/environ", &status) == 0 && status.st_uid == 0)
        close(writer)
        process.waitUntilExit()
        #expect(process.terminationStatus == 5)
    }
}
