internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import NIOCore
internal import RunModel
internal import SealingKit
package import ServerStore
internal import TextEncodings

extension Routes {
    func addArtifacts() {
        on(.put, "/api/v1/runs/:id/artifacts/:digest", .runner) { call in
            let run: RunID = try call.id()
            let digest = try digest(call)
            let name = try name(call)
            let bytes = try await Body.bytes(call.request, limit: call.plane.settings.limits.artifactBytes)
            guard ChainHash(of: bytes.span).bytes == digest else {
                throw Problem.badField("digest", "It is not the SHA-256 of the body.")
            }
            let mediaType = try call.plane.inspect(bytes, Body.mediaType(call.request))
            guard try await call.store.run(call.scope, run) != nil else { throw Problem.notFound }
            // What was kept before is not written beside the database once more.
            if call.plane.settings.bodies != nil, try await call.store.artifact(call.scope, of: run, digest) != nil {
                return Response(status: .ok)
            }
            let result = try await call.plane.keep(
                bytes, call.scope, run: run, digest: digest, name: name, mediaType: mediaType, now: call.now)
            switch result {
            case .created: return Response(status: .created)
            case .existing: return Response(status: .ok)
            case .noRun: throw Problem.notFound
            case .tooMany: throw Problem.conflict("The run has \(StoreLimits.artifacts) artifacts.")
            }
        }

        on(.get, "/api/v1/runs/:id/artifacts", .any) { call in
            guard let run = try await call.store.run(call.scope, try call.id()) else { throw Problem.notFound }
            let artifacts = try await call.store.artifacts(call.scope, of: run.id)
            return call.json(JSON.object([("artifacts", JSON.array(artifacts.map(document)))]))
        }

        on(.get, "/api/v1/runs/:id/artifacts/:digest", .any) { call in
            let run: RunID = try call.id()
            guard let (artifact, bytes) = try await call.plane.openArtifact(call.scope, run: run, try digest(call))
            else {
                throw Problem.notFound
            }
            let isPicture = ArtifactFormat.pictures.contains(artifact.mediaType)
            return Response(
                status: .ok,
                headers: [
                    .contentType: isPicture ? artifact.mediaType : "application/octet-stream",
                    // A picture still shows in a page; opened by itself it is saved and never rendered on this origin.
                    .contentDisposition: "attachment",
                    .contentSecurityPolicy: "sandbox; default-src 'none'",
                    // Who may see them can change.
                    .cacheControl: "private, no-cache",
                ],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        }
    }
}

/// The digest in the path. One that is malformed is not there.
private func digest(_ call: Call) throws(Problem) -> [UInt8] {
    guard let digest = ChainHash(call.parameter("digest")) else { throw .notFound }
    return digest.bytes
}

/// What the artifact is called: a label that is never used as a path. Path separators and what a terminal or a page would act on are
/// refused all the same, for whoever saves a file under it.
private func name(_ call: Call) throws(Problem) -> String {
    let limit = 200
    guard let name = try call.open.query()["name"], !name.isEmpty, name.utf8.count <= limit, name != ".", name != ".."
    else {
        throw .badField("name", "It must have from 1 to \(limit) bytes.")
    }
    guard name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f && $0 != "/" && $0 != "\\" }) else {
        throw .badField("name", "It holds a control character or a path separator.")
    }
    try call.plane.scrubber.require(name, field: "name")
    return name
}

private func document(_ artifact: Artifact) -> String {
    JSON.object([
        ("digest", JSON.string(Hex.encode(artifact.digest.span))), ("name", JSON.string(artifact.name)),
        ("media_type", JSON.string(artifact.mediaType)), ("size", String(artifact.size)),
        ("created", artifact.created.json),
    ])
}

extension ControlPlane {
    /// Holds an artifact's bytes against what it says it is, and looks for secrets in them.
    /// - Returns: the media type to keep.
    fileprivate func inspect(_ bytes: [UInt8], _ claimed: String?) throws(Problem) -> String {
        let mediaType = claimed ?? "application/octet-stream"
        guard Self.mediaTypes.contains(mediaType) else {
            throw Problem(
                .unsupportedMediaType, "unsupported-media-type", "Artifacts of this type are not kept.",
                detail: "It must be one of \(Self.mediaTypes.sorted().joined(separator: ", ")).")
        }
        guard ArtifactFormat.agrees(bytes, with: mediaType) else {
            throw .badField("Content-Type", "The body is not of this type.")
        }
        if mediaType == "image/png", ArtifactFormat.hidesText(png: bytes) {
            throw Problem(
                .unprocessableContent, "unscannable-content",
                "The picture holds compressed text, or bytes behind its end. Save it without them.")
        }
        if let rule = scrubber.rule(in: bytes) { throw .unscrubbed(rule: rule, field: "body") }
        return mediaType
    }

