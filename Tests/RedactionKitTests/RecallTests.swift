import RedactionFuzz
import RedactionRules
import Testing

@testable import RedactionKit

/// How much of what is generated from the formats' descriptions is found.
///
/// Values are made by a seeded generator in the shapes that rules and providers name, and put where people put them. None
/// is a sample of anybody's.
@Suite("Recall")
struct RecallTests {
    /// Where any token may stand; `{T}` is its place.
    static let surroundings = [
        "{T}", "export X={T}", "X={T}", "value: \"{T}\"", "list:\n  - {T}", "value: |\n  {T}\n",
        "{\"value\":\"{T}\",\"n\":1}",
        "{\"msg\":\"{\\\"v\\\":\\\"{T}\\\"}\"}", "<value>{T}</value>", "<add key=\"x\" value=\"{T}\" />", "X-Foo: {T}",
        "GET /a?x={T}&y=2 HTTP/1.1", "curl -H 'X-Foo: {T}' https://h.example", "c = f(value='{T}', n=3)",
        "const v = `{T}`;",
        "private static final String V = \"{T}\";", "v => '{T}',", "x->set(\"{T}\");", "if v == \"{T}\" {", "ENV X {T}",
        "INSERT INTO t VALUES (1, '{T}', 'a');", "level=info v={T} ok=1", "Use `{T}` here", "<td>{T}</td>", "1,{T},x",
        "[\"a\",\"{T}\"]", "# token: {T}", "2026-11-24T10:00:00Z INFO app - got {T} from peer", "use “{T}” now",
        "it was {T}.",
        "it was {T}, so", "x={T};", "({T})", "[{T}]", "|{T}|", "a\\n{T}\\nb", "x={T}\r\ny", "a\t{T}\tb",
        "\u{1b}[32m{T}\u{1b}[0m",
        "a\" + \"{T}\" + \"b", "+  value: {T}", "--value={T}", "--value {T}",
    ]

    /// Of the kinds that are on by default and found by their own literal, all but one in a hundred anywhere.
    @Test(arguments: surroundings)
    func `tokens are found`(surrounding: String) {
        var missed: [String] = []
        var count = 0
        for rule in Repository.rules
        where rule.rule.pack == nil && rule.rule.detector == .token && !rule.rule.anchors.isEmpty {
            guard let sample = rule.samples.matches.first, sample.secrets.count <= 1 else { continue }
            let text = surrounding.replacing("{T}", with: sample.text)
            let secret = sample.secrets.first.map { Array(sample.text.utf8)[$0] } ?? Array(sample.text.utf8)[...]
            count += 1
            if !Self.isRedacted(secret, in: text) { missed.append(rule.rule.id) }
        }
        #expect(count > 250)
        #expect(missed.count * 100 <= count, "\(missed)")
    }

    /// How people write the name of a provider beside its token: `{n}` as one word, `{N}` in capitals, `{C}` with a capital.
    static let provided = [
        "{N}_API_KEY={T}", "export {N}_TOKEN={T}", "{n}_api_key = \"{T}\"", "{n}ApiKey: \"{T}\"", "{n}-token: {T}",
        "\"{n}Key\": \"{T}\"", "{N}_SECRET='{T}'", "{C} API key: {T}", "const {n}Token = '{T}';", "{n}_key := \"{T}\"",
        "'{n}_secret' => '{T}',", "String {n}Secret = \"{T}\";", "<{n}ApiKey>{T}</{n}ApiKey>", "{n}.setApiKey(\"{T}\")",
        "{n}(api_key=\"{T}\")", "https://{n}.example/api?token={T}", "{n}:\n  api_key: {T}\n", "# {C}\nkey = {T}\n",
        "// {C} API\nconst key = \"{T}\"", "[{n}]\ntoken = {T}\n", "{ \"service\": \"{n}\", \"token\": \"{T}\" }",
        "{N}_ACCESS_TOKEN: {T}", "{n}_client_secret={T}", "{n}.api.key={T}", "VENDOR_{N}_KEY={T}", "{n}_key={T}",
        "<add key=\"{n}Key\" value=\"{T}\"/>", "- name: {N}_API_KEY\n  value: {T}", "| {n} api key | {T} |",
    ]

