internal import Foundation
internal import S3TestSupport
internal import ServerStore
internal import Testing

@testable internal import BodyStores

/// What every place must do, a directory and a bucket alike.
@Suite struct PlaceTests {
    enum Kind: CaseIterable { case directory, s3 }

    private func withPlace(_ kind: Kind, _ body: (any BodyStore) async throws -> Void) async throws {
        switch kind {
        case .directory:
            let root = try newDirectory()
            defer { try? FileManager.default.removeItem(atPath: root) }
            try await body(try DirectoryBodies(root))
        case .s3:
            guard S3Server.isExpected else { return }
            let server = try S3Server.shared.get()
            try await body(S3Bodies(try server.location(), try server.credentials()))
        }
    }

    @Test(arguments: Kind.allCases) func bodiesComeBackAndGo(_ kind: Kind) async throws {
        try await withPlace(kind) { place in
            let scope = newScope()
            for size in [0, 1, 65_536, 3 << 20] {
                let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
                let id = BodyID.new(at: .now)
                #expect(try await place.body(scope, id) == nil)
                try await place.put(scope, id, body)
                #expect(try await place.body(scope, id) == body)
                try await place.delete(scope, id)
                #expect(try await place.body(scope, id) == nil)
                try await place.delete(scope, id)
            }
        }
    }

    @Test(arguments: Kind.allCases) func anotherOrganizationFindsNothing(_ kind: Kind) async throws {
        try await withPlace(kind) { place in
            let (acme, other, id) = (newScope(), newScope(), BodyID.new(at: .now))
            try await place.put(acme, id, [1])
            #expect(try await place.body(other, id) == nil)
            try await place.delete(other, id)
            #expect(try await place.body(acme, id) == [1])
        }
    }

    @Test(arguments: Kind.allCases) func placeKnowsWhoseItIs(_ kind: Kind) async throws {
        try await withPlace(kind) { place in
            #expect(try await place.owner() == nil)
            try await place.claim("somebody")
            #expect(try await place.owner() == "somebody")
        }
    }

    @Test(arguments: Kind.allCases) func sizeIsBounded(_ kind: Kind) async throws {
        try await withPlace(kind) { place in
            let body = [UInt8](repeating: 1, count: BodyLimits.bytes + 1)
            let error = await #expect(throws: StoreError.self) { try await place.put(newScope(), .new(at: .now), body) }
            #expect(error?.code == .refused)
        }
    }

    @Test(arguments: Kind.allCases) func manyAtOnce(_ kind: Kind) async throws {
        try await withPlace(kind) { place in
            let scope = newScope()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        let id = BodyID.new(at: .now)
                        try await place.put(scope, id, [UInt8](repeating: UInt8(number), count: 10_000))
                        #expect(try await place.body(scope, id)?.last == UInt8(number))
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

func newScope() -> Scope { .server(.new(at: .now)) }

func newDirectory() throws -> String {
    let path = FileManager.default.temporaryDirectory.path + "/pipemason-bodies-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    return path
}

@Suite struct DirectoryTests {
    private func withRoot(_ body: (String) async throws -> Void) async throws {
        let root = try newDirectory()
        defer { try? FileManager.default.removeItem(atPath: root) }
        try await body(root)
    }

    @Test func directoryThatIsNotThereIsNotMade() async throws {
        let missing = "/tmp/pipemason-\(UUID().uuidString)"
        let error = #expect(throws: StoreError.self) { _ = try DirectoryBodies(missing) }
        #expect(error?.code == .refused && error?.place.contains(missing) == true)
        #expect(!FileManager.default.fileExists(atPath: missing))
        #expect(throws: StoreError.self) { _ = try DirectoryBodies("/etc/hostname") }
        try await withRoot { root in
            try FileManager.default.setAttributes([.posixPermissions: 0o770], ofItemAtPath: root)
            let open = #expect(throws: StoreError.self) { _ = try DirectoryBodies(root) }
            #expect(open?.place.contains("chmod") == true)
        }
    }

    @Test func everythingIsForTheOwnerAlone() async throws {
        try await withRoot { root in
            let (scope, id) = (newScope(), BodyID.new(at: .now))
            try await DirectoryBodies(root).put(scope, id, [1])
            let path = DirectoryBodies.path(scope, id)
            #expect(path.hasPrefix("\(scope.organization)/") && path.hasSuffix("/\(id)"))
            for (part, mode) in [(path, 0o600), ((path as NSString).deletingLastPathComponent, 0o700)] {
                let found = try FileManager.default.attributesOfItem(atPath: root + "/" + part)[.posixPermissions]
                #expect(found as? Int == mode, "\(part)")
            }
        }
    }

    /// What a writer that was killed has left is no body, and goes with the body's name.
    @Test func halfABodyIsNone() async throws {
        try await withRoot { root in
            let (place, scope, id) = (try DirectoryBodies(root), newScope(), BodyID.new(at: .now))
            let path = root + "/" + DirectoryBodies.path(scope, id)
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data([1, 2]).write(to: URL(fileURLWithPath: path + ".part"))
            #expect(try await place.body(scope, id) == nil)
            try await place.delete(scope, id)
            #expect(!FileManager.default.fileExists(atPath: path + ".part"))
            // Another attempt under the same name would write over it.
            try Data([1, 2, 3, 4]).write(to: URL(fileURLWithPath: path + ".part"))
            try await place.put(scope, id, [5])
            #expect(try await place.body(scope, id) == [5])
        }
    }

    @Test func linksAreNotFollowedAndLargeFilesNotRead() async throws {
        try await withRoot { root in
            let (place, scope, id) = (try DirectoryBodies(root), newScope(), BodyID.new(at: .now))
            try await place.put(scope, id, [1])
            let path = root + "/" + DirectoryBodies.path(scope, id)
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/etc/hostname")
            let linked = await #expect(throws: StoreError.self) { _ = try await place.body(scope, id) }
            #expect(linked?.place.contains(path) == true)
            try FileManager.default.removeItem(atPath: path)
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            truncate(path, off_t(BodyLimits.bytes) + 1)
            let large = await #expect(throws: StoreError.self) { _ = try await place.body(scope, id) }
            #expect(large?.code == .damaged)
        }
    }

    @Test func fullDiskIsAnErrorWithoutABody() async throws {
        // A device that is always full, where the file would be.
        try await withRoot { root in
            let (place, scope, id) = (try DirectoryBodies(root), newScope(), BodyID.new(at: .now))
            let path = root + "/" + DirectoryBodies.path(scope, id)
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try #require(mknod(path + ".part", S_IFCHR | 0o600, 1 << 8 | 7) == 0 || getuid() != 0)
            guard getuid() == 0 else { return }
            let error = await #expect(throws: StoreError.self) { try await place.put(scope, id, [1]) }
            #expect(error?.code == .unavailable && error?.place.contains("No space left") == true)
            #expect(try await place.body(scope, id) == nil)
        }
    }
}
