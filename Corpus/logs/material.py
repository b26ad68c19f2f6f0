"""What the synthetic logs are made of: random values, secrets, and traps.

Text is built with four private-use characters in it, which `generate.py` turns into files:

    OPEN kind SEP value CLOSE   a secret of that kind (see RULES in generate.py)
    CUT                         where the stored file carries `<cut>`
"""

import base64
import json
import random
import re
import zlib

OPEN, SEP, CLOSE, CUT = "\ue000", "\ue001", "\ue002", "\ue003"

DIGITS = "0123456789"
LOWER = "abcdefghijklmnopqrstuvwxyz"
UPPER = LOWER.upper()
BASE62 = DIGITS + UPPER + LOWER
HEX = "0123456789abcdef"
BASE64URL = BASE62 + "-_"
BASE64 = BASE62 + "+/"


#: The forms in which a name and its value are written.
JSON_PAIR, JSON_SPACED, PY_PAIR, JS_PAIR = '"{}":"{}"', '"{}": "{}"', "'{}': '{}'", "{}: '{}'"
QUOTED, YAML, YAML_QUOTED, HCL, SPACED = '{}="{}"', "{}: {}", '{}: "{}"', '{} = "{}"', "{} {}"


def secret(kind, value):
    return f"{OPEN}{kind}{SEP}{value}{CLOSE}"


