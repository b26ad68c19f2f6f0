import RedactionFuzz
import RedactionRules
import RuleFiles
import Testing

@testable import RedactionKit

/// Each way in which the streaming contract was once broken: a secret that was left, or output that depended on cuts.
@Suite("Contract")
struct ContractTests {
    private let standard = Shared.standard

    /// Redacts `text` whole, byte by byte, at cuts, and with the reference: all must agree, and again must change nothing.
    private func everyWay(
        _ redactor: Redactor, _ text: String, everyCut: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
    ) -> String {
        let bytes = Array(text.joined.utf8)
        let whole = redactor.redact(bytes)
        #expect(redactor.redactByteByByte(bytes) == whole, "byte by byte", sourceLocation: sourceLocation)
        let cuts = everyCut ? Array(bytes.indices) : Array(stride(from: 0, to: bytes.count, by: 97))
        let cut = cuts.first { redactor.redact(bytes, cutAt: [$0]) != whole }
        #expect(cut == nil, "cut at \(cut ?? 0)", sourceLocation: sourceLocation)
        #expect(ReferenceScanner(redactor).redact(bytes) == whole, "reference", sourceLocation: sourceLocation)
        #expect(redactor.redact(whole) == whole, "again", sourceLocation: sourceLocation)
        return String(decoding: whole, as: UTF8.self)
    }

    /// The run ends, and is reported, behind the marker of another key: what it holds was decoded inside the first one.
    @Test func `a run of over 16 KiB in a key, with another marker in its line`() {
        let marker = "-----BEG" + "IN RSA PRIV" + "ATE KEY-----\n"
        let before = "8 ms\n" + marker
        let run = String(repeating: "aB3d", count: 13) + String(repeating: "cGFzc3dvcmQ9", count: 1365)
        for length in [16_385, 16_393, 16_430] {
            let bytes = Array((before + run.prefix(length) + marker + "aB3daB3daB3da").utf8)
            #expect(standard.redact(bytes, cutAt: [before.utf8.count]) == standard.redact(bytes), "\(length)")
        }
    }