    private static let mediaTypes: Set<String> = ArtifactFormat.pictures.union([
        "application/json", "application/octet-stream", "text/plain",
    ])

    /// Seals a body under a key of its own, and keeps it: in the artifact's row, or beside the database.
    ///
    /// There, a body is announced before it is written and belongs to the artifact from its row on, so a crash leaves a body only
    /// whose name stands in the outbox (`LooseBodyStore`).
    fileprivate func keep(
        _ bytes: [UInt8], _ scope: Scope, run: RunID, digest: [UInt8], name: String, mediaType: String,
        now: Timestamp
    ) async throws -> PutArtifactResult {
        let keys = try await cabinet.keys(scope, now: now)
        let (key, wrapped) = try keys.newFileKey(try SealedPlace.artifactKey(scope.organization, run, digest))
        let sealed = try seal(bytes, try SealedPlace.artifactBody(scope.organization, run, digest), key)
        let artifact = Artifact(
            run: run, digest: digest, name: name, mediaType: mediaType, size: bytes.count, created: now,
            wrappedKey: wrapped)
        var body = ArtifactBody.here(sealed)
        if let bodies = settings.bodies {
            let id = BodyID.new(at: now)
            try await store.announceBody(scope, id, due: now + BodyLimits.announced)
            try await bodies.put(scope, id, sealed)
            body = .elsewhere(id)
        }
        return try await store.putArtifact(scope, artifact, body: body, now: now)
    }

    /// Returns an artifact and its opened body; nil when there is none.
    /// - Throws: when the body does not open, or is not the one of its name.
    package func openArtifact(
        _ scope: Scope, run: RunID, _ digest: [UInt8]
    ) async throws -> (Artifact, [UInt8])? {
        guard let (artifact, body) = try await store.artifact(scope, of: run, digest) else { return nil }
        let sealed = try await bytes(of: body, scope)
        let place = try SealedPlace.artifactKey(scope.organization, run, digest)
        let key = try await cabinet.withKeys(scope, now: now()) { try $0.fileKey(artifact.wrappedKey.span, place) }
        let bytes = try open(sealed, try SealedPlace.artifactBody(scope.organization, run, digest), key)
        guard ChainHash(of: bytes.span).bytes == digest else { throw StoreError(.damaged, "artifact") }
        return (artifact, bytes)
    }

    private func bytes(of body: ArtifactBody, _ scope: Scope) async throws -> [UInt8] {
        switch body {
        case .here(let sealed): return sealed
        case .elsewhere(let id):
            guard let bodies = settings.bodies else {
                throw StoreError(.unavailable, "artifact: its body is beside the database; set `artifacts`")
            }
            guard let sealed = try await bodies.body(scope, id) else {
                throw StoreError(.damaged, "artifact: its body \(id) is not in \(bodies.place)")
            }
            return sealed
        }
    }

    /// Deletes bodies beside the database that no artifact refers to. What cannot be deleted now is due again later.
    /// - Returns: how many there were.
    @discardableResult package func deleteLooseBodies() async throws -> Int {
        guard let bodies = settings.bodies else { return 0 }
        var count = 0
        while true {
            let now = now()
            let loose = try await store.takeLooseBodies(
                now: now, until: now + BodyLimits.deletion, limit: BodyLimits.taken)
            for body in loose {
                let scope = Scope.server(body.organization)
                try await bodies.delete(scope, body.id)
                try await store.forgetBody(scope, body.id)
            }
            count += loose.count
            if loose.count < BodyLimits.taken { return count }
        }
    }

    private func seal(_ bytes: [UInt8], _ place: RecordContext, _ key: SealingKey) throws -> [UInt8] {
        var sink = MemorySink()
        try RecordStream.seal(from: MemorySource(bytes), to: &sink, kind: .file, context: place, key: key)
        return sink.bytes
    }

    private func open(_ sealed: [UInt8], _ place: RecordContext, _ key: SealingKey) throws -> [UInt8] {
        var sink = MemorySink()
        try RecordStream.open(
            from: MemorySource(sealed), to: &sink, kind: .file, context: place, keys: key)
        return sink.bytes
    }
}