def cut_word(text):
    """Cuts every word of three letters or more, so that no keyword is left whole."""
    return re.sub(r"[A-Za-z]{3,}", lambda m: m[0][:len(m[0]) // 2] + CUT + m[0][len(m[0]) // 2:], text)


def crc32_base62(body, width=6):
    """The checksum that GitHub and npm put at the end of their tokens."""
    n, out = zlib.crc32(body.encode()), ""
    while n:
        n, digit = divmod(n, 62)
        out = BASE62[digit] + out
    return out.rjust(width, "0")


class Material:
    """Random log material from one seeded generator."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.decks = {}

    # Plain random values.

    def pick(self, *items):
        return self.r.choice(items[0] if len(items) == 1 else items)

    def deal(self, name, items):
        """Deals from a shuffled deck, so that every item comes up before one repeats."""
        deck = self.decks.setdefault(name, [])
        if not deck:
            deck.extend(items)
            self.r.shuffle(deck)
        return deck.pop()

    def num(self, low, high):
        return self.r.randint(low, high)

    def chars(self, alphabet, n):
        return "".join(self.r.choices(alphabet, k=n))

    def hex(self, n):
        return self.chars(HEX, n)

    def uuid(self):
        h = self.hex(32)
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def b64(self, n):
        """`n` random bytes in base64."""
        return base64.b64encode(self.r.randbytes(n)).decode()

    def b64url(self, n):
        return base64.urlsafe_b64encode(self.r.randbytes(n)).decode().rstrip("=")

    def tail(self, alphabet, n):
        """Random characters, the last a letter or digit and the whole a mixture, as issued tokens are."""
        while True:
            text = self.chars(alphabet, n - 1) + self.chars([c for c in alphabet if c.isalnum()], 1)
            if any(c.isdigit() for c in text) and len(set(text)) > min(n, 30) // 3:
                return text

    def ip(self):
        net = self.pick("10.{}.{}.{}", "10.{}.{}.{}", "172.16.{1}.{2}", "192.0.2.{2}", "198.51.100.{2}", "203.0.113.{2}")
        return net.format(self.num(0, 63), self.num(0, 255), self.num(1, 254))

    def ipv6(self):
        return f"2001:db8:{self.hex(4)}:{self.num(0, 9)}::{self.hex(3)}:{self.hex(4)}"

    def mac(self):
        return ":".join(self.hex(2) for _ in range(6))

    def version(self):
        return f"{self.num(0, 24)}.{self.num(0, 30)}.{self.num(0, 19)}"

    def ms(self):
        return f"{self.r.random() * 900:.{self.num(0, 3)}f}ms"

    def service(self):
        return self.pick("orders", "billing", "inventory", "search", "gateway", "shipping", "catalog", "ledger", "notifier", "scheduler")

    def host(self):
        return self.pick("web", "app", "db", "cache", "worker", "edge", "build") + f"-{self.num(1, 12):02}"

    def user(self):
        return self.pick("deploy", "ci", "mkowalski", "jtanaka", "asha", "postgres", "www-data", "olsen", "ana", "root")

    def path(self):
        return self.pick(
            f"/api/v{self.num(1, 3)}/{self.service()}/{self.num(100, 99999)}", f"/api/v2/{self.service()}?page={self.num(1, 40)}&limit=50",
            "/healthz", "/metrics", f"/static/js/main.{self.hex(8)}.chunk.js", f"/static/img/logo@{self.num(2, 3)}x.png",
            f"/{self.service()}/{self.uuid()}", "/favicon.ico", "/robots.txt", "/login", f"/assets/fonts/inter-{self.hex(10)}.woff2",
            "/api/v1/tokens/count", "/docs/password-policy.html", f"/packages/@acme/ui/-/ui-{self.version()}.tgz")

    def agent(self):
        return self.pick(
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "curl/8.5.0", "kube-probe/1.29", "python-requests/2.32.3",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
            "Go-http-client/2.0", "Prometheus/2.51.0", "okhttp/4.12.0", "ELB-HealthChecker/2.0")

    def java_class(self):
        return self.pick(
            "com.brackenfield.orders.OrderService", "com.brackenfield.billing.InvoiceJob", "o.s.web.servlet.DispatcherServlet",
            "com.zaxxer.hikari.pool.HikariPool", "o.s.b.w.embedded.tomcat.TomcatWebServer", "c.b.inventory.StockRepository",
            "org.apache.kafka.clients.NetworkClient", "com.brackenfield.auth.TokenizerConfig")

    # Secret values, cut where a scanner would look for them.

    def token(self, kind):
        b62, b64u, low = (lambda n: self.tail(BASE62, n)), (lambda n: self.tail(BASE64URL, n)), (lambda n: self.tail(HEX, n))
        dig = lambda n: self.num(1, 9) * 10 ** (n - 1) + self.num(0, 10 ** (n - 1) - 1)

        def checked(head, cut_head):
            body = self.tail(BASE62, 30)
            return cut_head + body + crc32_base62(body)

        return {
            "github-pat": lambda: checked("ghp_", f"gh{CUT}p_"),
            "github-app": lambda: checked("ghs_", f"gh{CUT}s_"),
            "github-fine": lambda: f"gi{CUT}thub_{CUT}pat_11A{self.tail(DIGITS + UPPER, 19)}_{b62(59)}",
            "gitlab-pat": lambda: f"gl{CUT}pat-{b64u(20)}",
            "gitlab-runner": lambda: f"gl{CUT}rt-{b64u(20)}",
            "slack-bot": lambda: f"xo{CUT}xb-{dig(12)}-{dig(13)}-{b62(24)}",
            "stripe": lambda: f"sk{CUT}_li{CUT}ve_51{b62(self.pick(22, 97))}",
            "aws-id": lambda: f"AK{CUT}IA{self.aws_tail()}",
            "aws-temporary-id": lambda: f"AS{CUT}IA{self.aws_tail()}",
            "openai": lambda: f"sk{CUT}-pr{CUT}oj-{b64u(74)}T3Bl{CUT}bkFJ{b64u(74)}",
            "anthropic": lambda: f"sk{CUT}-an{CUT}t-api03-{b64u(93)}AA",
            "npm": lambda: checked("npm_", f"np{CUT}m_"),
            "pypi": lambda: f"py{CUT}pi-AgEI{CUT}cHlwaS5vcmc{b64u(self.num(140, 160))}",
            "gcp": lambda: f"AI{CUT}zaSy{b64u(33)}",
            "huggingface": lambda: f"hf{CUT}_{self.chars(LOWER + UPPER, 34)}",
            "digitalocean": lambda: f"do{CUT}p_v1_{low(64)}",
            "sendgrid": lambda: f"S{CUT}G.{b64u(22)}.{b64u(43)}",
            "vault": lambda: f"hv{CUT}s.{b64u(92)}",
            "dockerhub": lambda: f"dc{CUT}kr_pat_{b64u(27)}",
            "shopify": lambda: f"sh{CUT}pat_{low(32)}",
            "linear": lambda: f"li{CUT}n_api_{b62(40)}",
            "grafana": self.grafana,
        }[kind]()

    def aws_tail(self):
        return self.tail("234567" + UPPER, 16)

    def grafana(self):
        head = "glsa_" + self.tail(BASE62, 32)
        return f"gl{CUT}" + head[2:] + "_" + zlib.crc32(head.encode()).to_bytes(4, "little").hex()

    TOKEN_KINDS = ("github-pat", "github-app", "github-fine", "gitlab-pat", "gitlab-runner", "slack-bot", "stripe", "aws-id", "openai",
                   "anthropic", "npm", "pypi", "gcp", "huggingface", "digitalocean", "sendgrid", "vault", "dockerhub", "shopify", "linear", "grafana")

    def tok(self, kind=None):
        kind = kind or self.deal("token", self.TOKEN_KINDS)
        return secret(kind, self.token(kind))

    def base64_token(self):
        """A token of 48 bytes in base64: no padding, so that its span is plain."""
        text = base64.b64encode(self.token("linear").replace(CUT, "").encode()).decode()
        return secret("linear-base64", text[:6] + CUT + text[6:])

    def jwt_value(self):
        enc = lambda o: base64.urlsafe_b64encode(json.dumps(o, separators=(",", ":")).encode()).decode().rstrip("=")
        header = self.pick({"alg": "HS256", "typ": "JWT"}, {"alg": "RS256", "kid": self.hex(16), "typ": "JWT"}, {"alg": "ES256", "typ": "JWT"})
        iat = 1772600000 + self.num(0, 9_000_000)
        payload = {"iss": f"https://login.{self.service()}.internal", "sub": self.uuid(), "aud": self.service(), "iat": iat, "exp": iat + 3600,
                   "scope": self.pick("read", "read write", "admin")}
        signature = self.b64url({"HS256": 32, "RS256": 256, "ES256": 64}[header["alg"]])
        h, p = enc(header), enc(payload)
        return f"{h[:2]}{CUT}{h[2:]}.{p[:2]}{CUT}{p[2:]}.{signature}"

    def jwt(self):
        return secret("jwt", self.jwt_value())

    def pem(self, newline="\n", label=None):
        """A private key block; `newline` is what stands between its lines: an escape, or a line end and a log prefix (a function)."""
        label = label or self.deal("pem", ("EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY"))
        if label.startswith("EC"):
            body, width = bytes.fromhex("307702010104") + b"\x20" + self.r.randbytes(114), 64
        elif label.startswith("OPENSSH"):
            head = b"openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none\0\0\0\0\0\0\0\x01\0\0\0\x33\0\0\0\x0bssh-ed25519\0\0\0\x20"
            body, width = head + self.r.randbytes(198), 70
        else:
            body, width = bytes.fromhex("308204a30201000282010100") + self.r.randbytes(1179), 64
        text = base64.b64encode(body).decode()
        rows = [text[i:i + width] for i in range(0, len(text), width)]
        # With a prefix a line, each line is a span of its own and needs a cut.
        rows = [row[:4] + CUT + row[4:] if callable(newline) or row is rows[0] else row for row in rows]
        mark = lambda word: f"-----{word[:2]}{CUT}{word[2:]} {label.replace('PRIVATE KEY', f'PRIV{CUT}ATE K{CUT}EY')}-----"
        lines = [mark("BEGIN"), *rows, mark("END")]
        if callable(newline):
            # Lines with a prefix each keep it: every line of the key is a span of its own.
            return secret("private-key", lines[0]) + "".join(newline() + secret("private-key", line) for line in lines[1:])
        return secret("private-key", newline.join(lines))

    def pem_value(self, label):
        """The lines of a PEM block that is not secret."""
        text = "MIIC" + self.b64(self.num(180, 400)).rstrip("=")
        return [f"-----BEGIN {label}-----", *[text[i:i + 64] for i in range(0, len(text), 64)], f"-----END {label}-----"]

    def password(self, n=None):
        """A generated password: letters of both cases and digits, one mark inside, none at the ends."""
        n = n or self.num(12, 20)
        while True:
            text = self.chars(BASE62, n)
            if sum(c.isdigit() for c in text) >= 2 and any(c.isupper() for c in text) and any(c.islower() for c in text):
                break
        if self.r.random() < 0.4:
            at = self.num(3, n - 4)
            text = text[:at] + self.pick("!_-*") + text[at + 1:]
        return text

    def url(self, kind="url-password", scheme=None, user=None, password=None, rest=None):
        scheme = scheme or self.pick("postgres", "postgresql", "mysql", "amqp", "mongodb+srv", "redis", "https", "amqps", "rediss", "ftp")
        user = user if user is not None else ("" if scheme.startswith("redis") else self.pick("app", "svc_orders", "reader", "backup"))
        host = {"postgres": "db.internal:5432/orders", "postgresql": "pg-primary:5432/ledger?sslmode=require", "mysql": "mysql-0.mysql:3306/shop",
                "amqp": "rabbit:5672/%2F", "amqps": "mq.internal:5671/prod", "redis": "cache-01:6379/0", "rediss": "cache.internal:6380/1",
                "mongodb+srv": "cluster0.x7k2q.mongodb.internal/app", "ftp": "files.internal/incoming"}.get(scheme, "nexus.internal/repository/pypi/simple")
        return f"{scheme}:{CUT}//{user}:{secret(kind, password or self.password())}{CUT}@{rest or host}"

    def assign(self, name, kind, value, pattern="{}={}"):
        return pattern.format(cut_word(name), secret(kind, value))

    def header(self, name="Authorization", sep=": "):
        scheme = self.pick("Bearer", "Bearer", "Basic", "Token")
        value = base64.b64encode(f"{self.user()}:{self.password()}".encode()).decode() if scheme == "Basic" else self.tail(BASE62, self.num(32, 48))
        return f"{cut_word(name)}{sep}{cut_word(scheme)} {secret('authorization', value)}"

    def cookies(self):
        one = lambda name, value: f"{cut_word(name)}={secret('cookie', value)}"
        return "; ".join([one("sessionid", self.tail(HEX, 32)), one("csrftoken", self.tail(BASE62, 32))][:self.num(1, 2)]
                         + [one("_ga_" + self.chars(UPPER, 6), f"GS1.1.{self.num(10**9, 2 * 10**9)}.{self.num(1, 9)}")][:self.num(0, 1)])

    def email(self):
        first, last = self.pick("jane", "tomasz", "asha", "lucia", "henrik", "mei", "ibrahim", "noor"), self.pick("doe", "kowalski", "patel", "ferrari", "olsen", "chen")
        local = self.pick(f"{first}.{last}", f"{first}{self.num(1, 99)}", f"{first[0]}{last}", f"{first}+{self.service()}", f"{last}_{first}")
        domain = self.pick("kestrel-freight.com", "tidewaterbooks.net", "lumenpost.org", "brackenfield.co.uk", "halvorsen-marin.no", "mail.northmoor.io")
        return secret("email", f"{local}{CUT}@{CUT}{domain}")

    def aws_secret(self):
        return self.tail(BASE64, 40)

    # Messages with a secret, for free text (and, escaped, for JSON strings).

    def secret_message(self):
        return self.deal("secret", self.SECRET_MESSAGES)(self)

    SECRET_MESSAGES = (
        lambda g: f"env GITHUB_TOKEN={g.tok('github-pat')} set for step build",
        lambda g: f"fetching https:/{CUT}/x-access-{CUT}token:{g.tok('github-app')}{CUT}@github.com/brackenfield/app.git",
        lambda g: f"gitlab api client configured, token {g.tok('gitlab-pat')} (scope read_api)",
        lambda g: f"slack notifier: posting to #deploys with {g.tok('slack-bot')}",
        lambda g: f"payment provider rejected key {g.tok('stripe')} for account acct_{g.chars(BASE62, 16)}",
        lambda g: f"assuming credentials {g.tok('aws-id')} in eu-central-1",
        lambda g: f"aws configure: {g.assign('AWS_SECRET_ACCESS_KEY', 'aws-secret', g.aws_secret())}",
        lambda g: f"OPENAI_API_KEY={g.tok('openai')} model=gpt-4o-mini max_tokens={g.num(1, 8) * 512}",
        lambda g: f"ANTHROPIC_API_KEY={g.tok('anthropic')} found in environment",
        lambda g: f"//registry.npmjs.org/:_authToken={g.tok('npm')}",
        lambda g: f"twine upload --username __token__ --{cut_word('password')} {g.tok('pypi')} dist/*",
        lambda g: f"issued session for user {g.num(1000, 99999)}: {g.jwt()}",
        lambda g: f"verify failed for \"{g.jwt()}\": exp in the past",
        lambda g: f"connecting to {g.url()} (pool size {g.num(5, 50)})",
        lambda g: f"could not connect to {g.url(scheme='postgres')}: timeout after {g.num(2, 30)}s",
        lambda g: f"broker {g.url(scheme='amqp')} unreachable, retrying",
        lambda g: f"pip index https:/{CUT}/{g.url(scheme='https').split('//')[1]} answered 200",
        lambda g: f"cache connected {g.url(scheme='redis')} in {g.ms()}",
        lambda g: f"> {g.header()}",
        lambda g: f"outgoing request header {g.header('authorization')}",
        lambda g: f"< {cut_word('Set-Cookie')}: {cut_word('sid')}={secret('cookie', g.tail(BASE62, 40))}; Path=/; HttpOnly; SameSite=Lax",
        lambda g: f"> {cut_word('Cookie')}: {g.cookies()}",
        lambda g: f"loaded config: {g.assign('DB_PASSWORD', 'password', g.password())} DB_HOST=db.internal DB_PORT=5432",
        lambda g: f"running: pg_dump --host=db.internal --{g.assign('password', 'password', g.password())} --format=custom orders",
        lambda g: f"exec mysqladmin --{g.assign('password', 'password', g.password(), SPACED)} ping",
        lambda g: f"payload {{\"user\":\"{g.user()}\",{g.assign('password', 'password', g.password(), JSON_PAIR)},\"remember\":true}}",
        lambda g: f"<login><user>{g.user()}</user><{cut_word('password')}>{secret('password', g.password())}</{cut_word('password')}></login>",
        lambda g: f"oauth exchange {g.assign('client_secret', 'secret', g.tail(BASE62, 40))} grant_type=client_credentials",
        lambda g: f"django settings: {g.assign('SECRET_KEY', 'secret', g.tail(BASE62, 50))}",
        lambda g: f"{g.assign('api_key', 'api-key', g.tail(BASE62, 32))} accepted for tenant {g.num(10, 99)}",
        lambda g: f"config {g.assign('apiKey', 'api-key', g.tail(BASE62, 36), PY_PAIR)}, 'region': 'eu'",
        lambda g: f"{g.assign('DATADOG_API_KEY', 'provider', g.tail(HEX, 32))} DD_SITE=datadoghq.eu",
        lambda g: f"{g.assign('ALGOLIA_ADMIN_KEY', 'provider', g.tail(HEX, 32))} index=products",
        lambda g: f"connection string Server=sql01;Database=shop;User Id=app;{g.assign('Password', 'password', g.password())};Encrypt=True",
        lambda g: f"jdbc:postgresql://db.internal:5432/ledger?user=app&{g.assign('password', 'password', g.password())}&ssl=true",
        lambda g: f"password reset mail queued for {g.email()}",
        lambda g: f"invite sent to {g.email()} by user {g.num(100, 999)}",
        lambda g: f"Co-authored-by: Release Bot <{g.email()}>",
        lambda g: f"bounce: <{g.email()}>: mailbox full (552 5.2.2)",
        lambda g: f"GET /unsubscribe?u={secret('email', f'asha.patel{CUT}%40{CUT}kestrel-freight.com')}&list=news 200",
        lambda g: f"contact card: <a href=\"#\">{secret('email', f'henrik.olsen{CUT}&#64;{CUT}halvorsen-marin.no')}</a>",
        lambda g: f"302 Location: /login?next=https%3A%2F%2Fapp.internal%2Fcb%3Ftoken%3D{g.tok('github-pat')}%26state%3D{g.num(1, 99)}",
        lambda g: f"kubectl get secret sync -o jsonpath: {g.base64_token()} (type Opaque)",
        lambda g: f"google maps client key={g.tok('gcp')} quota ok",
        lambda g: f"huggingface hub login with {g.tok('huggingface')} succeeded",
        lambda g: f"doctl auth init -t {g.tok('digitalocean')}",
        lambda g: f"smtp relay user=apikey credential {g.tok('sendgrid')}",
        lambda g: f"VAULT_TOKEN={g.tok('vault')} VAULT_ADDR=https://vault.internal:8200",
        lambda g: f"docker login --username acmebot with {g.tok('dockerhub')}",
        lambda g: f"grafana provisioning uses {g.tok('grafana')} (role Viewer)",
        lambda g: f"shopify session token {g.tok('shopify')} refreshed",
        lambda g: f"linear sync started key={g.tok('linear')}",
        lambda g: f"TLS key loaded: {g.pem(chr(92) + 'n', 'EC PRIVATE KEY')}",
    )

    # Messages without a secret that look as if they had one.

    def trap(self):
        return self.deal("trap", self.TRAPS)(self)

    TRAPS = (
        lambda g: f"checked out {g.hex(40)} (refs/heads/main)",
        lambda g: f"HEAD is now at {g.hex(7)} Merge pull request #{g.num(10, 999)} from brackenfield/fix-token-refresh",
        lambda g: f"uses: actions/cache@{g.hex(40)} # v4.0.2",
        lambda g: f"request_id={g.uuid()} trace_id={g.hex(32)} span_id={g.hex(16)}",
        lambda g: f"traceparent: 00-{g.hex(32)}-{g.hex(16)}-01",
        lambda g: f"Digest: sha256:{g.hex(64)}",
        lambda g: f"pulled registry.internal/shop/{g.service()}@sha256:{g.hex(64)} in {g.ms()}",
        lambda g: f"\"integrity\": \"sha512-{g.b64(64)}\"",
        lambda g: f"golang.org/x/net v0.{g.num(10, 30)}.0 h1:{g.b64(32)}",
        lambda g: f"resolved \"https://registry.yarnpkg.com/lodash/-/lodash-4.17.21.tgz#{g.hex(40)}\"",
        lambda g: "Cloning into 'app'... from git@github.com:brackenfield/app.git",
        lambda g: f"rsync -az --delete build/ deploy@{g.host()}:/srv/app/releases/{g.num(100, 999)}",
        lambda g: f"ssh deploy@{g.ip()} systemctl restart user@{g.num(1000, 1010)}.service",
        lambda g: f"npm warn deprecated har-validator@5.1.{g.num(1, 5)}: this library is no longer supported",
        lambda g: f"+ @babel/core@7.{g.num(10, 25)}.{g.num(0, 9)} @types/node@20.{g.num(1, 14)}.0 lodash@4.17.21",
        lambda g: f"go: downloading github.com/jackc/pgx/v5@v5.5.{g.num(0, 5)}",
        lambda g: f"asset assets/logo@2x.png ({g.num(4, 90)} KiB) assets/icon@3x.webp ({g.num(4, 90)} KiB)",
        lambda g: "Started getty@tty1.service - Getty on tty1.",
        lambda g: f"Reached target postgresql@15-main.service after user@{g.num(1000, 1010)}.service",
        lambda g: f"released lock com.brackenfield.orders.Lease@{g.hex(7)} held by Thread-{g.num(1, 40)}",
        lambda g: f"bean OrderService$$EnhancerBySpringCGLIB$${g.hex(8)} wired lambda 0x{g.hex(16)}",
        lambda g: "export API_KEY=<your-api-key> before running this script",
        lambda g: "DATABASE_URL=postgres://app:${DB_PASSWORD}@db.internal:5432/orders",
        lambda g: "password: ${{ secrets.DEPLOY_PASSWORD }}",
        lambda g: "login with --password-stdin; DOCKER_PASSWORD=$(cat /run/secrets/registry)",
        lambda g: "Using token: ***",
        lambda g: "password=******** user=app host=db.internal",
        lambda g: "secret_key_base: [FILTERED] params: {\"password\"=>\"[FILTERED]\"}",
        lambda g: "authorization: Bearer [REDACTED:authorization-header]",
        lambda g: "api_key = \"REDACTED\" # set in the vault",
        lambda g: "example id AK" + CUT + "IAIOSFODNN7EXAMPLE is from the documentation",
        lambda g: f"max_tokens={g.num(1, 16) * 1024} temperature=0.{g.num(0, 9)} tokenizer=cl100k_base",
        lambda g: f"tokens used: {g.num(200, 9000)} (prompt {g.num(100, 5000)}, completion {g.num(10, 900)})",
        lambda g: f"Cache restored from key: linux-node-{g.hex(64)}",
        lambda g: f"idempotency_key={g.uuid()} partition_key=tenant-{g.num(1, 99)} sort_key=2026-03",
        lambda g: f"primary_key=order_id foreign_key=customer_id cache_key=product:{g.num(1, 9999)}",
        lambda g: f"host key fingerprint is SHA256:{g.b64(32)[:43]}",
        lambda g: f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{g.b64(32)[:43]} build-agent",
        lambda g: f"peer PublicKey = {g.b64(32)} AllowedIPs = 10.8.0.0/24",
        lambda g: f"neighbour {g.ipv6()} lladdr {g.mac()} REACHABLE",
        lambda g: f"dev eth0 inet6 fe80::{g.hex(3)}:{g.hex(4)}%eth0 scope link, link/ether {g.mac()}",
        lambda g: f"thumbnail data:image/png;base64,iVBORw0KGgo{g.b64(g.num(60, 240))}",
        lambda g: f"blob chunk {g.num(1, 40)}: {g.b64(g.num(90, 300))}",
        lambda g: f"ETag: \"{g.hex(32)}-{g.num(2, 40)}\" Content-MD5: {g.b64(16)}",
        lambda g: f"md5 {g.hex(32)}  release-{g.version()}.tar.gz",
        lambda g: f"Failed password for root from {g.ip()} port {g.num(1024, 65000)} ssh2",
        lambda g: f"Failed password for invalid user admin from {g.ip()} port {g.num(1024, 65000)} ssh2",
        lambda g: "validation error: password: required, email: required",
        lambda g: f"password authentication failed for user \"{g.user()}\"",
        lambda g: "password: must be at least 12 characters",
        lambda g: "secret: not found, token: null, api_key: undefined",
        lambda g: "secretName: tls-wildcard imagePullSecrets: regcred serviceAccountToken: projected",
        lambda g: "mounted /var/run/secrets/kubernetes.io/serviceaccount/token (ro)",
        lambda g: f"credentialsId: '{g.uuid()}'",
        lambda g: "env LLM_SECRET_NAME=\"NEXUS-GPT4-API-KEY\" AUTH_PROVIDER=ldap",
        lambda g: "keyboard=us compass=north monkey_patch=true bypass=false author=release-bot",
        lambda g: f"passed: {g.num(20, 900)}, failed: 0, skipped: {g.num(0, 9)}",
        lambda g: "read https://unpkg.com/react@18.2.0/umd/react.production.min.js",
        lambda g: f"GET http://cache-02:8080/img/banner@2x.png 200 {g.num(900, 90000)}",
        lambda g: "docs at https://medium.com/@brackenfield/rotating-passwords-safely",
        lambda g: f"publishable key pk{CUT}_live_51{g.tail(BASE62, 22)} (public by design)",
        lambda g: f"recipient age1{g.tail('023456789acdefghjklmnpqrstuvwxyz', 58)}",
        lambda g: "region group ASIAANDPACIFICREGION total TODAYINASIAPACIFIC",
        lambda g: f"sequence GATTACAGATTACACATTAGGATTACAGATTACA aligned at {g.num(1, 99999)}",
        lambda g: "class LibraryWebpageUploadUrlConfigurationFactoryProvider loaded",
        lambda g: "token bucket refill rate=100 burst=200",
        lambda g: "auth: method=oidc provider=dex state=ok",
        lambda g: f"pod/{g.service()}-{g.hex(10)}-x{g.chars('bcdfghjklmnpqrstvwxz2456789', 4)} ready",
        lambda g: f"build id {g.hex(40)} (GNU ld 2.40)",
        lambda g: f"commit {g.hex(40)}",
        lambda g: "@Override public char[] getPassword() { return password.clone(); }",
        lambda g: "if (password == null) throw new IllegalArgumentException(\"password\");",
        lambda g: "const token = await getToken(session.user);",
        lambda g: "rotate_secret(secret_id, version=latest) took 12 ms",
        lambda g: "prompt: Enter passphrase for key '/home/ci/.ssh/id_ed25519': ",
        lambda g: "signature verified: RSA key ID " + g.hex(16).upper(),
        lambda g: f"jti={g.uuid()} kid={g.hex(16)} alg=RS256 accepted",
        lambda g: f"csrf token mismatch for session of user {g.num(100, 999)}",
    )

    # Ordinary messages.

    def message(self):
        return self.r.choice(self.MESSAGES)(self)

    MESSAGES = (
        lambda g: f"request completed method={g.pick('GET', 'POST', 'PUT', 'DELETE')} path={g.path()} status={g.pick(200, 200, 201, 204, 304, 400, 404, 500)} duration={g.ms()}",
        lambda g: f"{g.service()} worker {g.num(1, 32)} picked job {g.num(10000, 99999)} from queue default",
        lambda g: f"connection from {g.ip()}:{g.num(1024, 65000)} closed after {g.num(1, 900)}s",
        lambda g: f"cache hit ratio {g.r.random():.3f} over {g.num(100, 9999)} lookups",
        lambda g: f"scheduled task cleanup-{g.service()} finished, {g.num(0, 500)} rows removed",
        lambda g: f"retrying call to {g.service()} (attempt {g.num(2, 5)}/5) after {g.num(100, 3000)} ms",
        lambda g: f"config reloaded from /etc/{g.service()}/config.yaml",
        lambda g: f"GC pause {g.ms()} heap {g.num(100, 900)}M -> {g.num(50, 99)}M",
        lambda g: f"slow query took {g.num(500, 9000)} ms: SELECT * FROM {g.service()} WHERE id = $1",
        lambda g: f"health check ok for {g.host()} ({g.ip()})",
        lambda g: f"user {g.num(1000, 99999)} logged in from {g.ip()}",
        lambda g: f"upload of report-{g.num(2020, 2026)}-{g.num(1, 12):02}.csv finished ({g.num(1, 9000)} KiB)",
        lambda g: f"listening on 0.0.0.0:{g.num(3000, 9999)}",
        lambda g: f"feature flag new-checkout enabled for {g.num(1, 100)}% of traffic",
        lambda g: f"leader elected: {g.host()} term {g.num(1, 90)}",
        lambda g: f"rate limit applied to {g.ip()}: {g.num(50, 500)} requests in 60s",
        lambda g: f"order {g.num(100000, 999999)} moved from pending to {g.pick('paid', 'shipped', 'cancelled')}",
        lambda g: f"disk usage on {g.host()} /var/lib is {g.num(20, 95)}%",
        lambda g: f"compiled {g.num(2, 400)} modules in {g.ms()}",
        lambda g: f"TLS handshake with {g.ip()} finished: TLSv1.3 TLS_AES_256_GCM_SHA384",
    )
