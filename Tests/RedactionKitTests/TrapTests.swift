import RedactionFuzz
import Testing

@testable import RedactionKit

/// Things that look like secrets and are none: the default rules change none of them.
@Suite("Traps")
struct TrapTests {
    struct Trap: CustomTestStringConvertible, Sendable {
        let kind: String
        let lines: [String]
        var testDescription: String { kind }

        init(_ kind: String, _ lines: String...) {
            self.kind = kind
            self.lines = lines
        }
    }

    /// One row for each kind that other scanners report; the lines are ours.
    static let traps = [
        Trap(
            "git object ids", "commit 5f2c81d0e9a74b36c1d28f90a7b3e54d6c8190fa",
            "index 3b18e512dba..9daeafb9864 100644",
            "HEAD is now at 9c41d7e Fix the parser", "uses: actions/checkout@8f4b7f84864484a7bf31766abe9204da3cbe65b3",
            "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904", "Merge 1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d into main"),
        Trap(
            "what is no session's token", "session_id=7d444840-9dc0-11d1-b245-5ffdce74fad2",
            "sessionid=3bd0a2db1c65b86e37c70592a3689e53", "session=worker-17 opened", "cookies: none", "cookies = {}",
            "curl -b 'cookies.txt' https://h.example/", "curl --cookie \"jar.txt\" https://h.example/",
            "Cookies: disabled in settings"),
        Trap(
            "words about passwords", "password - required", "the password - see below - is asked for twice",
            "username/password: required", "user/pass: optional", "auth: none:none", "credentials: same-origin",
            "credentials: provider:default", "auth scram:sha256",
            "\"password\": [ \"required\" ]", "password: <%= ENV.fetch('DB_PASSWORD') %>",
            "os.getenv(\"DB_PASSWORD\", \"\")", "setx DB_PASSWORD %DB_PASSWORD%", "enable secret level",
            "<button name=\"password\">Change</button>", "<td>Password</td><td>optional</td>",
            "secret: ${{ secrets.X#1 }}", "secret = value#comment", "requirepass <password>",
            "SET PASSWORD = PASSWORD(new_value)"),
        Trap(
            "words that are no keys of networks", "key-mgmt=wpa-psk", "#define CIPHER_PSK \"PSK-AES128-SHA256\"",
            "TLS_PSK_WITH_AES_128_GCM_SHA256 = 0x00A8", "pri_psk->flags", "snmp-server location rack 12",
            "crypto isakmp key rotation happens daily",
            "jdbc:oracle:thin:@//h:1521/orcl",
            "mnemonic: the order of the words matters and they must not be shown to other people"),
        Trap(
            "UUIDs and trace ids", "request_id=3f1c9a52-7d84-4e0b-9c1e-52a7f0b6d813",
            "X-Request-Id: 7d444840-9dc0-11d1-b245-5ffdce74fad2",
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "span_id=00f067aa0ba902b7 trace_id=4bf92f3577b34da6a3ce929d0e0e4736"),
        Trap(
            "integrity of lock files",
            "\"integrity\": \"sha512-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6QUJDREVGR0hJSktMTU5PUA==\",",
            "golang.org/x/net v0.17.0 h1:pVaXccu2ozPjCXewfr1S7xza/zcXTity9cCdXQYSjIM=",
            "resolved \"https://registry.example.net/left-pad/-/left-pad-1.3.0.tgz#5b8a3a7765dfe001261dde915589e782f8c94d1e\"",
            "checksum = \"9ae3c5b0f8d7e6a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071829\""),
        // Found in generated log: the placeholder was taken for a tag, and two identifiers behind it made its content look random.
        Trap(
            "a placeholder before prose",
            #"export API_KEY=<your-api-key> before running this script"},"requestID":"4c58cf3e-25df-4ccd-a8fd-b56aaefc92f0","#
                + #""eventID":"2f8a46ff-9bc8-43c4-aec3-7fb76d142e6f","readOnly":false}"#),
        Trap(
            "image digests", "Digest: sha256:7b0c5d2f9a8e41c6b3d0f1e2a4958677c8b9d0e1f2a3b4c5d6e7f80918273645",
            "Status: Downloaded newer image for alpine:3.19",
            "f1b5933fe4b5: Pull complete",
            "nginx@sha256:10d1f5b58f74683ad34eb29287e07dab1e90f10af243f151bb50aa5dbb4d62ee"),
        Trap(
            "blobs in base64",
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
            "url(data:font/woff2;base64,d09GMgABAAAAAAQ4AA0AAAAACFwAAAPkAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP0ZGVE0c)",
            "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ2yU1iO4pA7sD0fG3hJ6kL9zX2cwCgYIKoZIzj0EAwIw\n-----END CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEq1x7Zt1QmW5vRb8nLpE2sJd6HfUc\n-----END PUBLIC KEY-----",
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZVxK1xYJKwYBBAHaRw8BAQdAq1x7Zt1QmW5vRb8nLpE2sJd6HfUcA9oGiXkN\n=h3Jd\n-----END PGP PUBLIC KEY BLOCK-----"
        ),
        Trap(
            "remotes and hosts", "git clone git@github.com:acme/tool.git",
            "origin  git@gitlab.example.net:acme/tool.git (fetch)", "ssh deploy@web-01",
            "Connecting to jane@10.0.0.5 port 22", "scp build.tgz ops@host.example.net:/srv/",
            "rsync -a site/ www@host.example.net:/var/www/",
            "root@ip-10-1-2-3:~#", "jane@laptop:~/src$ make", "user@localhost"),
        Trap(
            "packages and versions", "npm install @acme/kit@1.2.3", "lodash@4.17.21", "└── react@18.2.0 deduped",
            "node_modules/.pnpm/vue@3.4.0"),
        Trap("files for dense screens", "logo@2x.png", "GET /img/icon@3x.webp 200", "sprites@1.5x.svg"),
        Trap(
            "modules of Go", "go: downloading github.com/acme/tool v1.2.3", "golang.org/x/net@v0.17.0",
            "example.net/mod@v0.0.0-20231124120000-5f2c81d0e9a7",
            "github.com/acme/tool@v2.0.0+incompatible"),
        Trap(
            "identities of Java objects", "com.acme.Foo@1a2b3c", "java.lang.Thread@5e9f23b4 in state RUNNABLE",
            "worker SendWorker@679 stopped"),
        Trap(
            "units of systemd", "Started getty@tty1.service.", "user@1000.service: Succeeded.",
            "systemd-coredump@0-1234-0.service", "foo@bar.socket", "session@3.scope"),
        Trap(
            "decorators and operators", "@Override public String toString()", "c = a @ b",
            "@media (max-width: 600px) { }", "@property", "x @> y"),
        Trap(
            "handles", "see https://medium.example/@writer", "thanks @octocat and @hubot!",
            "https://social.example/@writer/1098"),
        Trap(
            "placeholders", "api_key=your_api_key_here", "password: ****", "TOKEN=<token>", "password=${DB_PASSWORD}",
            "secret: $(cat secret.txt)", "token={{ .Values.token }}",
            "password=%s", "AWS_ACCESS_KEY_ID=AK" + "IAIOSFODNN7EXAMPLE", "password=REDACTED",
            "api_key=xxxxxxxxxxxxxxxx", "secret=changeme-please",
            "password: [REDACTED:generic-password]", "curl -H 'Authorization: Bearer $TOKEN'", "PASSWORD=$1",
            "password=None", "token: null", "secret = \"\""),
        Trap(
            "names of variables as values", "SECRET_NAME=\"PAYMENTS-API-KEY\"", "secretName: payments-db-credentials",
            "valueFrom: { secretKeyRef: { key: DATABASE_PASSWORD } }"),
        Trap(
            "long identifiers", "LibraryWebpageUploadUrlHandler", "AbstractSingletonProxyFactoryBean",
            "org.springframework.boot.autoconfigure.condition.ConditionEvaluator",
            "test_that_a_very_long_name_of_a_test_is_no_secret"),
        Trap(
            "words that contain keywords", "monkey=banana keyboard=qwerty turkey: roasted",
            "rapidstring=fast capital: Berlin", "tests passed: 12345678", "compass=northwest author=Jane",
            "tokenizer: bert-base-uncased", "bypass=enabled", "secretary: Ms. Jones", "passenger=42",
            "keynote=2026-11-24T10:00"),
        Trap("words like keys of AWS", "ASIAANDPACIFICREGION", "AKIAGTTCCATGGACTGGTC is DNA", "TODAYINASIAMARKETSROSE"),
        Trap(
            "public keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGq1x7Zt1QmW5vRb8nLpE2sJd6HfUcA9oGiXkN4TyZ0V jane",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCzx7Yt1QmW5vRb8nLpE2sJd6HfUcA9oGiXkN4TyZ0V build",
            "public_key=MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEq1x7"),
        Trap(
            "digests", "9e107d9d372bb6826bd81d3542a419d6  build.tgz",
            "ETag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"", "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==",
            "SHA256:uNiVztksCsDhcc0u9e8BrV4gFR3kh8f3Yg0Yq1t5XQk (ED25519)",
            "sha1sum: da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        Trap(
            "counters of tokens", "max_tokens=4096", "tokens used: 1532",
            "\"completion_tokens\":211,\"prompt_tokens\":87", "token_count: 152", "total_tokens=298"),
        Trap(
            "keys that open nothing", "cache key: linux-node-18-5f2c81d0e9a74b36c1d28f90a7b3e54d",
            "partition_key=tenant-42", "sort_key: created_at", "primary key (id)",
            "Idempotency-Key: 5f2c81d0-e9a7-4b36-81d2-8f90a7b3e54d", "key: value"),
        Trap(
            "ids of credentials", "credentialsId: '3f1c9a52-7d84-4e0b-9c1e-52a7f0b6d813'", "credentials_id=deploy-bot"),
        Trap(
            "addresses of machines", "eth0: 00:1a:2b:3c:4d:5e", "fe80::1ff:fe23:4567:890a%eth0",
            "listening on [::]:8080", "10.0.0.5:5432 -> 10.0.0.9:51514",
            "2026-11-24T12:00:00.123456Z INFO ok"),
        Trap(
            "messages about secrets", "Failed password for root from 192.0.2.7 port 22 ssh2", "Authorization: required",
            "error: password must have at least 8 characters",
            "the token has expired", "Invalid API key provided", "Password changed successfully",
            "auth: user not found", "reading secret from /run/secrets/db"),
    ]

    @Test(arguments: traps)
    func `are left alone`(trap: Trap) {
        for line in trap.lines {
            let output = Shared.standard.redact(line + "\n")
            #expect(output == line + "\n")
        }
    }

    /// Values that are public, in hundreds, where programs print them: `{h40}` is 40 hexadecimal digits, `{H8}` in capitals,
    /// `{b22}` letters and digits, `{s43}` base64, `{d6}` decimal digits, `{u}` a UUID.
    static let generated = [
        "commit {h40}", "index {h7}..{h7} 100644", "tree {h40} parent {h40}", "   {h7}..{h7}  main -> origin/main",
        "HEAD is now at {h7} Fix the parser", "uses: actions/checkout@{h40}", "Merge {h40} into {h40}",
        "request_id={u} user={d6}", "X-Request-Id: {u}", "trace_id={h32} span_id={h16}",
        "traceparent: 00-{h32}-{h16}-01",
        "{\"traceId\":\"{h32}\",\"id\":\"{u}\"}", "\"integrity\": \"sha512-{s86}==\",",
        "golang.org/x/net v0.{d2}.0 h1:{s43}=",
        "resolved \"https://r.example/a/-/a-1.2.3.tgz#{h40}\"", "checksum = \"{h64}\"", "    --hash=sha256:{h64}",
        "Digest: sha256:{h64}", "{h12}: Pull complete", "image: app@sha256:{h64}", "containerID=containerd://{h64}",
        "ETag: \"{h32}\"", "W/\"{h32}\"", "{h32}  a.tgz", "SHA256:{s43} (ED25519)", "Content-MD5: {s22}==",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{s43} jane", "public_key={s43}=", "data:image/png;base64,{s88}",
        "BuildID[sha1]={h40}",
        "cache key: linux-node-{h64}", "Cache restored from key: Linux-{h64}", "cache_key={h40}", "partition_key={u}",
        "sort_key={u}#{d6}", "idempotency_key={u}", "Idempotency-Key: {u}", "Key (id)=({u}) already exists.",
        "key=user:{d6}:profile",
        "GET key=sessions/{h32}.gz etag={h32}", "topic=a partition=3 offset={d6} key={u}", "object_key: {h64}",
        "routing_key={h32}",
        "public key {s43}=", "host key fingerprint {h32}", "primary key {d6}", "credentialsId: '{u}'",
        "max_tokens={d4}", "tokens used: {d4}",
        "\"completion_tokens\":{d3}", "token_count: {d3}", "eth0: 00:1a:2b:{h2}:{h2}:{h2}", "fe80::{h4}:{h4}%eth0",
        "lodash@4.{d2}.21", "logo@2x.png", "com.acme.Foo@{h6}", "getty@tty{d1}.service",
        "git@host.example:org/{h7}.git",
        "github.com/x/y@v1.{d2}.3", "i-{h17} vpc-{h17} subnet-{h17}", "arn:aws:kms:eu-west-1:{d12}:key/{u}",
        "cf-ray: {h16}-FRA",
        "tx 0x{h64} from 0x{h40}", "password for user{d2} was changed",
        "password authentication failed for \"user{d2}\"",
        "PASS pkg/a{d2}.test.ts ({d3} ms)", "the token expired at 2026-11-24T10:{d2}", "secret/app-{h8} created",
        "key id {H16}", "gpg: using RSA key {H40}", "pass" + "word==4.{d2}.1", "registry.example.net/token:{h7}",
        "api-{b5} token-{b5} key-{b5}",
        "kubectl get secret app-token-{b5}", "pass: {d2} of {d3}", "auth: user{d3} denied",
        "commit: {h40} token: expired",
    ]

    @Test(arguments: generated)
    func `public values are left alone`(form: String) {
        var random = SplitMix(seed: 5)
        var changed: [String] = []
        for _ in 0..<200 {
            let line = Self.filled(form, &random) + "\n"
            if Shared.standard.redact(line) != line { changed.append(line) }
        }
        #expect(changed.isEmpty, "\(changed.count) of 200: \(changed.prefix(3))")
    }

    private static func filled(_ form: String, _ random: inout SplitMix) -> String {
        func text(_ alphabet: String, _ length: Int) -> String {
            let characters = Array(alphabet)
            return String((0..<length).map { _ in characters.randomElement(using: &random)! })
        }
        let digits = "0123456789"
        let small = "abcdefghijklmnopqrstuvwxyz"
        let alphabets: [Character: String] = [
            "h": digits + "abcdef", "H": digits + "ABCDEF", "d": digits, "b": digits + small,
            "s": digits + small + small.uppercased() + "+/",
        ]
        var result = ""
        for part in form.split(separator: "{", omittingEmptySubsequences: false).enumerated() {
            let pieces = part.element.split(separator: "}", maxSplits: 1, omittingEmptySubsequences: false)
            if part.offset > 0, pieces.count == 2, pieces[0] == "u" {
                result += [8, 4, 4, 4, 12].map { text(digits + "abcdef", $0) }.joined(separator: "-") + pieces[1]
            } else if part.offset > 0, pieces.count == 2, let kind = pieces[0].first, let alphabet = alphabets[kind],
                let length = Int(pieces[0].dropFirst())
            {
                result += text(alphabet, length) + pieces[1]
            } else {
                result += (part.offset > 0 ? "{" : "") + part.element
            }
        }
        return result
    }
}