    @Test(arguments: provided)
    func `tokens of named providers are found`(form: String) {
        var random = SplitMix(seed: 11)
        var missed: [String] = []
        var count = 0
        for provider in RuleSet.builtin.providers {
            guard let keyword = provider.keywords.first(where: { $0.utf8.allSatisfy(\.isAlnum) }),
                let shape = provider.shapes.randomElement(using: &random)
            else { continue }
            let token = Self.token(shape, &random)
            let text = form.replacing("{n}", with: keyword).replacing("{N}", with: keyword.uppercased())
                .replacing("{C}", with: keyword.prefix(1).uppercased() + keyword.dropFirst()).replacing(
                    "{T}", with: token)
            count += 1
            if !Self.isRedacted(Array(token.utf8)[...], in: text) { missed.append(provider.id) }
        }
        #expect(count > 700)
        #expect(missed.count * 20 <= count, "\(missed.count) of \(count): \(missed.prefix(20))")
    }

    /// How passwords are written.
    static let passwords = [
        "password={T}", "password = {T}", "password: {T}", "export DB_PASSWORD={T}", "DB_PASSWORD='{T}'",
        "\"password\": \"{T}\"",
        "'password' => '{T}',", "password := \"{T}\"", "private String password = \"{T}\";",
        "const password: string = \"{T}\";",
        "var Password string = \"{T}\"", "password: str = \"{T}\"", "$password = '{T}';", "$db['password'] = '{T}';",
        "user.setPassword(\"{T}\");", "connect(user='u', passwd='{T}')", "if password == \"{T}\":",
        "<password>{T}</password>",
        "<property name=\"password\" value=\"{T}\"/>", "<entry key=\"password\">{T}</entry>", "password \"{T}\"",
        "passwd: {T}",
        "<key>password</key>\n<string>{T}</string>", "user=a&password={T}&x=1", "{\\\"password\\\":\\\"{T}\\\"}",
        "the password is {T}", "Password: {T}", "username=admin, password={T}", "ENV DB_PASSWORD {T}",
        "  DB_PASSWORD: {T}",
        "- name: DB_PASSWORD\n  value: {T}", "level=info password={T} user=x", "| password | {T} |",
        "**Password:** {T}",
        "CREATE USER x IDENTIFIED BY '{T}';", "db.password={T}", "--password {T}", "-storepass {T} ",
        "password: |\n  {T}\n",
        "password:\n  {T}\n", "password: >-\n  {T}\n", "password = <<EOT\n{T}\nEOT", "auth=('user', '{T}')",
        "HTTPBasicAuth('user', '{T}')", "ConvertTo-SecureString \"{T}\" -AsPlainText", "process.env.PASSWORD || '{T}'",
        "password ?? \"{T}\"", "variable \"db_password\" {\n  default = \"{T}\"\n}", "with password {T}",
        "requirepass {T}",
        "Server=h;Uid=x;Pwd={T};", "jdbc:mysql://h/d?user=u&password={T}", "host=h user=u password={T} dbname=d",
        "PGPASSWORD={T} psql -h x", "mysql -u root -p{T} db", "sshpass -p {T} ssh h",
        "curl -u user:{T} https://h.example",
        "postgres://app:{T}@db:5432/app", "redis://:{T}@h:6379/0", "https:\\/\\/u:{T}@h.example\\/x",
        "<td>Password</td><td>{T}</td>",
        // Types between a name and its value.
        "const PASSWORD: &str = \"{T}\";", "let password: &'static str = \"{T}\";",
        "let password: Option<String> = \"{T}\"",
        "char password[] = \"{T}\";", "char db_password[33] = \"{T}\";", "Dim password As String = \"{T}\"",
        "- **password**: `{T}`", "**Password** = {T}", ":db-password \"{T}\"", "[password]=\"{T}\"",
        // Names of two letters.
        "pw={T}", "bind_pw: {T}", "'pw' => '{T}'", "RootPw=\"{T}\"", "bindpw {T}", "<pw>{T}</pw>", "userpw = {T}",
        // Elements with attributes, and nested ones.
        "<wsse:Password Type=\"http://h.example/soap#PasswordText\">{T}</wsse:Password>",
        "<password><![CDATA[{T}]]></password>",
        "<AdminPassword><Value>{T}</Value></AdminPassword>",
        // SQL.
        "CREATE LOGIN x WITH PASSWORD = N'{T}'", "ALTER USER x IDENTIFIED WITH caching_sha2_password BY '{T}';",
        "CREATE USER x IDENTIFIED BY {T};",
        // Directives and options.
        "masterauth {T}", "password 7 {T}", "rootpw --plaintext {T}",
        "ConvertTo-SecureString -String '{T}' -AsPlainText",
        "openssl rsa -in k -passin pass:{T}", "wmic /node:h /password:{T} os",
        "mysqldump -h h -p'{T}' d", "/usr/bin/mariadb -uroot -p{T}", "docker login -u bot -p {T} h",
        "podman login -p {T} h", "mongo -u a -p {T} --eval x", "az login --service-principal -u x -p {T} --tenant t",
        "oc login https://h:6443 -u admin -p {T}", "sqlcmd -S h -U sa -P {T}", "unzip -P {T} a.zip", "7z x a.7z -p{T}",
        "redis-cli -h h -a {T} ping", "ldapsearch -D cn=x -w {T} -b dc=x", "htpasswd -bc f bob {T}",
        "snmpget -v3 -A {T} h",
        "plink -ssh -pw {T} root@h", "xfreerdp /u:bob /p:{T} /v:h", "hydra -l bob -p {T} ssh://h",
        "tool -u bob -p {T} run", "wget --user bob --password {T} http://h/",
        "curl -k -X POST --user 'bob:{T}' http://h/",
        "curl -sS \\\n  -u bob:{T} \\\n  http://h/", "http -a bob:{T} GET h/x", "lftp -u bob,{T} sftp://h",
        "smbclient //h/s -U bob%{T}", "net user bob {T} /add", "net use Z: \\\\h\\s {T} /user:bob",
        "net use \\\\h\\s /user:bob {T}", "sqlplus -s scott/{T}@orcl", "rabbitmqctl add_user bob {T}",
        // Arguments and lists.
        "smtp.login('bob', '{T}')", "pymysql.connect('h', 'root', '{T}', 'db')",
        "ssh.connect(\"h\", 22, \"root\", \"{T}\")",
        "DriverManager.getConnection(url, \"root\", \"{T}\")", "new PDO('mysql:host=h', 'root', '{T}');",
        "sql.Open(\"mysql\", \"root:{T}@tcp(127.0.0.1:3306)/app\")",
        "INSERT INTO users (id, name, password) VALUES (1, 'bob', '{T}');",
        "INSERT INTO `users` (`passwd`, `mail`)\nVALUES\n  ('{T}', NULL),\n  ('other1', NULL);",
        "SET PASSWORD FOR 'root'@'h' = PASSWORD('{T}');", "UPDATE mysql.user SET Password=PASSWORD('{T}') WHERE 1",
        // A user and a password.
        "credentials: bob:{T}", "skopeo copy --src-creds bob:{T} a b", "skopeo inspect --creds=bob:{T} x",
        "user/password: b/" + "{T}", "username/password: bob / {T}", "stats auth  bob:{T}",
        // Words before a password in prose.
        "log in as admin with password {T}", "temporary password - {T}",
        // Defaults of what is looked up.
        "password: <%= ENV.fetch('DB', '{T}') %>", "password = os.getenv(\"DB\", \"{T}\")",
        "'password' => env('DB_PASSWORD', '{T}'),",
        // Forms, lists, settings.
        "Content-Disposition: form-data; name=\"password\"\r\n\r\n{T}\r\n--x", "\"password\": [ \"{T}\" ]",
        "d-i passwd/root-password password {T}", "setx DB_PASSWORD {T}", "set -x DB_PASSWORD {T}",
        "enable secret {T}", "enable secret 0 {T}",
        // Commands.
        "wpa_passphrase Home {T}", "unrar x -p{T} a.rar", "etcdctl --user root:{T} get x",
        // What the rules of structure find.
        "jdbc:oracle:thin:scott/{T}@//h:1521/orcl", "jdbc:oracle:oci8:scott/{T}@orcl",
        "network={\n\tssid=\"x\"\n\tpsk=\"{T}\"\n}", "[wifi-security]\npsk={T}", "10.0.0.1 : PSK \"{T}\"",
        "snmp-server community {T} RO", "crypto isakmp key {T} address 10.0.0.1",
    ]

