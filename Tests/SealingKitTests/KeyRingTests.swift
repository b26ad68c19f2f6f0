import OpenSSLEngine
import SealingKit
import Testing

@Suite("Key files")
struct KeyFileTests {
    @Test("What is written can be read, comments and all")
    func roundTrip() throws {
        let file = try KeyFile.generate().rotated().rotated()
        #expect(file.entries.map(\.state) == [.open, .open, .primary])
        let text = Array("# keys\n\n".utf8) + file.text.array
        let again = try parseKeyFile(text)
        #expect(again.entries.map(\.key.id) == file.entries.map(\.key.id))
        #expect(again.primary.id == file.primary.id)
    }

    @Test("A line has id, key and state; the id must be the key's")
    func refusals() throws {
        let line = String(decoding: try KeyFile.generate().text.array, as: UTF8.self).dropLast()
        let other = String(decoding: try KeyFile.generate().text.array, as: UTF8.self).dropLast()
        let good = "\(line)\n"
        #expect(try parseKeyFile(Array(good.utf8)).entries.count == 1)
        let swapped = line.prefix(22) + other.dropFirst(22)
        for bad in [
            "", "# none\n", good + good, good + "\(other)\n", "\(swapped)\n", "\(line) \n", "\(line)x\n",
            good.replacing("primary", with: "open"), good.replacing("pmk1", with: "pmk2"), "\(line.dropLast(20))\n",
            good.replacing(" primary", with: "  primary"), "\(line)\r\n",
        ] {
            #expect(try code { _ = try parseKeyFile(Array(bad.utf8)) } == .malformed, "\(bad)")
        }
        let many = [UInt8](repeating: UInt8(ascii: "#"), count: KeyFile.maximumSize + 1)
        #expect(try code { _ = try parseKeyFile(many) } == .limitExceeded)
    }
}

@Suite("Key ring")
struct KeyRingTests {
    let directory: TemporaryDirectory
    let ring: KeyRing<KeyRingFile>

    init() async throws {
        directory = try TemporaryDirectory()
        ring = KeyRing(store: try KeyRingFile(directory.file("ring")), keks: try KeyFile.generate())
    }

    private func put(_ count: Int, organization: String = "acme", prefix: String = "r") async throws {
        let keys = try await ring.open(organization)
        for index in 0..<count {
            let context = try testContext(tenant: organization, row: "\(prefix)\(index)")
            let sealed = try keys.sealField(Array("value \(index)".utf8).span, context)
            let id = prefix + String(repeating: "0", count: 4 - "\(index)".count) + "\(index)"
            try await ring.store.put(StoredRecord(id: id, kind: .field, context: context, sealed: sealed))
        }
    }

    private func errorCode(_ body: () async throws -> Void) async throws -> SealingError.Code? {
        do { try await body() } catch let error as SealingError { return error.code }
        return nil
    }

    @Test("An organization's keys seal and open; the pseudonym key is another and has a scope")
    func create() async throws {
        try await ring.create("acme", now: 1000)
        #expect(try await errorCode { try await ring.create("acme", now: 1) } == .refused)
        let keys = try await ring.open("acme")
        let context = try testContext(tenant: "acme")
        let sealed = try keys.sealField([1, 2].span, context)
        #expect(try keys.openField(sealed.span, context).array == [1, 2])
        #expect(try code { _ = try keys.sealField([1].span, testContext(tenant: "other")) } == .refused)
        let (fileKey, wrapped) = try keys.newFileKey(context)
        #expect(wrapped.count == 117)
        #expect(try keys.fileKey(wrapped.span, context).id == fileKey.id)
        let perJob = try keys.pseudonymKey(job: "1").array
        #expect(perJob != (try keys.pseudonymKey(job: "2").array))
        #expect(perJob != (try keys.pseudonymKey(job: nil).array))
        #expect(perJob == (try await ring.open("acme").pseudonymKey(job: "1").array))
        let status = try await ring.status()
        #expect(status.map(\.key.purpose) == [.data, .pseudonym])
        #expect(status.allSatisfy { $0.kek == ring.keks.primary.id && $0.key.created == 1000 })
    }

    @Test("The ring survives on disk, and a moved row does not open")
    func persistence() async throws {
        try await ring.create("acme", now: 1)
        try await ring.create("beta", now: 1)
        let again = try KeyRingFile(directory.file("ring"))
        #expect(await again.organizations() == ["acme", "beta"])
        #expect(await again.keys(of: "acme") == (await ring.store.keys(of: "acme")))
        // A row of one organization, relabelled as another's.
        let rows = await again.keys(of: "acme")
        var contents = KeyRingFile.Contents()
        contents.keys = rows.map {
            OrganizationKey(
                organization: "beta", purpose: $0.purpose, version: $0.version, id: $0.id, state: $0.state,
                created: $0.created, wrapped: $0.wrapped)
        }
        let path = try directory.write("moved", contents.encoded)
        let moved = KeyRing(store: try KeyRingFile(path), keks: ring.keks)
        #expect(try await errorCode { _ = try await moved.open("beta") } == .wrongKeyOrContext)
        // Another KEK ring.
        let stranger = KeyRing(store: again, keks: try KeyFile.generate())
        #expect(try await errorCode { _ = try await stranger.open("acme") } == .unknownKey)
    }

