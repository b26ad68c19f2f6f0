internal import Foundation
internal import GitHubStandIn
internal import PostgresTestSupport
internal import ServerKit
internal import ServerTestSupport
internal import Testing

/// Real git, from `pipemason run` to a repository over HTTP.
@Suite(.serialized) struct GitHubProcessTests {
    @Test(arguments: [GitTokenMode.installation, .scopedUser, .expiringOAuth])
    func clonesFetchesAndPushesWithoutStoredCredentials(_ mode: GitTokenMode) async throws {
        let world = try await GitHubWorld(mode)
        let address = world.address("acme/tools")
        let clone = try await world.run("git clone \(address) tools", ["--github-repo", address])
        #expect(clone.status == 0, "\(clone.output)")
        let tools = world.work.appendingPathComponent("tools")
        #expect(FileManager.default.fileExists(atPath: tools.appendingPathComponent("README").path))
        // What else is started sees the environment of the run: a hook, which writes down what it has.
        let hook = tools.appendingPathComponent(".git/hooks/pre-push")
        let seen = world.root.appendingPathComponent("seen-by-hook")
        try Data("#!/bin/sh\n{ env; cat /proc/$PPID/environ /proc/$PPID/cmdline; } > '\(seen.path)'\n".utf8).write(
            to: hook)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: hook.path)
        // From here on the remote says which repository it is.
        let push = try await world.run(
            "git checkout -q -b work && echo more >> README && git commit -qam More && git push -q origin work && git fetch -q",
            in: tools)
        #expect(push.status == 0, "\(push.output)")
        let bare = world.standIn.directory.appendingPathComponent("acme/tools.git")
        #expect(try Git.run(["log", "-1", "--format=%s", "work"], in: bare).contains("More"))

        #expect(try String(contentsOf: seen, encoding: .utf8).contains("PIPEMASON_RUN_ID="))