    @Test(arguments: passwords)
    func `passwords are found`(form: String) {
        var random = SplitMix(seed: 23)
        let letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
        var missed: [String] = []
        for _ in 0..<200 {
            // Letters and digits, at least one each.
            let password = Self.text(letters, 11, &random) + String(Int.random(in: 2...9, using: &random))
            let text = form.replacing("{T}", with: password)
            if !Self.isRedacted(Array(password.utf8)[...], in: text + "\n") { missed.append(text) }
        }
        #expect(missed.count <= 4, "\(missed.count) of 200: \(missed.prefix(3))")
    }

    /// Found by Benchmarks/compare: by chance, nearly all of its neighbouring letters are such as stand together in words.
    /// Passwords of letters alone, where nothing else can stand.
    @Test(arguments: [
        "requirepass {T}", "masterauth {T}", "  bindpw {T}", "<key>password</key>\n<string>{T}</string>",
        "<property>\n<name>db.password</name>\n<value>{T}</value>", "<entry key=\"password\">{T}</entry>",
        "SET PASSWORD = PASSWORD('{T}')", "--creds bob:{T}", "env('DB_PASSWORD', '{T}')",
    ])
    func `words are found as passwords`(form: String) {
        for word in ["maplestorm", "kitchenriver", "sunflower", "trustnobody"] {
            let text = form.replacing("{T}", with: word) + "\n"
            #expect(Self.isRedacted(Array(word.utf8)[...], in: text), "\(text)")
        }
    }