    @Test("Rotating the KEK rewraps every row and touches no record; then the old KEK may go")
    func rotateKEK() async throws {
        try await ring.create("acme", now: 1)
        try await ring.create("beta", now: 1)
        try await put(3)
        let before = try await ring.store.records(of: "acme", under: ring.open("acme").primary.id, after: nil, limit: 9)
        let rotated = KeyRing(store: ring.store, keks: try ring.keks.rotated())
        #expect(try await rotated.rewrapAll() == 4)
        #expect(try await rotated.rewrapAll() == 0)
        #expect(try await rotated.kekUse() == [rotated.keks.primary.id: 4])
        let alone = KeyRing(store: ring.store, keks: try rotated.keks.removing([ring.keks.primary.id]))
        let keys = try await alone.open("acme")
        #expect(try keys.open(before[0]) == Array("value 0".utf8))
        let primary = try keys.primary.id
        #expect(await ring.store.records(of: "acme", under: primary, after: nil, limit: 9) == before)
        #expect(try await errorCode { _ = try await ring.open("acme") } == .unknownKey)
    }

    @Test("Rotate, dry run, reseal in steps, revoke")
    func rotateAndReseal() async throws {
        try await ring.create("acme", now: 1)
        try await put(25)
        let old = try await ring.open("acme").primary.id
        let new = try await ring.rotateOrganization("acme", now: 2)
        #expect(new.version == 2)
        // Old records still open; new ones go under the new key.
        try await put(5, prefix: "n")
        #expect(await ring.store.recordCount(of: "acme", under: old) == 25)
        #expect(try await errorCode { _ = try await ring.revoke(old, of: "acme") } == .refused)
        #expect(try await errorCode { _ = try await ring.revoke(new.id, of: "acme") } == .refused)

        let dry = try await ring.reseal("acme", dryRun: true)
        #expect(dry.resealed == 25 && dry.remaining == 25 && dry.failed.isEmpty)

        var cursor: KeyRing<KeyRingFile>.ResealCursor?
        var steps = 0
        var resealed = 0
        repeat {
            let step = try await ring.reseal("acme", from: cursor, limit: 10)
            resealed += step.resealed
            cursor = step.cursor
            steps += 1
        } while cursor != nil && steps < 10
        #expect(resealed == 25 && steps == 3)
        #expect(await ring.store.recordCount(of: "acme", under: old) == 0)
        let keys = try await ring.open("acme")
        for record in await ring.store.records(of: "acme", under: new.id, after: nil, limit: 100) {
            #expect(try keys.open(record).count > 0)
        }
        #expect(try await ring.revoke(old, of: "acme").isEmpty)
        #expect(try await ring.status("acme").map(\.key.state) == [.revoked, .primary, .primary])
    }

    @Test("A record that does not open is reported and left as it is")
    func resealDamage() async throws {
        try await ring.create("acme", now: 1)
        try await put(3)
        let old = try await ring.open("acme").primary.id
        var damaged = (await ring.store.records(of: "acme", under: old, after: nil, limit: 1))[0]
        damaged.sealed[80] ^= 1
        try await ring.store.put(damaged)
        _ = try await ring.rotateOrganization("acme", now: 2)
        let result = try await ring.reseal("acme")
        #expect(result.resealed == 2 && result.failed == [damaged.id] && result.remaining == 1)
        #expect(await ring.store.records(of: "acme", under: old, after: nil, limit: 9) == [damaged])
    }

    @Test("A compromised key is revoked at once, and what was under it is listed")
    func compromise() async throws {
        try await ring.create("acme", now: 1)
        try await put(2)
        let old = try await ring.open("acme").primary.id
        _ = try await ring.rotateOrganization("acme", now: 2)
        let lost = try await ring.revoke(old, of: "acme", isCompromised: true)
        #expect(lost.map(\.id) == ["r0000", "r0001"])
        let keys = try await ring.open("acme")
        #expect(try code { _ = try keys.open(lost[0]) } == .unknownKey)
        #expect(try await ring.reseal("acme").resealed == 0)
    }

    @Test("Shredding destroys, and says which KEKs still undo it in a backup")
    func shred() async throws {
        try await ring.create("acme", now: 1)
        try await put(1)
        let backup = try directory.read("ring")
        let record =
            (await ring.store.records(of: "acme", under: try ring.open("acme").primary.id, after: nil, limit: 1))[0]
        try await ring.create("beta", now: 1)
        let report = try await ring.shred("acme")
        #expect(report.keys.count == 2 && report.keks == [ring.keks.primary.id] && report.keksInUse == report.keks)
        #expect(try await errorCode { _ = try await ring.open("acme").primary } == .unknownKey)
        #expect(try await errorCode { _ = try await ring.shred("acme") } == .refused)
        // The report is right: with the backup and the old KEK the record opens again.
        let restored = KeyRing(store: try KeyRingFile(directory.write("backup", backup)), keks: ring.keks)
        #expect(try await restored.open("acme").open(record) == Array("value 0".utf8))
        // Without the old KEK it does not.
        let rotated = try ring.keks.rotated().removing([ring.keks.primary.id])
        let dead = KeyRing(store: try KeyRingFile(directory.file("backup")), keks: rotated)
        #expect(try await errorCode { _ = try await dead.open("acme") } == .unknownKey)
    }

    @Test("A ring file is private, and its text is canonical")
    func file() async throws {
        try await ring.create("acme / ü", now: 1)
        let text = try directory.read("ring")
        #expect(try parseKeyRing(text).encoded == text)
        let open = try directory.write("open", text, mode: 0o644)
        #expect(try code { _ = try KeyRingFile(open) } == .notPrivate)
        for bad in ["", "pipemason-ring 2\n", "pipemason-ring 1", "pipemason-ring 1\nkey a\n", "pipemason-ring 1\nx\n"]
        {
            #expect(try code { _ = try parseKeyRing(Array(bad.utf8)) } == .malformed)
        }
    }
}