    /// What is left of a marker behind a placeholder opened a block, whose bytes were dropped if they came one by one.
    @Test(arguments: ["PRIVATE KEY", "PRIV<cut>ATEKEY", "RSA PRIVATE KEY"], ["----", "-----"])
    func `a marker right behind a placeholder begins no key`(label: String, dashes: String) {
        let marker = "[REDACTED:a]" + dashes + "BEGIN " + label.joined + dashes
        let digits = String(repeating: "aB3d", count: 16)
        for rest in [digits + "\n", " " + digits, "\\n" + digits + "\\n", digits + ".\"", "\n" + digits + "\n", ""] {
            #expect(everyWay(standard, marker + rest) == marker + rest)
        }
        let name = "pass" + "word="
        #expect(
            everyWay(standard, marker + "\n" + name + "tR7xQ2mPw9\n").hasSuffix(
                "\n" + name + "[REDACTED:generic-password]\n"))
    }

    /// That there was material in the line of the marker was forgotten, unless a cut had come within it.
    @Test(arguments: [" +\n+\n", "\n+\n", " \"\n= \n", "\nabc=\n\n"])
    func `material in the line of a marker counts however it was cut`(rest: String) {
        let marker = "----BEGIN PRIV" + "ATEKEY----"
        _ = everyWay(standard, marker + "jOXxBYWFhMDBBMGF" + rest)
        _ = everyWay(standard, "x " + marker + "jOXxBYWFhMDBBMGF" + rest)
    }

    /// With a placeholder in place of the first, the literal that announces it came within reach of the second.
    @Test func `a context behind a placeholder was farther away before`() {
        let hash = "018b282e6757f7b1d82861626f5aefe6"
        let start = "$kr" + "b5tgs$$*web$CORPTEST$http/a*$"
        let text = start + hash + ":" + String(repeating: "bbab", count: 8)
        #expect(everyWay(standard, text) == start + "[REDACTED:kerberos-hash]:" + String(repeating: "bbab", count: 8))
    }

    /// Between equal delimiters no atom is looked for.
    @Test(arguments: ["%", "&", "#", ";", "?", "\\", "\u{1b}"])
    func `what stands behind many equal delimiters is decoded as ever`(delimiter: String) {
        let token = "gh" + "p_x7Kd92LmQp4RtVw8ZbNc3FgHj6YsAe" + "1UiOo5"
        for escape in ["%67", "\\x67", "&#103;", "\u{1b}[1mg"] {
            for count in [1, 2, 3, 4, 5, 6, 7, 300] {
                let text = String(repeating: delimiter, count: count) + escape + token.dropFirst() + "\n"
                let bytes = Array(text.utf8)
                let whole = standard.redact(bytes)
                #expect(standard.redactByteByByte(bytes) == whole, "\(escape) \(count)")
                #expect(ReferenceScanner(standard).redact(bytes) == whole, "\(escape) \(count)")
                for cut in [count - 1, count, count + 1, count + 3] {
                    #expect(standard.redact(bytes, cutAt: [cut]) == whole, "\(escape) \(count) \(cut)")
                }
                if delimiter != "\\" {
                    #expect(!String(decoding: whole, as: UTF8.self).contains("7Kd92"), "\(escape) \(count)")
                }
            }
        }
    }

    /// `ESC [ R` is a control sequence, unless it becomes a placeholder behind an ESC.
    @Test(arguments: ["[REDACTED", "[REDACTED:a]x", "[RED", "[REDx", "[R", "[m", "[1Rx"])
    func `an over-long word ends at an escape before a placeholder`(tail: String) {
        let letters = Array(("xa" + "pp-1S5KJL-0370796195-" + String(repeating: "bc3cf05a", count: 40)).utf8)
        let word = letters.map { "%" + String($0, radix: 16) }.joined()
        let text = Array((word + "\u{1b}" + tail).utf8)
        for property in RedactionFuzz.Property.allCases {
            #expect(RedactionFuzz.breaks(property, text, .small) == nil, "\(property.rawValue)")
        }
    }

    /// With enough text around it, a quick look at the name saw a backslash behind it and no operator.
    @Test(arguments: ["\\u001b[0m=", "\\x1b[0m: ", "\\033[1;31m=", "\\e[0m=", "\\e[m = ", " \\e[m= ", "\\\\u001b[0m="])
    func `a colour that is written as an escape stands between a name and its operator`(colour: String) {
        let words = String(repeating: "words of a log ", count: 8)
        let before = words + "pass" + "word" + colour
        #expect(everyWay(standard, before + "tR7xQ2mPw9 " + words) == before + "[REDACTED:generic-password] " + words)
    }

    // MARK: - Options of commands

    @Test(arguments: [
        "mysql -u root -p<s>tR7xQ2mPw9</s> app",
        "curl -u bob:<s>tR7xQ2mPw9</s> -u ann:<s>Vb8nLpE2sJ</s> http://h.example/",
        "curl -s \\\n -u \"bob:<s>tR7 xQ2mPw9</s>\" http://h.example/", "tool -u bob -p <s>tR7xQ2mPw9</s>",
        "htpasswd -bc file bob <s>tR7xQ2mPw9</s>", "docker login -p <s>tR7xQ2mPw9</s> -u bob",
        "net use Z: \\\\h\\share <s>tR7xQ2mPw9</s> /user:bob", "sqlplus scott/<s>tR7xQ2mPw9</s>@orcl",
        "lftp -u bob,<s>tR7xQ2mPw9</s> sftp://h", "smbclient -U bob%<s>tR7xQ2mPw9</s> //h/s",
        "7z x a.7z -p<s>tR7xQ2mPw9</s>",
        "xfreerdp /u:bob /p:<s>tR7xQ2mPw9</s>", "curl --proxy-user=bob:<s>tR7xQ2mPw9</s> http://h.example/",
        "snmpget -v3 -A <s>tR7xQ2mPw9</s> -X <s>Vb8nLpE2sJ</s> h", "wmic /node:h /password:<s>tR7xQ2mPw9</s> os",
    ])
    func `what options announce is found however it is cut`(form: String) {
        let text = form.replacing("<s>", with: "").replacing("</s>", with: "") + "\n"
        var wanted = form + "\n"
        while let start = wanted.firstRange(of: "<s>"), let end = wanted.firstRange(of: "</s>") {
            let rule = ["authorization-header", "generic-password"][form.contains("wmic") ? 1 : 0]
            wanted.replaceSubrange(start.lowerBound..<end.upperBound, with: "[REDACTED:\(rule)]")
        }
        #expect(everyWay(standard, text) == wanted)
    }

    @Test(arguments: [
        "mkdir -p build/Release2", "mysql -p database1", "docker run -p 8080:80 -u 1000:1000 image2",
        "ssh -p 2222 bob@10.0.0.5",
        "ps -u root -p 4242", "git push -u origin Feature:main2", "mysql -u root; nmap -p T1:80x", "cp -a Build2 /tmp",
        "grep -w Word2 file", "set -x FOO2 1", "test -b /dev/sda1 Xy2", "find . -path ./Foo2 -prune", "tar -xpf A2.tar",
        "curl -u $USER:$PASS https://h.example/", "nosql -pTest2X", "mysql -u a | grep -pX2y", "net user bob /add",
        "net use Z: /delete",
        "mysqlx.log -pX2yTest", "make -u A -p ./Path2",
        "docker -p Xy2Za3 login2", "cookies, `curl -u` and its like, the credentials of `a field`",
        "wget --user bob --accept x http://h.example/Page2", "IDENTIFIED BY and others",
    ])
    func `options of other commands pass`(text: String) {
        #expect(everyWay(standard, text + "\n") == text + "\n")
    }

    @Test func `inserted passwords are found however they are cut`() {
        let text =
            "INSERT \("INTO") users (id, `password`, mail, password_hint) VALUES (1, 'tR7xQ2mPw9', 'a, b', 'dog9'), (NOW(), 'Vb8nLpE2sJ', '', '');\n"
        let mark = "[REDACTED:generic-password]"
        #expect(
            everyWay(standard, text)
                == text.replacing("tR7xQ2mPw9", with: mark).replacing("Vb8nLpE2sJ", with: mark))
    }

    /// A placeholder is shorter than what it stands for: what was too far away the first time is nearer the second.
    @Test func `more inserted passwords than the context reaches`() {
        let rows = (1...80).map { "(\($0), 'tR7xQ2mPw9tR7xQ2mPw9tR7xQ2mPw9\($0)')" }.joined(separator: ", ")
        #expect(
            everyWay(standard, "INSERT INTO users (id, password) VALUES \(rows);\n", everyCut: false).contains(
                "REDACTED"))
    }

    @Test(arguments: [
        "smtp.login('bob', '<s>tR7xQ2mPw9</s>')", "connect(\"h\", \"root\", \"<s>tR7xQ2mPw9</s>\", \"db\")",
        "open(\"root:<s>tR7xQ2mPw9</s>@tcp(127.0.0.1:3306)/app\")",
    ])
    func `passwords among arguments are found however they are cut`(form: String) {
        let rule = form.contains("@tcp") ? "url-password" : "generic-password"
        let text = form.replacing("<s>", with: "").replacing("</s>", with: "") + "\n"
        #expect(everyWay(standard, text) == text.replacing("tR7xQ2mPw9", with: "[REDACTED:\(rule)]"))
    }

    @Test(arguments: [
        "socket.connect((\"10.0.0.5\", 8080))", "button.connect(\"clicked\", handler, \"label\")",
        "login(user, password)",
        "INSERT INTO logs (id, message) VALUES (1, 'tR7xQ2mPw9');", "mail bob@tcp(x)",
        "login('bob', 'https://h.example/1')",
    ])
    func `other arguments pass`(text: String) { #expect(everyWay(standard, text + "\n") == text + "\n") }

    @Test(arguments: ["IDENTIFIED BY", "Authorization: Bearer"])
    func `unlimited blanks before a value`(name: String) {
        for count in [1, 60, 64, 200, 3000] {
            let text = name + String(repeating: " ", count: count) + "'tR7xQ2mPw9tR7xQ2mPw9'\n"
            _ = everyWay(standard, text, everyCut: count < 100)
        }
    }

    // MARK: - What was left of secrets

    @Test(arguments: ["+", "/", "=", "A"])
    func `the last digit of key lines with a prefix each`(last: String) {
        let line = "MIIEowIBAAKCAQEAzK3x7Yt1QmW5vRb8nLpE2sJd6HfUcA9oGiXkN4TyZ0Vb5Jq" + last
        let text =
            "-----BEG" + "IN PRIVATE KEY-----\nweb-1 | \(line)\nweb-1 | \(line)\nweb-1 | -----E"
            + "ND PRIVATE KEY-----\n"
        let key = "[REDACTED:private-key]"
        #expect(everyWay(standard, text) == "\(key)\nweb-1 | \(key)\nweb-1 | \(key)\nweb-1 | \(key)\n")
    }

    @Test(arguments: [
        "a8Kd03mQXX<cut>XXPq92LmZ7", "Zk4w<cut>todo9Qv7Lr2Xp8", "q7W2***e9<cut>Rt4Yu8Io3P",
        "Pq92LmZ7a8Kd<cut>Example03mQ4vT6",
        "v4Tn8<cut>dummyQ2wL9xK7", "7fQ9xxxx<cut>Lm3Kp8Zr5Vb1",
    ])
    func `random values that hold a mask or the word of a placeholder`(value: String) {
        let text = "api_key=\(value)\n"
        #expect(everyWay(standard, text) == "api_key=[REDACTED:generic-api-key]\n")
    }

    @Test(arguments: [
        "xxxxxxxxxxxxxxxxxxxx", "your-api-key-here", "YOUR_API_KEY_123", "changeme123456", "AKIA" + "XXXXXXXXXXXXXXXX",
        "example-token-value", "xxxxxxxxxxxxxxxxab12", "************wxyz", "insert_token_here1",
        "replace_me_2024_key",
        "sk-xxxxxxxxxxxxxxxxxxxx", "example_1234567890abcdef", "<your_token_here>", "todo_set_this_later",
    ])
    func `values that are a mask or a placeholder pass`(value: String) {
        #expect(standard.redact("api_key=\(value)\n") == "api_key=\(value)\n")
    }

    @Test func `a known value with line ends that overlaps itself`() throws {
        var options = RedactorOptions(ruleSet: .init())
        options.knownValues = [
            try KnownValue(name: "A", value: Array("ab cd\n12 34\nab cd".utf8)),
            try KnownValue(name: "B", value: Array("xy 1 2 3 xy".utf8)),
        ]
        let redactor = try Redactor(options)
        #expect(everyWay(redactor, "- ab cd\n12 34\nab cd\n12 34\nab cd -") == "- [REDACTED:known:A] -")
        #expect(everyWay(redactor, "- ab cd\r\n12 34 ab cd  12 34\n\nab cd\n12") == "- [REDACTED:known:A]\n12")
        #expect(everyWay(redactor, "xy 1 2 3 xy 1 2 3 xy 1 2 3 x") == "[REDACTED:known:B] 1 2 3 x")
    }

    /// Longer than the context that a stream keeps otherwise.
    @Test func `a long known value that overlaps itself`() throws {
        let unit = "edge of it " + String(repeating: "0 1 2 3 4 5 6 7 8 9 ", count: 500)
        var options = RedactorOptions(ruleSet: .init())
        options.knownValues = [try KnownValue(name: "A", value: Array((unit + "edge of it").utf8))]
        let redactor = try Redactor(options)
        let text = Array(("- " + unit + unit + "edge of it -").utf8)
        for cuts in [[], [10_015, 10_030], Array(stride(from: 0, to: text.count, by: 611))] {
            #expect(redactor.redact(text, cutAt: cuts) == Array("- [REDACTED:known:A] -".utf8))
        }
    }

    @Test(arguments: [100, 1000, 1500, 2500, 3900])
    func `the last of the cookies of a long header`(length: Int) {
        var cookies = ""
        while cookies.utf8.count < length { cookies += "lang=en-\(cookies.utf8.count); theme=dark; " }
        let text = "Coo<cut>kie: \(cookies)session=Zq3x8Lm2Vb7Rt5Kp\r\nAccept: */*\r\n"
        #expect(
            everyWay(standard, text, everyCut: false)
                == "Cookie: \(cookies)session=[REDACTED:cookie-header]\r\nAccept: */*\r\n")
    }

    // MARK: - What is no value

    @Test(arguments: [
        #"{"msg":"Enter pass<cut>word:\u001b[0m","n":1}"#, #"{"msg":"\u001b[1mpass<cut>word\u001b[0m","n":1}"#,
        #"{"msg":"pass<cut>word: \u001b[31mwrong\u001b[0m again"}"#, #"pass<cut>word\u001b[0m"#,
        #"pass<cut>word:\x1b[0m\x1b[K"#,
        #"pass<cut>word=\033[1;31m\033[0m"#, #"Pass<cut>word: \e[0m"#,
        #"{"log":"to<cut>ken:\u001b[0m \u001b[32mok\u001b[0m\n"}"#,
    ])
    func `an escaped control sequence after a credential word`(text: String) {
        #expect(everyWay(standard, text) == text.joined)
    }

    @Test func `a value between escaped control sequences`() {
        let word = "hunt" + "er2z9"
        #expect(
            everyWay(standard, "{\"m\":\"pass<cut>word: \\u001b[31m\(word)\\u001b[0m\"}")
                == "{\"m\":\"password: \\u001b[31m[REDACTED:generic-password]\\u001b[0m\"}")
        #expect(
            everyWay(standard, "{\"m\":\"pass<cut>word\\u001b[0m: \(word)\\u0026x=1\"}")
                == "{\"m\":\"password\\u001b[0m: [REDACTED:generic-password]\\u0026x=1\"}")
    }

    // MARK: - Users' rules

    private func redactor(_ toml: String) throws -> Redactor {
        try Redactor(RedactorOptions(ruleSet: try RuleFile.parse(toml, name: "test.toml").ruleSet))
    }

    @Test func `a pattern's line ends on long lines`() throws {
        let redactor = try redactor(
            """
            [[rules]]
            id = "first"
            regex = '''^[0-9]{4}'''
            [[rules]]
            id = "last"
            regex = '''pin [0-9]{4}$'''
            keywords = ["pin "]
            """)
        for filler in [0, 400, 3000, 9000, 40_000] {
            let words = String(repeating: "1234 5678 ", count: filler / 10)
            let text = "9876 \(words)x pin 1234 and pin 4321\nno 1234 pin 12345\n5555 pin 1\n"
            #expect(
                everyWay(redactor, text, everyCut: filler == 0)
                    == "[REDACTED:first] \(words)x pin 1234 and [REDACTED:last]\nno 1234 pin 12345\n[REDACTED:first] pin 1\n",
                "\(filler)")
        }
    }

    @Test func `a rule without a literal on many lines and on one`() throws {
        let redactor = try redactor(
            """
            [[rules]]
            id = "digits"
            regex = '''\\b[0-9]{3}:[0-9]{5}\\b'''
            """)
        for (separator, count) in [("\n", 900), (" ", 900), ("\n", 3), (" ab cd ef\n", 2000)] {
            let text = String(repeating: "x 123:45678\(separator)", count: count)
            let expected = String(repeating: "x [REDACTED:digits]\(separator)", count: count)
            #expect(
                everyWay(redactor, text, everyCut: count < 10) == expected, "\(count) \(separator.debugDescription)")
        }
    }

    @Test func `an allowlist looks at the whole line`() throws {
        let redactor = try redactor(
            """
            [[rules]]
            id = "tick"
            regex = '''tick:([a-z0-9]{6})'''
            keywords = ["tick:"]
            [[rules.allowlists]]
            regexTarget = "line"
            regexes = ['''# fine''']
            """)
        #expect(
            everyWay(redactor, "tick:ab12cd and # fine\ntick:ab12cd and\n# fine\n")
                == "tick:ab12cd and # fine\ntick:[REDACTED:tick] and\n# fine\n")
    }

    // MARK: - Far behind what announces it

    /// What announces a password stays readable for `Limits.context` bytes.
    @Test(arguments: [1, 200, 255, 256, 257, 600, 1500])
    func `a long user before the password of an option`(length: Int) {
        let user = String(repeating: "user.na", count: 300).prefix(length)
        let isUser = length <= 256
        #expect(
            everyWay(standard, "cu<cut>rl -u \(user):pass<cut>4you https://h.example\n", everyCut: false)
                == "curl -u \(user):\(isUser ? "[REDACTED:authorization-header]" : "pass4you") https://h.example\n")
    }

    // MARK: - Over-long

    /// Its pieces are counted from another byte than before there was a placeholder.
    @Test(arguments: [0, 100, 160, 300, 700])
    func `a run that follows a placeholder is not decoded`(length: Int) {
        let filler = String(repeating: "lorem ipsum dolor sit amet ", count: 40).prefix(length)
        for encoding in [Encoding.base64Unpadded, .hexLower] {
            let encoded = String(
                decoding: encoding.apply(Array("\(filler)pass<cut>word=Zq3x8Lm2Vb7R ok".joined.utf8)), as: UTF8.self)
            let small = RedactionFuzz.redactor(.small)
            #expect(everyWay(small, "- [REDACTED:generic-key]\(encoded)", everyCut: false).hasSuffix(encoded))
            #expect(!everyWay(small, "- \(encoded)", everyCut: false).hasSuffix(encoded))
        }
    }

    /// Of two that are open, the one that reaches farther counts.
    @Test func `an over-long value that is an over-long token`() {
        let token = "apify<cut>_api_" + String(repeating: "aB3dE5gH7jK9mN1pQ3", count: 60)
        #expect(
            everyWay(RedactionFuzz.redactor(.small), "AAaTOK<cut>EN=\(token)% b", everyCut: false)
                == "AAaTOKEN=[REDACTED:generic-api-key] b")
    }

    // MARK: - What random texts found

    struct Found: Sendable, CustomTestStringConvertible {
        let setting: RedactionFuzz.Setting
        let text: String
        var testDescription: String { "\(setting.rawValue): \(text)" }
        init(_ setting: RedactionFuzz.Setting, _ text: String) {
            self.setting = setting
            self.text = text
        }
    }

    /// Each made as small as it goes.
    static let found = [
        // An authority over its limit: the prefilter's screen has the same limit.
        Found(.small, "s:<cut>//app:\u{65e5}\u{672c}f98f5afe91c1f53646fae96ed5<cut>dfbecd353028b82a6b0e7321cf52f\\"),
        Found(.small, "s:<cut>//app:{I6kQY2f1f9d81c1d659d405c5178e0e303f<cut>82e5e5290c72a52a4bed1e75f>"),
        Found(.small, "s:<cut>//pp:22;&#57;&02;&#55;Yh&#110;T&#115;&#116;1vjUCqvU&#107;i&#34;5;://"),
        // A control sequence of the first secret stands between its placeholder and the next token.
        Found(
            .small,
            "320485-\u{1b}[mpqncf37vjxg5qmvguxuqxdica7<cut>skdzsi.apps.googleusercontent.comsk_test_<cut>tegration&#67;"
        ),
        Found(.patterns, "Be<cut>arer c9efd5dcddaca24k\u{1b}[ms\u{1b}[mk-rED1VE902Wgypz<cut>Ea90mkT3BlbkFJjGkB"),
        // A character reference in credentials.
        Found(
            .patterns,
            "Au<cut>thorization:&#x6b;&#x41;&#x33;-&#x4d;&#55;H&#57;X-&#x4d;YQ&#x4b;&#55;&#x44;&#x2d;&#52;&#x37;&#x4a;5J&#x2d;&#x31;2X&#x4b;&#x5a;-C1&#50;&#x4b;F&#x2d;&#57;L&#53;35"
        ),
        // Behind a letter beyond ASCII.
        Found(.standard, "pa<cut>ss=\u{fc}\u{1b}[mey"), Found(.standard, "TO<cut>KEN=qSY8\u{e9}\u{1b}[mwe"),
        // The user of a URL in an atom with escapes.
        Found(.packs, ":/<cut>/m@e.\u{65e5}\u{672c}\\000"),
        // Half a placeholder is none.
        Found(.patterns, "[R<cut>@\u{1b}[ps.oo"), Found(.values, "[RE@<cut>x.nx"),
        Found(.packs, "pa<cut>sswd=\u{1b}lin_<cut>api_OM8pX21nLvdmjQBjC2EG5V9wxzUsldrFGSYNQ4a2"),
        // An escaped line end, whose letter begins UTF-16 text.
        Found(.values, "\\n\0@\0l\0e\0.\0n\0e\0t\0"),
        // Dots end a value, and the pieces of an over-long run.
        Found(
            .small,
            "gi<cut>tlab>ielt-secretRK29Td25xOFU9PVdiUEVk<cut>Sm9ST3Y0bGU1QTZoZnZXNWZTTnc3Q0ZXPWtxMz1TUHNZVlZ6SGk0R08zWmw1SA..._"
        ),
        Found(
            .small,
            "configcat-sdk-1/5seZsYPEfPy8Oa29wqueVry<cut>plXsn3mA5sEXlgLu3HIL.JyeJ...yJ--JyeeJJ.ey.-ye-_J.y--eyy_-y-.y_y.envapi-JxeO4wbydonw61nCwoz85xdBFqNuOCYb9CbuzQEmZ8QaNijtyn5T5CfL5VaBe3xhe.eJ_JyJ-J__-yy-__yeeJyy.-_..-.yJ_.._.-_-.-yy.eJ-__e_-y_y.--_ye_J.ee.e-.y.---yeeJJ-_-"
        ),
        // A token that fills a piece of an over-long run, and decodes to something.
        Found(
            .small,
            "na<cut>pi_rNy92C4p4SuHSHkE14JNSAUr13jQXfguD8jxO3k430FXixWVCtuG5Ynqb610Y0QwMk9WODlOalJuUlU1V1BU<cut>Y3dQVE01UFRSRldtZHRQVFUwU0QwMk1qazlOVGRZUFRkQlBUUTRQVFJFZUd0R05YSXVMalE5TXpBOU16WTFQVE0zUFRNNFBUTTJQVE14TmowME5EMHpOejB6TUQwek5rTTJOVEk5TkRVMlJUWTFOelE5TmtJOU56STlOMEZ3"
        ),
        // An over-long line in a key block, and what a header's name announces inside it.
        Found(
            .small,
            "Private-Lines:\n--tMqbCkNAdAuthorization: \u{9}GET /v1/items?limit=5&key=flb_<cut>test_KMFVZ2pkXFL2U3Xa9eqKlqBE2vJPfxkwx4EaGWjPt2tVqGj1rHP5mNjODBRA&page=2 0\n"
        ),
        Found(.standard, "\"----BEG<cut>IN PRIVATEKEY-----\\"), Found(.values, "0----BEG<cut>IN PRIVATEKEY-----\\"),
        // A backslash in the value of an option.
        Found(.standard, "--pw<cut>ord \\\u{65e5}\u{672c}"), Found(.standard, "--pa<cut>sswd \\933"),
        // Over-long values in which a token was redacted.
        Found(
            .small,
            "cu<cut>rl -u \u{1b}lfw)urR7KPzPX8u3JxdFDQL!m&#x61;c&#x68;i&#x\\dt0c01.<cut>UZEJI3TJH9ZWMDJAGYV9.RV3ISN6POR48DNG8UWDQ297WSYQ4SD4U95RA0DV023NZVWZO9L[&#x\u{1b}[31m41;ZlbFwiOlwiaW5mb1wiLFwibXNnXCI6XCJyZXF1ZXN0X"
        ),
        // A key in base64 that an over-long list of cookies takes along.
        Found(
            .small,
            "Co<cut>okie:tLS0tLUJF<cut>R0lOIEVFRCBQUklWQVRFIEtFWS0tLS0<cut>QjJOOHV4NzBqc2svdzA2FvYk1uLAo-IC0tLS0tRU5EIEVOQ1JZUFRFRCBQUklWQVRFIEtFWS0tLS0tLAimagePullSecrets "
        ),
        // A list of cookies grows over its limit by a placeholder.
        Found(
            .small,
            "Co<cut>okie:-2wweGMyKmZrb2NseTQ5bmBJREVOVElGSUVEIEJZICcT<cut>c4N2E2YTM3MzQ2\\nYjJhNTg2NTMyMzA0Njc1NmU3NjQ0NDI2MzZmNjQ1ODYyNzY"
        ),
        // What stands before an atom says that it is the user of a URL.
        Found(.packs, ":/<cut>/*S@e.\u{65e5}\u{672c}\\000"),
        // An over-long atom is cut between two escapes, and what follows a placeholder is not decoded, however long.
        Found(
            .small,
            "mlsn.<cut>B2iT9moiUgXhYeg47KXqczbzsMJch\\u0026\\u0023\\u0078\\u0036\\u0035\\u003b\\u00223\\u0078\\u0033\\u0034\\u003b\\u0026\\u0023\\u0078\\u0033\\u0036\\u003b\\u0031\\u0026\\u0023\\u0078\\u0033\\u0032\\u003b\\u0026\\u0023\\u0078\\u0033\\u0033\\u003b9\\u0026\\u0023\\u0078\\u00334\\00\\u0065\\u0038\\u0026\\u0023\\u0078\\u0033\\u0035\\u003b\\u0064\\u0035\\u0065\\u0026\\u0023\\u3\\u"
        ),
        // A placeholder behind the first line of a key came after it had been redacted.
        Found(.standard, "----BEG<cut>IN PRIVATEKEY----B54e8ALnDQfQUZOo[REDACTED"),
        // Words of our own placeholders announce nothing, and what follows one begins no command.
        Found(.standard, "_gitlab<cut>_session=e030b8c10f5e9b7463d4c74201cfgres:p=\\x74\\x"),
        Found(.standard, "T\0O\0K\0E\0N\0=\0u\0x\0w\0i\0n\0U\0f\0gss<cut>hpass -pa\0p"),
        Found(.standard, "CCIP<cut>RJ_1F5m78pGe8YDk0tb8upHVDC13xrJo8v2VbFbtMWrndAygbwvbfPtG2OgowaQ.--passwd CLOJ"),
        // A value that holds a placeholder was looked at before, whatever it begins with.
        Found(.standard, "passwd:#---- BEG<cut>IN PRIVATEKEY----"),
        Found(.standard, "tok<cut>en='#%^ key = jP<cut>ZmSdg3IbiTy8nX\\\\3aabbbaaaaaabbbabbaabbbaab"),
        Found(.patterns, "Autho<cut>rization:Bea<cut>rer $pack<cut>agist_ack_4be8e4ca9e80621639ca26a15f1d"),
        // The first letter of a domain is cut in two.
        Found(.standard, "l'o<cut>@\u{fc}.le"), Found(.standard, "x l'o<cut>@b\u{fc}cher.example y"),
        // The line end behind the first line of a key in base64 comes later.
        Found(.standard, "LS0t<cut>LUJFR0lOIFJTQSBQUklWQVRFIEtFWS0tLS0\r\n2"),
        // A name that opens nothing takes no other assignment along.
        Found(
            .standard,
            "sort_key=29eYl5d8nsqAoQQL35DjPFXoHhWZyPAd0PAULp6fKldHV+YAKDfj5cf629WLeuYmRbgtWlGbdy7WNtRFKq6rlUUOzjFv4djGZiYsUS3DZxyOQKwSOmLbsy46TLgT8zI7yPAPI_TOK<cut>EN=AROA<cut>BRZFWXVLSIVKGF7525=6vmHhMMeenITexU9AMOMngZDWRcfjhToHwJKOenWfGVzm3agEUYOM/iNGSlayJG0E7XmJoAJcAfY36sJY2zSz8U23ASEI"
        ),
        // A cookie, and a token over it, end within a control sequence.
        Found(
            .standard,
            "Cookie:1=<cut>#llx-DEzTLbNTwu3uelYEvlBm3<cut>G3qEDA4VbvMUylsr<cut>e2<cut>B<cut>\u{1b}[;m551D,"
        ),
        Found(.patterns, "machine login passwd t-C<cut>ook<cut>ie:SECR<cut>ET=qNv\u{1b}[1;qcT3--|"),
        // A key whose END marker is in the line of its BEGIN marker.
        Found(.values, "----BEGIN PRIVATEK<cut>EY-------END -----Z2pkN2VZRnVhS0hR"),
        // A placeholder that takes a word along does not change what the next one says.
        Found(.patterns, "fm2_c3AyuVfSrtBEVPhxsy<cut>CfrA1NY5lRBFypartition key:444840-9dc0-11d1"),
        Found(
            .patterns,
            "organizations/4062c6fa-8e94-4103-ae05-e31c6dc31<cut>81b/apiKeys/41746120-e78b-41ec-a65e-8b81619c6fd4_gitlab_session=e6f9030b8c10f5e9b7463d4c74201cf7"
        ),
        Found(
            .standard,
            "key=persona_production_tJFw12Ztwxc3Eyo9i<cut>GbQxZyiePZJ9dSvrO5bb_pr91ed012ad4c071<cut>fe91a13468c41d84_sk-api-LbkFE4DRsG9b0Rlk1Tc2yF6dkjndV9dwbQYq-E79LuiWKZ0ayG*wV_hU4X0nlTsq_9lOs04l-sdz-e4kocRL_fhtE2-vxhdtqcT3--key=Zx7Wc3Vba8Fk2<cut>Lq9R...UEFTU1<cut>dPUkRfRklMRT0vcnVuL3NlY3Jld"
        ),
        Found(.patterns, "u@e.rg-xapp-1-<cut>8090437"),
        Found(
            .standard,
            "machine  login password>curl -H \"X-Auth: eyJrI<cut>joil9y<cut>OhRVoay5IsV<cut>hjhCkLPW8K30vUzOuC7Xbw<cut>Ela7mdgXVwIaCmpz9BNDj2OR37f7YhnTst1vjUCqvUki\" https://api.test/v1 h login l passwd \"C:\0Z"
        ),
        Found(.values, "Coo<cut>kie:the lines here=6D=61="),
        // What begins like a placeholder.
        Found(
            .small,
            "AK1N0&#97;&#56;&#86;8&#71;Upw&#83;&#85;Sh&#100;7&#70;&#69;&#98;&#86;w&#56;yMZY&<cut>#120;&#84;&#119;I1&#57;&#114;I&#51;S&#90;9&#81;p&#55;&#89;&#82;z4&#117;H&#86;wF[REDACT<cut>ED@<cut>e.et"
        ),
        // A cookie's value that ends with a character reference.
        Found(
            .patterns,
            "Cookie:S=<cut>,&#107;&#<cut>112;&#56;<cut>e-&#89;Hv<cut>z&#105;&#<cut>71;W&#98;<cut>da&#116;7<cut>&#106;yrx<cut>F&#120;&#<cut>83;9&#66;<cut>G&#65;qmD<cut>&#51;&#90<cut>;pRmy"
        ),
        Found(
            .patterns,
            "eGFpLVlPdTlTalFENEtTSVBTR0FFTWJXNE5FX2VRdGEwY3RkY<cut>nlVcXlvdmFfVFpMS0dpMC1aQzdYZGlhR3U0amh4bEd3ZjFzNFkCookie:Q==--200"
        ),
        // A placeholder takes half of a header's name along.
        Found(.small, "s\\x68\\x70\\x70\\x61\\x5f38f<cut>bx666470d3a5627e27x651e38bSet-Cookie:h=;a=bc--pa"),
        // UTF-16 text that begins in a key block, and keys in both kinds of characters.
        Found(
            .values,
            "-\0-\0-\0-\0B\0E\0G\0I\0N\0 \0P\0R\0I\0V\0A\0T\0E\0K\0E\0Y\0-\0-\0-\0-\0\0\\\u{0}1\u{0}4\u{0}1\0\\\u{0}1\u{0}4\u{0}1\0b\0a\0a\0b"
        ),
        Found(
            .small,
            "-\0-\0-\0-\0B\0E\0G\0I\0N\0 \0P\0R\0I\0V\0A\0T\0E\0K\0E\0Y\0-\0-\0-\0-\n\0I\0K\0z\u{0}3\0x\u{0}7\0Y\0t\u{0}1\0Q\0m\0W\u{0}5\0v\0R\0b\u{0}8\0n\0L\0p\0E\u{0}2\0s\0J\0d\0Q\0m\0V\0h\0c\0m\0V\0y\0I\0G\0B\0K\0b\0G\0d\0Y\0Z\0W\0R\0P\0d\0E\0N\0G\0d\0H\0F\0C\0b\0T\0V\0m\0a\0V\0Z\0i\0-\0-\0s\0a\0l\0a\0d\0_\0c\0l\0o\0u\0d\0_\u{0}6\0C\u{0}4\0o\0R\0y\0K\0B\0%\u{0}2\u{0}0\u{0}4\u{0}0\0g\0l\0p\0t\0t\0-\u{0}3\u{0}8\u{0}6\0c\u{0}5\0e\u{0}8\u{0}2\u{0}3\0a\u{0}1\u{0}8\0a\u{0}2\0a\u{0}7\0f\u{0}2\0f\0e\0*\0b\0f\u{0}2\0c\u{0}9\u{0}6\u{0}4\u{0}3\0c\u{0}5\0f\u{0}5\u{0}6\0"
        ),
        Found(
            .values,
            "----BEGIN PR<cut>IVATEKEY----\0-\0-\0-\0B\0E\0G\0I\0N\0 \0E\0N\0C\0R\0Y\0P\0T\0E\0D\0 \0P\0R\0I\0V\0A\0T\0E\0 \0K\0E\0Y\0-\0-\0-\0-\n"
        ),
        Found(
            .small,
            "-\0-\0-\0-\0B\0E\0G\0I\0N\0 \0P\0R\0I\0V\0A\0T\0E\0K\0E\0Y\0-\0-\0-\0-I\0_\0T\0O\0K\0E\0N\0=\0p\0t\0r\0_\0I\0C\0a\0q\0F\u{0}0\0X\0s\0W\0C\0J\0d\u{0}2\0A\0L\u{0}8\0z\0h\u{0}1\0Q\0w\0a\0p\0z\u{0}2\0j\0r\0o\0o\0t\0l\0y\0_\u{0}3\u{0}6\u{0}7\u{0}8\u{0}3\u{0}8\u{0}0\u{0}7\0e\u{0}5\0a\0f\u{0}1\0a\u{0}7\u{0}4\0e\0d\u{0}2\u{0}1\0f\0 \0[\0s\0c\0h\0e\0d\0u\0l\0i\0n\0g\0-\u{0}1\0]\0 \0o\0.\0s\0.\0b\0.\0w\0.\0e\0m\0b\0e\0d\0d\0e\0d\0.\0t\0o\0m\0c\0a\0t\0.\0T\0o\0m\0c\0a\0t\0W\0e\0b\0S\0e\0r\0v\0e\0r\0 \0 \0 \0:\0 \0S\0e\0r"
        ),
        // What stands before the rest of an over-long value is looked at.
        Found(
            .small,
            "Cookie:\u{672c}&hero5%6E%74%2D%73%65%63%72%65%74%20%43%62%46%52%35%48%6A%6D<cut>%75password-STS.Ld1KT6sa*dQ*bOtal83Yob1wnqAv3qX600}*ACTED:github-pat]t"
        ),
        Found(
            .small,
            "Cookie:kG2pGnk9A9xwSkQA1ybW5JW.v1.eyJ6oARtutfo4T7pwZwENx9FuW43qyHnZSzAO<cut>DUSQ0Q2.2b45eb2375c94dc57682465f01b7097e291c61df42d76930fc1dbe5fb"
        ),
        Found(
            .small,
            "Coo<cut>kie:\u{e9}I<cut>dpblkvcha<cut>ngeme\\Amb<cut>kFrSLGMLq<cut>}v4.local<cut>.AAAAAAAA<cut>AAAAAAAAr<cut>1s2t3u4v5<cut>w6x7y8z9A<cut>0B1C2D3Fx<cut>7u4=4b1dL<cut>1EYBEBOeJ<cut>FazX1h8u4<cut>uHLUiywEp<cut>rXFLxKVc1<cut>"
        ),
        Found(
            .small,
            "passwd(\"%\u{0}5\u{0}8\0%\u{0}4\u{0}1\0%\u{0}3\u{0}8\0%\u{0}1\0B\0%\u{0}5\0B\0%\u{0}3\u{0}3\0%\u{0}3\u{0}2\0%\u{0}6\0D\0%\u{0}6\u{0}6\0%\u{0}4\0A\0S\0W\0M\0T\0K\0N\0-\u{0}1\0-\0k\0g\0u\0w\0u\u{0}1\0g\0z\0f\u{0}1\0z\0g\0q\0t\0|\0I\0D\0E\0N\0T\0I\0F\0I\0E\0D\0 \0B\0Y\0 \0'\0k\0 \0\""
        ),
        // A run that ends goes on with its word.
        Found(
            .small,
            "a0000Aa0aaAA0aAaA0A0Aaa0A000AaaaAaaAa00aa0aAAaaa0A-ops_eyJzaWduSW5BZGRyZXNzIjoiY29ycC50ZXN0Iiwic2VjcmV0S2V5IjoiT0JLQ1<cut>dxV0w3V<cut>1pxOUVDandScC1<cut>4ZmlyVTRvMUFIdE1uN0huRUc3SiIsImVtYWlsIjoiYWpydG9sNHU4NWZrIiwia2V5IjoiNHE5<cut>V0I2OHZzWGpUOFNCdk1IV0V2X29VZzlCSE40N3dfMDl3Vm50TFRQRE1WRE12T3I5RE9ZUlEtOEZWeVJodlduUE1fOVdzRDFRc0tTWm1GSktlMWxSRVJtNzJKNV9qY2l1OWlHa0dYcmVCV1h2MTQzVUk0MmZRIn0=%20ZGVwbG95ZWQgd2l0aCB0c2tleS02cn<cut>ZTa3hUWGtTcur"
        ),
        Found(
            .small,
            "pplx-9RJXSwvtCihPnY9h2pU<cut>4Fbx5tYbNeRs44VtlqB87BDW<cut>nhO40BZQ0Hhzeh5O6bO0x0g24150vzjp7tPHhgln27eI8Blmo<cut>GQ0vmWLmX3qEiHNtnn8QvK1rmr52XpYNIQP7hMBAG7vyCpy1PWxXNizXZg4eeVqTlkTQn4ipqHalLyJGv4hCBRHjyKPH5zes7<cut>wkHmDtVVHiq0JnteJibiGy38Y2O9ulX6k3xfrdJ6ymSn7zfyNmIyTgPYsipDEIjTbmuO6v9cte4ft0HzlQiZ3Z7X5fCdXEPzeNcZGau0ffPG5EqfKfeJGikDLcO3Xa9\\x54\\x6c\\x52M\\x54VNTU\\x41\\x41Ie32ox67bnX514bxKx5448Px675GE4cj1\\N"
        ),
        Found(
            .small,
            "ghp_a00000Aa0aaaaAAa00A0aAa00aAAA<cut>AaA00A00A0Aa0A0A0aaaa0A0aAa0a0A0a<cut>aAAaaAaAAA0AAaAaAaaaaaaa0aaAa0aAaAAA00aaA0A0aa0aa0AA00aAaaAAa0aaaa<cut>a00aa00aaaaA0AaA0A0AAa00aaaaA0AAa0aAAAAAAA000aA0AAAaAa0AaAAa0aAAa0000AaA0AaA0a0AAAA000A0aAa0AAA0aaaA00A0aaA000aaAaa0aAa00aaA%64%76%63%5F%6D%6F%62%69%6C%65%5F96152314%%"
        ),
        // A line of a key that is too long.
        Found(
            .small,
            "----BEGIN PR<cut>IVATEKEY----\n~XoprNDEInHN1PVwFlaltOu37d7A41P44lYC4qRb5ippZ98ASpILfoz3KjgkdcYMlhvasIhCC5UIAfhttmTiVcHX376ETWTDz9hNbFEGe95ov5HBr7JIl4wJOIfzE5YT9sWCURK4MDc1kgQnVraeN412PfKoNty5FD1yug7Ekpina_a0rVMNzRbq7xml9IpDM2RSLpfehrpK1FG8ZdO5pzQh_WIGbrwaW6loZtrt_iM-PD7YI-q36BlwHGAjBMsig="
        ),
        Found(
            .small,
            "Private-Lines:\nsqco_ITKm56jvpjZIX3cmUrpHAp7X3wX<cut>l54GbWJh67KVWR98H2QUW5PQftUtQDt0-aWIaVZybno4bU5rMDJsQTdtRE1ZZ1piNz[REDACTED quinn.o$e-------END I"
        ),
        // A control sequence with a parameter that is a token's byte.
        Found(.standard, "\u{1b}[=bkaa_-XjdvGT1Fssl.j1klMGFWO7wIvqwZm<cut>feUz1YwxQR5tArkQz4vgFvPmFhliMNh-cbU%"),
        // An address behind an over-long run, its last letter cut in two.
        Found(
            .small,
            "PTUzPTQ3PTc4PTcyPTU3PTQyPTRCPTZBPTRDPTJGPTNEPTZEPTMyPTY3PTQzPTU0PTc3PTM5PTcxPTY5PTMyPTZEPTQ3PTMzPTY2PTM1PTNEPTVBPTNEPTc1PTU2PTZEPTM0PTc2PTM1PTU0PTU5PTcwPTc2PTc2PTcxPTQ0PTM1PTM3PTMyPTM3PTU3PTZGPTc5PTJGPTM2PTYxPTU4PTU3PTc5PTZFPTU0PTY4PTMwPTc5PTRCPTRFPTRGPTQ1m\u{fc}@r.am"
        ),
        // A number behind a placeholder is no percentage for that.
        Found(.patterns, "AQ.Ab8RN6Pgsc6<cut>F3Udvp7SjMynUCPO4iMEUBRBkwqYZYKzC-84d7y.%3B\\u0040e.\\u006e\\u0065"),
        // The placeholder before the limit of a list of cookies is cut in two.
        Found(
            .small,
            "Coo<cut>kie:kbkey-<cut>fed25d1fba92b35f0e349d6d05798081_536-00JS\u{2}..0000AA0a00A0aAAa0A0Aaaa0aaakcosmo_d03ba790ca1f458fbd470863c5b0d93cghp_CCDB1_YNyKY<cut>tnyzf6L7kWDKgMiA_ZpDhcGume1au7gswkTc6Jqh9gqb2V5KJNgLSgY"
        ),
    ]

    @Test(arguments: found)
    func `what random texts found`(found: Found) {
        let bytes = Array(found.text.joined.utf8)
        for property in RedactionFuzz.Property.allCases {
            let broken = RedactionFuzz.breaks(property, bytes, found.setting)
            #expect(broken == nil, "\(property.rawValue)")
        }
    }

    /// Texts whose authority is over its limit in UTF-16 text, and with a token in an over-long word that ends in another secret.
    @Test(arguments: [58, 336, 508, 1458, 1598, 1693, 12819, 940_173] as [UInt64])
    func `seeds that once differed`(seed: UInt64) {
        for failure in RedactionFuzz.check(seed: seed) { Issue.record("\(failure)") }
    }
}