    /// Sessions, outside of a header and by the name of a cookie.
    @Test(arguments: [
        "curl -b 'theme=dark; sid={T}' https://h.example/", "curl --cookie \"sid={T}\" https://h.example/",
        "cookies: sid={T}",
        "cookies = {'sid': '{T}'}", "jar.cookies.set('sid', '{T}')",
    ])
    func `cookies are found without a header`(form: String) {
        var random = SplitMix(seed: 31)
        for _ in 0..<100 {
            let value = Self.text("abcdefghjkmnpqrstuvwxyz23456789", 30, &random) + "7"
            let text = form.replacing("{T}", with: value) + "\n"
            #expect(Self.isRedacted(Array(value.utf8)[...], in: text), "\(text)")
        }
    }

    @Test func `a secret that a person chose is found`() {
        for form in ["secret = {T}", "client_secret: \"{T}\"", "SECRET_KEY='{T}'"] {
            for value in ["Melon<cut>!2000", "storm<cut>#7river", "Kitch<cut>en$42"] {
                let text = form.replacing("{T}", with: value.joined) + "\n"
                #expect(Self.isRedacted(Array(value.joined.utf8)[...], in: text), "\(form)")
            }
        }
    }

    @Test func `what Maven and Jenkins have encrypted is found in its braces`() {
        let value = "COQ7CE6<cut>DU6GtcS5PzNh3kR8wYb2Lm1vXe4Ua=".joined
        for form in ["<password>{{T}}</password>", "<privateKey>{{T}}</privateKey>"] {
            #expect(Self.isRedacted(Array(value.utf8)[...], in: form.replacing("{T}", with: value)), "\(form)")
        }
    }

    @Test func `a long key is found whose letters look like those of words`() {
        let key = "WRN13N839igRlw7h<cut>RrUaROOlimAtxI4bU033".joined
        #expect(Self.isRedacted(Array(key.utf8)[...], in: "config 'apiKey': '\(key)', 'region': 'eu'\n"))
    }

    // MARK: -

    private static func isRedacted(_ secret: ArraySlice<UInt8>, in text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let start = bytes.indices.first(where: { bytes[$0...].starts(with: secret) }) else {
            Issue.record("\(text) does not hold what was put into it")
            return false
        }
        var covered = Array(repeating: false, count: bytes.count)
        for finding in Shared.standard.findings(in: bytes) {
            for i in Int(finding.offset)..<Int(finding.offset + finding.length) { covered[i] = true }
        }
        return covered[start..<(start + secret.count)].allSatisfy { $0 }
    }

    private static func text(_ alphabet: String, _ length: Int, _ random: inout SplitMix) -> String {
        let characters = Array(alphabet)
        return String((0..<length).map { _ in characters.randomElement(using: &random)! })
    }

    /// A token of the shape; of 36 hexadecimal digits, a UUID.
    private static func token(_ shape: TokenShape, _ random: inout SplitMix) -> String {
        let digits = "0123456789"
        let small = "abcdefghijklmnopqrstuvwxyz"
        let alphabet =
            switch shape.alphabet {
            case .digits: digits
            case .hex: digits + "abcdef"
            case .lowerAlnum: digits + small
            case .upperAlnum: digits + small.uppercased()
            case .base62, .base64, .base64url, .dotted: digits + small + small.uppercased()
            }
        if shape.minimum == 36, shape.alphabet == .hex {
            return [8, 4, 4, 4, 12].map { text(alphabet, $0, &random) }.joined(separator: "-")
        }
        return text(alphabet, shape.minimum, &random)
    }
}