        let made = world.standIn.count("installation token") + world.standIn.count("scoped token")
        let ended = world.standIn.count("revoke installation token") + world.standIn.count("revoke token")
        #expect(made == (mode.isPerOperation ? 3 : 0) && ended == made)
        #expect(world.seen == ["git-broker", "git-credential", "pipemason-link"])
        #expect(world.exposed == [] && world.dumpable == [])
        #expect(world.filesWithTokens() == [])
        #expect(!FileManager.default.fileExists(atPath: world.home.appendingPathComponent(".git-credentials").path))
        // What was asked of the server is noted with the run, and the notes are good.
        let ledger = try String(
            contentsOf: world.work.appendingPathComponent(".pipeline/egress.jsonl"), encoding: .utf8)
        #expect(ledger.contains(#"/git-token","bytes""#) && ledger.contains("acme/tools"))
        let verified = try await world.pipemason(["verify"])
        #expect(verified.status == 0, "\(verified.output)")
    }

    @Test func gitThatCrashesLeavesNoToken() async throws {
        let world = try await GitHubWorld { $0.plainTokens = true }
        let address = world.address("acme/tools")
        // git has its token, and waits for an answer.
        world.standIn.fail("/acme/tools.git/git-upload-pack", .slow(milliseconds: 20_000))
        async let limit = world.crashGit()
        let clone = try await world.run(
            "ulimit -Hc; ulimit -c $(ulimit -Hc) && git clone \(address) tools", ["--github-repo", address])
        // A command has the limits that it would have without a runner.
        var core = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &core)
        #expect(clone.output.hasPrefix(core.rlim_max == rlim_t.max ? "unlimited\n" : "\(core.rlim_max / 512)\n"))
        #expect(clone.status != 0 && clone.status != 2, "\(clone.output)")
        // Where cores are files, one of git's would lie in the directory of work; where they go to a program, the limit of one byte says not to.
        #expect(try await limit == (core.rlim_max == 0 ? "0" : "1"))
        #expect(world.standIn.count("git authorized") > 0)
        #expect(world.filesWithTokens() == [])
    }

    @Test func tokenIsInNoTraceAndNoOutput() async throws {
        // Words that no pattern finds: only who was told of the token can mask it.
        let world = try await GitHubWorld { $0.plainTokens = true }
        let address = world.address("acme/tools")
        let traces = world.root.appendingPathComponent("traces")
        try FileManager.default.createDirectory(at: traces, withIntermediateDirectories: true)
        let result = try await world.run(
            """
            git clone -q \(address) tools || exit 9
            printf 'protocol=http\\nhost=%s\\npath=acme/tools.git\\n\\n' \(world.standIn.url.dropFirst(7)) \
                | git credential fill | sed -n 's/^password=//p' > got
            cat got; base64 < got; tr a-z a-z < got >&2; rm got
            env -u GIT_CURL_VERBOSE git clone -q \(address) again
            """, ["--github-repo", address],
            environment: [
                "GIT_TRACE": traces.appendingPathComponent("trace").path, "GIT_CURL_VERBOSE": "1",
                "GIT_TRACE_CURL": traces.appendingPathComponent("curl").path, "GIT_TRACE_REDACT": "0",
                "GIT_TRACE_PACKET": traces.appendingPathComponent("packet").path,
            ])
        #expect(result.status == 0, "\(result.output)")
        #expect(world.standIn.issued.contains { $0.contains("-") })
        // The command printed it twice and once encoded: that it was masked is the proof that it was there.
        #expect(result.output.components(separatedBy: "[REDACTED:known:git-token-").count == 4, "\(result.output)")
        #expect(world.standIn.issued.allSatisfy { !result.output.contains($0) })
        // One trace goes to standard error, and takes the place of the other.
        let curl = try String(contentsOf: traces.appendingPathComponent("curl"), encoding: .utf8)
        #expect(curl.contains("uthorization: Basic <redacted>"))
        #expect(world.filesWithTokens() == [] && world.exposed == [])
    }

    @Test func onlyTheRunsOwnRepositoriesAreAnswered() async throws {
        let world = try await GitHubWorld()
        let result = try await world.run(
            """
            git clone -q \(world.address("acme/notes")) notes && exit 1
            git clone -q \(world.address("acme/tools")) tools || exit 2
            git -C tools remote add notes \(world.address("acme/notes"))
            git -C tools fetch -q notes && exit 3
            exit 0
            """, ["--github-repo", world.address("acme/tools")])
        #expect(result.status == 0, "\(result.output)")
        #expect(world.standIn.count("installation token") == 1)
    }

    @Test func withoutConnectionAndWithNoGitHubLocalCredentialsGoOn() async throws {
        let world = try await GitHubWorld(connects: false)
        let address = world.address("acme/tools")
        // What the user has stored for GitHub works as ever, through the helper that they have set.
        let local = world.standIn.grant("mona").access
        let host = world.standIn.url.dropFirst("http://".count)
        let stored = world.home.appendingPathComponent(".git-credentials")
        try Data("http://x-access-token:\(local)@\(host)\n".utf8).write(to: stored)
        let clone = try await world.run("git clone -q \(address) one", ["--github-repo", address])
        #expect(clone.status == 0, "\(clone.output)")
        let off = try await world.run(
            "test -z \"$GIT_CONFIG_COUNT$PIPEMASON_GIT_SOCKET\" && git clone -q \(address) two",
            ["--no-github", "--github-repo", address])
        #expect(off.status == 0, "\(off.output)")
        let strict = try await world.run(
            "git clone -q \(address) three", ["--strict-github", "--github-repo", address])
        #expect(strict.status != 0)
        #expect(world.standIn.count("installation token") == 0)
        // A configuration that the user brings in variables is still there, before ours and after.
        let kept = try await world.run(
            "git config --get acme.key && git config --get credential.helper", ["--github-repo", address],
            environment: ["GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "acme.key", "GIT_CONFIG_VALUE_0": "kept"])
        #expect(kept.status == 0 && kept.output.contains("kept") && kept.output.contains("store"))
    }

    @Test func outageFallsBackAndIsSaid() async throws {
        let world = try await GitHubWorld()
        let address = world.address("acme/tools")
        world.standIn.fail("/api/v3/repos", .status(503, retryAfter: nil), times: 99)
        let result = try await world.run("git clone -q \(address) tools", ["--github-repo", address])
        #expect(result.status != 0 && result.output.contains("GitHub can not be asked now"), "\(result.output)")
        #expect(!result.output.contains("REDACTED"))
    }

    @Test func pullRequestGoesThroughTheServer() async throws {
        let world = try await GitHubWorld()
        let address = world.address("acme/tools")
        let text = world.work.appendingPathComponent("text")
        try Data("First line\n\nThe key was \(secret)\n".utf8).write(to: text)
        let result = try await world.run(
            """
            git clone -q \(address) tools && cd tools && git checkout -q -b work && echo x >> README \
                && git commit -qam More && git push -q origin work \
                && '\(GitHubWorld.program.path)' pr create --title 'A title' --body-file ../text
            """, ["--github-repo", address])
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("\(world.standIn.url)/acme/tools/pull/1"))
        #expect(world.standIn.pullRequestTexts.count == 1)
        let ledger = try String(
            contentsOf: world.work.appendingPathComponent(".pipeline/egress.jsonl"), encoding: .utf8)
        #expect(ledger.contains("/pull-requests") && ledger.contains("First line") && !ledger.contains(secret))
        let body = try #require(world.standIn.pullRequestTexts.first)
        #expect(body.contains(#""base":"main""#))
        #expect(body.contains("First line") && body.contains("[REDACTED") && !body.contains(secret))
        // Also as the first thing that a run does, when the server may not know of the run yet.
        let first = try await world.run(
            "'\(GitHubWorld.program.path)' pr create --title Second --repo \(address) --head work")
        #expect(first.status == 0 && first.output.contains("/pull/2"), "\(first.output)")
        let outside = try await world.pipemason(["pr", "create", "--title", "x"])
        #expect(outside.status == 2 && outside.output.contains("within a run"))
    }

    @Test func serverThatIsKilledWhileItRenewsLosesNoConnection() async throws {
        // Tokens that live a few seconds are renewed whenever one is asked for.
        let world = try await GitHubWorld(.expiringOAuth) { $0.accessLife = 5 }
        let run = "0190f3c2-0000-7000-8000-00000000000a"
        #expect(try await world.api("PUT", "/api/v1/runs/\(run)", json: #"{"title":"make"}"#).status == 201)
        let body = #"{"host":"\#(world.standIn.url.dropFirst(7))","repository":"acme/tools","operation":"fetch"}"#
        for round in 0..<6 {
            // Before GitHub has done it: the request is on its way, or waits, and comes to nothing.
            world.standIn.fail("/login/oauth/access_token", .stall(milliseconds: 1500))
            let asking = try world.begin("POST", "/api/v1/runs/\(run)/git-token", json: body)
            usleep(UInt32(50_000 + 100_000 * round))
            world.server.kill()
            withExtendedLifetime(asking) {}
            // What it may have sent is still to be read: GitHub would do that, and the answer would reach nobody.
            for _ in 0..<300 where world.standIn.pendingFaults > 0 { try await Task.sleep(for: .milliseconds(10)) }
            // If it was killed so early that nothing was asked, nothing is to go wrong any more.
            world.standIn.mend()
            try world.restart()
            let answer = try await world.api("POST", "/api/v1/runs/\(run)/git-token", json: body)
            #expect(answer.status == 201, "round \(round): \(answer.text)")
        }
        #expect(world.standIn.count("refresh refused") == 0)
    }

    @Test(.enabled(if: PostgresCluster.isExpected)) func twoServersAndTwentyQuestionsRenewOnce() async throws {
        // Good for less than what is asked of a token that is handed out.
        let world = try await GitHubWorld(.expiringOAuth, onPostgres: true) { $0.accessLife = 300 }
        try world.startOther()
        world.standIn.accessLife = 28_800
        let run = "0190f3c2-0000-7000-8000-00000000000a"
        #expect(try await world.api("PUT", "/api/v1/runs/\(run)", json: #"{"title":"make"}"#).status == 201)
        world.standIn.fail("/login/oauth/access_token", .slowAnswer(milliseconds: 1000))
        let body = #"{"host":"\#(world.standIn.url.dropFirst(7))","repository":"acme/tools","operation":"fetch"}"#
        let tokens = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let answer = try await world.api(
                        "POST", "/api/v1/runs/\(run)/git-token", json: body, at: number % 2 == 0 ? nil : world.other)
                    #expect(answer.status == 201, "\(answer.text)")
                    return answer.text.split(separator: "\"").map(String.init).first { $0.hasPrefix("gho" + "_") } ?? ""
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(world.standIn.count("refresh") == 1 && world.standIn.count("refresh refused") == 0)
        #expect(tokens.count == 1 && tokens.allSatisfy { world.standIn.isLive($0) })
    }

    @Test(.enabled(if: PostgresCluster.isExpected)) func serverThatIsKilledWhileItRenewsIsFollowedByAnother()
        async throws
    {
        let world = try await GitHubWorld(.expiringOAuth, onPostgres: true) { $0.accessLife = 1 }
        try world.startOther()
        world.standIn.accessLife = 28_800
        let run = "0190f3c2-0000-7000-8000-00000000000a"
        #expect(try await world.api("PUT", "/api/v1/runs/\(run)", json: #"{"title":"make"}"#).status == 201)
        let body = #"{"host":"\#(world.standIn.url.dropFirst(7))","repository":"acme/tools","operation":"fetch"}"#
        try await Task.sleep(for: .seconds(1))
        // The first has the right to renew, and GitHub has not done anything.
        world.standIn.fail("/login/oauth/access_token", .stall(milliseconds: 60_000))
        let asking = try world.begin("POST", "/api/v1/runs/\(run)/git-token", json: body)
        try await Task.sleep(for: .seconds(1))
        world.server.kill()
        withExtendedLifetime(asking) {}
        world.standIn.mend()
        // The right ends by itself after half a minute; until then the other says that it can not be asked now.
        let start = ContinuousClock.now
        var answer = try await world.api("POST", "/api/v1/runs/\(run)/git-token", json: body, at: world.other)
        #expect(answer.status == 503 && answer.text.contains("github-unavailable"), "\(answer.text)")
        while answer.status == 503, ContinuousClock.now - start < .seconds(60) {
            answer = try await world.api("POST", "/api/v1/runs/\(run)/git-token", json: body, at: world.other)
        }
        #expect(answer.status == 201, "\(answer.text)")
        #expect(ContinuousClock.now - start < .seconds(45))
        #expect(world.standIn.count("refresh") == 1 && world.standIn.count("refresh refused") == 0)
    }
}
