"""The log formats. Each class wraps messages as its program would and adds lines that only that program writes."""

import datetime
import json

from material import (BASE62, CUT, HCL, HEX, JS_PAIR, JSON_PAIR, JSON_SPACED, PY_PAIR, QUOTED, SPACED, YAML, YAML_QUOTED, cut_word, secret)

ESC = "\x1b"


def colour(code, text):
    return f"{ESC}[{code}m{text}{ESC}[0m"


def dumps(value, **options):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), **options)


class Format:
    """Base: a clock, a source of material, and the mixture of ordinary lines, traps and secrets."""

    name = ""
    #: How much of the benign text is written by the format's own templates, and how much is traps.
    own_share, trap_share = 0.35, 0.25

    def __init__(self, g):
        self.g = g
        self.now = datetime.datetime(2026, 3, 4, 9, 0, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=g.num(0, 40000))

    def tick(self):
        self.now += datetime.timedelta(microseconds=self.g.num(200, 4_000_000))
        return self.now

    def stamp(self, pattern="%Y-%m-%dT%H:%M:%S", digits=3, end="Z"):
        now = self.tick()
        fraction = f".{now.microsecond:06}{self.g.num(100, 999)}"[:digits + 1] if digits else ""
        return now.strftime(pattern) + fraction + end

    def level(self):
        return self.g.pick("INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR")

    def line(self, message):
        return message + "\n"

    def benign(self):
        x = self.g.r.random()
        if self.BENIGN and x < self.own_share:
            return self.g.pick(self.BENIGN)(self)
        return self.trap() if x < self.own_share + self.trap_share else self.line(self.g.message())

    def trap(self):
        return self.line(self.g.trap())

    def secret(self):
        if self.SECRETS and self.g.r.random() < 0.55:
            return self.g.deal("own " + self.name, self.SECRETS)(self)
        return self.line(self.g.secret_message())

    BENIGN = ()
    SECRETS = ()


class GitHubActions(Format):
    name = "github-actions"

    def prefix(self):
        return self.stamp(digits=7) + " "

    def line(self, message):
        return self.prefix() + message + "\n"

    def lines(self, *rows):
        return "".join(map(self.line, rows))

    BENIGN = (
        lambda s: s.lines("##[group]Run actions/checkout@v4", "with:", "  repository: brackenfield/app", "  token: ***", "  ssh-strict: true", "##[endgroup]"),
        lambda s: s.lines(f"##[group]Run npm ci --prefer-offline", colour("36;1", "npm ci --prefer-offline"), "shell: /usr/bin/bash -e {0}", "env:",
                          "  NODE_AUTH_TOKEN: ***", f"  CACHE_KEY: node-{s.g.hex(64)}", "##[endgroup]"),
        lambda s: s.line(f"##[warning]Node.js 16 actions are deprecated: actions/setup-node@v3, docker/login-action@{s.g.hex(40)}"),
        lambda s: s.line(colour("32", "✓") + f" {s.g.service()}/totals.test.ts ({s.g.num(1, 80)} tests) {s.g.num(3, 900)}ms"),
        lambda s: s.line(f"#{s.g.num(5, 30)} sha256:{s.g.hex(64)} {s.g.num(1, 40)}.{s.g.num(10, 99)}MB / 41.20MB {s.g.num(1, 9)}.{s.g.num(0, 9)}s"),
        lambda s: s.line(f"[command]/usr/bin/git log -1 --format='%H'") + s.line(f"'{s.g.hex(40)}'"),
        lambda s: s.line(f"Cache Size: ~{s.g.num(10, 400)} MB ({s.g.num(10**7, 4 * 10**8)} B)"),
    )
    SECRETS = (
        lambda s: s.lines("##[group]Run ./deploy.sh", "env:", f"  GITHUB_TOKEN: {s.g.tok('github-app')}", f"  AWS_ACCESS_KEY_ID: {s.g.tok('aws-id')}",
                          f"  {s.g.assign('AWS_SECRET_ACCESS_KEY', 'aws-secret', s.g.aws_secret(), YAML)}", "  AWS_REGION: eu-central-1", "##[endgroup]"),
        lambda s: s.line(f"[command]/usr/bin/git remote set-url origin https:/{CUT}/x-access-{CUT}token:{s.g.tok('github-app')}{CUT}@github.com/brackenfield/app"),
        lambda s: s.line(f"+ curl -sS -H '{s.g.header()}' https://deploy.internal/hooks/release"),
        lambda s: s.line(s.g.pem(lambda: "\n" + s.prefix(), "OPENSSH PRIVATE KEY")),
        lambda s: s.line(f"Author: Release Manager <{s.g.email()}>"),
        lambda s: s.line(colour("33", f"npm notice using token {s.g.tok('npm')}")),
    )


class GitLabCI(Format):
    name = "gitlab-ci"

    def section(self, name, *rows):
        t = int(self.tick().timestamp())
        body = "".join(row + "\n" for row in rows)
        return (f"section_start:{t}:{name}\r{ESC}[0K" + colour("0;36;1", name.replace("_", " ").capitalize()) + "\n" + body
                + f"section_end:{t + self.g.num(1, 60)}:{name}\r{ESC}[0K\n")

    def line(self, message):
        return self.g.pick("", "", "", "$ ", colour("32;1", "$ ")) + message + "\n"

    BENIGN = (
        lambda s: s.section("prepare_executor", f"Using Docker executor with image swift:6.3 ...", f"Pulling docker image swift:6.3 ...",
                            f"Using docker image sha256:{s.g.hex(64)} for swift:6.3 with digest swift@sha256:{s.g.hex(64)} ..."),
        lambda s: s.section("get_sources", "Fetching changes with git depth set to 20...", f"Checking out {s.g.hex(8)} as detached HEAD (ref is main)..."),
        lambda s: f"{ESC}[0KRunning with gitlab-runner 17.2.{s.g.num(0, 9)} ({s.g.hex(8)}){ESC}[0;m\n",
        lambda s: f"{ESC}[0K  on runner-{s.g.num(1, 9)}.internal {s.g.chars(BASE62, 8)}, system ID: s_{s.g.hex(12)}{ESC}[0;m\n",
        lambda s: f"{ESC}[31;1mERROR: Job failed: exit code {s.g.num(1, 137)}{ESC}[0;m\n",
        lambda s: f"Downloading artifacts from coordinator... ok        id={s.g.num(10**6, 10**7)} responseStatus=200 OK token=64_{'[MASKED]'}\n",
        lambda s: "".join(f"\rDownloading layer {n * 20}%" for n in range(6)) + "\n",
    )
    SECRETS = (
        lambda s: s.section("export_variables", f"{colour('32;1', '$ env | sort')}", f"CI_JOB_ID={s.g.num(10**6, 10**7)}", f"CI_COMMIT_SHA={s.g.hex(40)}",
                            s.g.assign("DEPLOY_PASSWORD", "password", s.g.password()), f"REGISTRY_TOKEN={s.g.tok('gitlab-pat')}", "CI_PROJECT_PATH=brackenfield/app"),
        lambda s: f"{colour('32;1', f'$ gitlab-runner register --url https://gitlab.internal --token ')}{s.g.tok('gitlab-runner')} --executor docker\n",
        lambda s: f"remote: https:/{CUT}/oauth{CUT}2:{s.g.tok('gitlab-pat')}{CUT}@gitlab.internal/brackenfield/app.git\n",
        lambda s: s.section("debug_ssh", colour("32;1", "$ cat ~/.ssh/id_rsa"), s.g.pem(label="RSA PRIVATE KEY")),
        lambda s: f"$ psql {s.g.url(scheme='postgresql')} -c 'select 1'\n",
        lambda s: f"twine: uploading with {colour('33', s.g.tok('pypi'))}\n",
    )


class Nginx(Format):
    name = "nginx"
    own_share, trap_share = 0.9, 0.1

    def access(self, path=None, referer="-", status=None, method="GET"):
        g = self.g
        return (f"{g.pick(g.ip(), g.ip(), g.ip(), g.ipv6())} - {g.pick('-', '-', '-', g.user())} [{self.stamp('%d/%b/%Y:%H:%M:%S +0000', 0, '')}] "
                f"\"{method} {path or g.path()} HTTP/{g.pick('1.1', '2.0')}\" {status or g.pick(200, 200, 200, 301, 304, 403, 404, 499, 502)} "
                f"{g.num(0, 90000)} \"{referer}\" \"{g.agent()}\"\n")

    def line(self, message):
        return (f"{self.stamp('%Y/%m/%d %H:%M:%S', 0, '')} [{self.g.pick('error', 'warn', 'notice', 'debug')}] {self.g.num(20, 40)}#{self.g.num(20, 40)}: "
                f"*{self.g.num(1, 99999)} {message}\n")

    BENIGN = (
        access, access, access, access,
        lambda s: s.access(referer=f"https://shop.internal/{s.g.service()}/{s.g.hex(12)}"),
        lambda s: s.access(f"/search?q={s.g.pick('usb+hub', 'desk%20lamp', '%E2%98%95', 'a%40b')}&page={s.g.num(1, 9)}&sid=0"),
        lambda s: s.access(f"/cdn/{s.g.hex(40)}/app.css?v={s.g.hex(8)}"),
        lambda s: s.access("/reset-password?step=2", method="POST"),
        lambda s: s.access(f"/npm/@acme%2fui@{s.g.version()}/+esm", referer="https://cdn.internal/npm/vue@3.4.21/dist/vue.js"),
        lambda s: s.line(f"open() \"/usr/share/nginx/html/img/hero@2x.png\" failed (2: No such file or directory), client: {s.g.ip()}, server: shop.internal, "
                         f"request: \"GET /img/hero@2x.png HTTP/1.1\", host: \"shop.internal\""),
        lambda s: s.line(f"upstream timed out (110: Connection timed out) while reading response header from upstream, client: {s.g.ip()}, server: _, "
                         f"upstream: \"http://{s.g.ip()}:8080{s.g.path()}\""),
        lambda s: s.line("http header: \"Authorization: [REDACTED:authorization-header]\""),
    )
    SECRETS = (
        lambda s: s.access(f"/files/export?access_{CUT}token={s.g.jwt()}"),
        lambda s: s.access(f"/v1/geocode?{s.g.assign('api_key', 'query-key', s.g.tail(BASE62, 32))}&lang=en"),
        lambda s: s.access(f"/newsletter?email={secret('email', f'noor.chen{CUT}%40{CUT}tidewaterbooks.net')}&src=web"),
        lambda s: s.access("/account", referer=f"https://shop.internal/auth/callback?{s.g.assign('access_token', 'query-token', s.g.tail(BASE62, 40))}&state=ok"),
        lambda s: s.line(f"http header: \"{s.g.header()}\""),
        lambda s: s.line(f"http header: \"{cut_word('Cookie')}: {s.g.cookies()}\""),
        lambda s: s.line(f"http proxy header: \"{cut_word('X-Api-Key')}: {secret('api-key-header', s.g.tail(BASE62, 40))}\""),
        lambda s: s.line(f"invalid URL prefix in \"{s.g.url(scheme='https')}\""),
        lambda s: s.access(f"/maps/api/js?key={s.g.tok('gcp')}&v=weekly"),
    )


class Syslog3164(Format):
    name = "syslog-rfc3164"

    def prefix(self, program=None):
        g = self.g
        return (f"{g.pick('', f'<{g.num(8, 190)}>')}{self.stamp('%b %e %H:%M:%S', 0, '')} {g.host()} "
                f"{program or g.pick('sshd', 'CRON', 'systemd', 'sudo', 'app', 'dhclient', 'postfix/smtpd')}[{g.num(200, 32000)}]: ")

    def line(self, message):
        return self.prefix("app") + message + "\n"

    BENIGN = (
        lambda s: f"{s.prefix('sshd')}Failed password for root from {s.g.ip()} port {s.g.num(1024, 65000)} ssh2\n",
        lambda s: f"{s.prefix('sshd')}Accepted publickey for deploy from {s.g.ip()} port {s.g.num(1024, 65000)} ssh2: ED25519 SHA256:{s.g.b64(32)[:43]}\n",
        lambda s: f"{s.prefix('sshd')}pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={s.g.ip()}  user=root\n",
        lambda s: f"{s.prefix('CRON')}({s.g.user()}) CMD (/usr/local/bin/rotate-secrets --dry-run)\n",
        lambda s: f"{s.prefix('systemd')}Started user@{s.g.num(1000, 1010)}.service - User Manager for UID {s.g.num(1000, 1010)}.\n",
        lambda s: f"{s.prefix('kernel')}[{s.g.num(1, 99999)}.{s.g.num(100000, 999999)}] IN=eth0 OUT= MAC={s.g.mac()}:{s.g.mac()}:08:00 SRC={s.g.ip()} DST={s.g.ip()} LEN=52\n",
        lambda s: f"{s.prefix('dhclient')}DHCPREQUEST for {s.g.ip()} on eth0 to 255.255.255.255 port 67 xid=0x{s.g.hex(8)}\n",
        lambda s: f"{s.prefix('sudo')}   deploy : TTY=pts/0 ; PWD=/srv/app ; USER=root ; COMMAND=/usr/bin/passwd -S www-data\n",
        lambda s: f"{s.prefix('postfix/qmgr')}{s.g.hex(10).upper()}: from=<>, size={s.g.num(900, 90000)}, nrcpt=1 (queue active)\n",
        lambda s: f"{s.prefix('systemd')}Failed to start password-agent@tty{s.g.num(1, 6)}.service: Unit not found.\n",
    )
    SECRETS = (
        lambda s: f"{s.prefix('postfix/smtp')}{s.g.hex(10).upper()}: to=<{s.g.email()}>, relay=mx.internal[{s.g.ip()}]:25, delay={s.g.num(0, 9)}.{s.g.num(0, 9)}, dsn=2.0.0, status=sent (250 OK)\n",
        lambda s: f"{s.prefix('postfix/qmgr')}{s.g.hex(10).upper()}: from=<{s.g.email()}>, size={s.g.num(900, 90000)}, nrcpt=1 (queue active)\n",
        lambda s: f"{s.prefix('sudo')}  ci : TTY=unknown ; PWD=/srv ; USER=root ; COMMAND=/usr/bin/mysqldump --{s.g.assign('password', 'password', s.g.password())} shop\n",
        lambda s: f"{s.prefix('vpn')}radius: {s.g.assign('shared_secret', 'secret', s.g.tail(BASE62, 32))} nas=10.0.0.1\n",
        lambda s: s.prefix("backup") + s.g.pem(lambda: "\n" + s.prefix("backup"), "EC PRIVATE KEY") + "\n",
        lambda s: f"{s.prefix('CRON')}(ci) CMD (curl -s {s.g.url(scheme='https')})\n",
    )


class Syslog5424(Format):
    name = "syslog-rfc5424"

    def head(self, data="-"):
        g = self.g
        return f"<{g.num(8, 190)}>1 {self.stamp(digits=6)} {g.host()}.internal {g.service()} {g.num(100, 32000)} ID{g.num(1, 99)} {data} "

    def line(self, message):
        g = self.g
        data = g.pick("-", f"[meta@32473 requestId=\"{g.uuid()}\" iut=\"{g.num(1, 9)}\"]", f"[timeQuality tzKnown=\"1\" isSynced=\"1\"][origin ip=\"{g.ip()}\"]")
        return self.head(data) + g.pick("", "", "\ufeff") + message + "\n"

    BENIGN = (
        lambda s: s.head(f"[exampleSDID@32473 eventSource=\"Application\" token=\"none\" eventID=\"{s.g.num(1, 2000)}\"]") + "An application event log entry\n",
        lambda s: s.head(f"[auth@32473 method=\"password\" result=\"failure\" peer=\"{s.g.ipv6()}\"]") + "login rejected\n",
        lambda s: s.head(f"[k8s@32473 pod=\"{s.g.service()}-{s.g.hex(9)}-{s.g.chars('bcdfghjklmnpqrstvwxz', 5)}\" image=\"sha256:{s.g.hex(64)}\"]") + "container started\n",
    )
    SECRETS = (
        lambda s: s.head(f"[auth@32473 user=\"svc\" {s.g.assign('password', 'password', s.g.password(), QUOTED)}]") + "bind ok\n",
        lambda s: s.head(f"[http@32473 path=\"/login\" remote=\"{s.g.ip()}\"]") + f"{cut_word('Cookie')}: {s.g.cookies()}\n",
        lambda s: s.head(f"[mail@32473 rcpt=\"{s.g.email()}\"]") + "message accepted\n",
        lambda s: s.head(f"[cfg@32473 {s.g.assign('api_key', 'api-key', s.g.tail(BASE62, 32), QUOTED)}]") + "exporter configured\n",
        lambda s: s.head(f"[db@32473 dsn=\"{s.g.url(scheme='mysql')}\"]") + "pool opened\n",
    )


class Kubernetes(Format):
    name = "kubernetes"

    def line(self, message):
        g = self.g
        return (f"{g.pick('IIIIWE')}{self.stamp('%m%d %H:%M:%S', 6, '')} {g.num(1, 4000):7} "
                f"{g.pick('kubelet.go', 'pod_workers.go', 'reconciler_common.go', 'event.go', 'controller.go')}:{g.num(20, 2500)}] {message}\n")

    def pod(self):
        return f"prod/{self.g.service()}-{self.g.hex(10)}-{self.g.chars('bcdfghjklmnpqrstvwxz2456789', 5)}"

    BENIGN = (
        lambda s: s.line(f"\"SyncLoop (PLEG): event for pod\" pod=\"{s.pod()}\" event={{\"ID\":\"{s.g.uuid()}\",\"Type\":\"ContainerStarted\",\"Data\":\"{s.g.hex(64)}\"}}"),
        lambda s: s.line(f"\"operationExecutor.VerifyControllerAttachedVolume started for volume \\\"kube-api-access-{s.g.chars('bcdfghjklmnpqrstvwxz2456789', 5)}\\\" "
                         f"(UniqueName: \\\"kubernetes.io/projected/{s.g.uuid()}-kube-api-access\\\") pod \\\"{s.pod()}\\\"\""),
        lambda s: s.line(f"\"MountVolume.SetUp failed for volume\" err=\"secret \\\"{s.g.service()}-credentials\\\" not found\" pod=\"{s.pod()}\""),
        lambda s: s.line(f"Warning: would violate PodSecurity; secretKeyRef {{name: db-creds, key: password}} ignored"),
        lambda s: s.line(f"Successfully pulled image \"registry.internal/{s.g.service()}@sha256:{s.g.hex(64)}\" in {s.g.num(1, 9)}.{s.g.num(100, 999)}s"),
        lambda s: s.line(f"Error syncing pod {s.g.uuid()}, skipping: failed to \"StartContainer\" for \"app\" with CrashLoopBackOff: \"back-off 5m0s\""),
        lambda s: s.line("service account token for \"default/builder\" rotated; next rotation in 48m"),
    )
    SECRETS = (
        lambda s: s.line(f"\"Container env\" pod=\"{s.pod()}\" env=[{s.g.assign('DB_PASSWORD', 'password', s.g.password())} DB_HOST=db.internal]"),
        lambda s: s.line(f"Unable to authenticate the request: {cut_word('Authorization')}: {cut_word('Bearer')} {s.g.jwt()}"),
        lambda s: s.line(f"GET https://10.96.0.1:443/api/v1/namespaces/prod/pods?access_{CUT}token={s.g.jwt()} 401 Unauthorized"),
        lambda s: s.line(f"\"Liveness probe failed\" pod=\"{s.pod()}\" output=\"dial {s.g.url(scheme='redis')}: connection refused\""),
        lambda s: s.line(f"helm values: {{\"grafana\":{{\"serviceAccount\":\"{s.g.tok('grafana')}\"}}}}"),
        lambda s: s.line(f"admission webhook: annotation owner={s.g.email()} accepted"),
        lambda s: s.line(f"\"Unseal\" vault={s.g.tok('vault')} addr=https://vault.internal:8200"),
    )


class DockerJSON(Format):
    name = "docker-json"

    def wrap(self, text):
        return dumps({"log": text + "\n", "stream": self.g.pick("stdout", "stdout", "stderr"), "time": self.stamp(digits=9)}) + "\n"

    def line(self, message):
        return self.wrap(f"{self.stamp('%H:%M:%S', 3, '')} {self.level()} [{self.g.service()}] {message}")

    def tail_and_head(self):
        """What stands between two lines of a container's output."""
        return "\\n" + dumps({"stream": "stdout", "time": self.stamp(digits=9)}).replace("{", "\",", 1) + "\n" + "{\"log\":\""

    BENIGN = (
        lambda s: s.wrap(dumps({"level": "info", "msg": "request", "path": s.g.path(), "trace_id": s.g.hex(32), "size": s.g.num(1, 9999)})),
        lambda s: s.wrap("\tat com.brackenfield.orders.OrderService.place(OrderService.java:" + str(s.g.num(10, 400)) + ")"),
        lambda s: s.wrap(colour("32", "ready") + f" - started server on 0.0.0.0:3000, url: http://localhost:3000"),
        lambda s: s.wrap(f"{s.g.ip()} - - \"GET {s.g.path()} HTTP/1.1\" 200 {s.g.num(10, 9999)}"),
        lambda s: s.wrap(""),
    )
    SECRETS = (
        lambda s: s.wrap(dumps({"level": "debug", "msg": "login", "body": "{" + s.g.assign("password", "password", s.g.password(), JSON_PAIR) + ",\"otp\":null}"})),
        lambda s: s.wrap(dumps({"level": "info", "headers": {cut_word("authorization"): cut_word("Bearer") + " " + secret("authorization", s.g.tail(BASE62, 40)), "accept": "*/*"}})),
        lambda s: s.wrap(s.g.pem("\\n", "PRIVATE KEY")),
        lambda s: "{\"log\":\"" + s.g.pem(s.tail_and_head, "EC PRIVATE KEY") + dumps({"stream": "stdout", "time": s.stamp(digits=9)}).replace("{", "\\n\",", 1) + "\n",
        lambda s: s.wrap(f"mail to {s.g.email()} deferred"),
        lambda s: s.wrap(f"MONGO_URL={s.g.url(scheme='mongodb+srv')}"),
    )


class JournalShort(Format):
    name = "journal-short"

    def prefix(self, unit=None):
        return f"{self.stamp('%b %d %H:%M:%S', 0, '')} {self.g.host()} {unit or self.g.service()}[{self.g.num(300, 32000)}]: "

    def line(self, message):
        return self.prefix() + message + "\n"

    BENIGN = (
        lambda s: f"-- Boot {s.g.hex(32)} --\n",
        lambda s: f"{s.prefix('systemd')}Started getty@tty1.service - Getty on tty1.\n",
        lambda s: f"{s.prefix('systemd')}backup@{s.g.service()}.service: Deactivated successfully.\n",
        lambda s: f"{s.prefix('systemd')}Created slice user-1000.slice, session-{s.g.num(1, 99)}.scope, run-user-1000.mount, systemd-cryptsetup@data.service.\n",
        lambda s: f"{s.prefix('systemd-ask-password')}Password entry required for 'disk cryptroot' (PID {s.g.num(200, 900)}).\n",
        lambda s: f"{s.prefix('dbus-daemon')}[system] Activating via systemd: service name='org.freedesktop.hostname1' requested by ':1.{s.g.num(1, 99)}' (uid=1000 pid={s.g.num(300, 9999)})\n",
        lambda s: f"{s.prefix('NetworkManager')}<info>  [{s.g.num(10**9, 2 * 10**9)}.{s.g.num(1000, 9999)}] dhcp6 (eth0): option dhcp6_name_servers => '{s.g.ipv6()}'\n",
    )
    SECRETS = (
        lambda s: f"{s.prefix('wpa_supplicant')}config: {s.g.assign('wpa_passphrase', 'password', s.g.password())}\n",
        lambda s: f"{s.prefix('unlock')}" + s.g.pem(lambda: "\n" + s.prefix("unlock"), "RSA PRIVATE KEY") + "\n",
        lambda s: f"{s.prefix('restic')}repository rest:{s.g.url(scheme='https', rest='backup.internal:8000/shop')} opened\n",
        lambda s: f"{s.prefix('env')}Environment={s.g.assign('SLACK_TOKEN', 'slack-bot', s.g.token('slack-bot'))}\n",
        lambda s: f"{s.prefix('dovecot')}imap-login: Login: user=<{s.g.email()}>, method=PLAIN, rip={s.g.ip()}, TLS\n",
    )


class JournalExport(Format):
    name = "journal-export"

    def entry(self, message, unit=None):
        g = self.g
        now = self.tick()
        boot = self.g.hex(32)
        micro = int(now.timestamp() * 1e6)
        return (f"__CURSOR=s={g.hex(32)};i={g.hex(4)};b={boot};m={g.hex(9)};t={micro:x};x={g.hex(16)}\n__REALTIME_TIMESTAMP={micro}\n_BOOT_ID={boot}\n"
                f"PRIORITY={g.num(3, 7)}\n_MACHINE_ID={g.hex(32)}\n_HOSTNAME={g.host()}\n_SYSTEMD_UNIT={unit or g.service() + '.service'}\n"
                f"SYSLOG_IDENTIFIER={g.service()}\nMESSAGE={message}\n\n")

    line = entry

    BENIGN = (
        lambda s: s.entry("Listening on gpg-agent-ssh.socket", "user@1000.service"),
        lambda s: s.entry(f"New session {s.g.num(1, 99)} of user deploy.", "systemd-logind.service"),
    )
    SECRETS = (
        lambda s: s.entry(f"exporting {s.g.assign('PGPASSWORD', 'password', s.g.password())} PGUSER=backup"),
        lambda s: s.entry(f"s3: key id {s.g.tok('aws-temporary-id')} expires in 3600s"),
    )


class Spring(Format):
    name = "spring"

    def head(self, message, level=None, name=None):
        g = self.g
        return (f"{self.stamp(end='+01:00')} {level or self.level():>5} {g.num(1, 30)} --- [{g.pick('main', 'nio-8080-exec-3', 'scheduling-1', 'ntainer#0-0-C-1')}] "
                f"{name or g.java_class():<42}: {message}\n")

    line = head

    def stack(self, first, cause):
        g = self.g
        frames = "".join(f"\tat {g.java_class()}.{g.pick('handle', 'place', 'doFilter', 'invoke', 'lambda$run$0')}"
                         f"({g.pick('OrderService.java', 'ApplicationFilterChain.java', 'Unknown Source')}:{g.num(10, 900)})"
                         f"{g.pick('', '', ' ~[spring-web-6.1.6.jar:6.1.6]', ' ~[na:na]')}\n" for _ in range(g.num(4, 9)))
        return self.head(first, "ERROR") + f"\n{cause}\n{frames}Caused by: java.net.SocketTimeoutException: Read timed out\n\t... {g.num(3, 60)} common frames omitted\n\n"

    BENIGN = (
        lambda s: s.stack("Servlet.service() for servlet [dispatcherServlet] threw exception", "java.lang.IllegalStateException: token must not be null"),
        lambda s: s.stack("Job failed", f"com.brackenfield.billing.InvoiceException: invoice com.brackenfield.billing.Invoice@{s.g.hex(7)} has no lines"),
        lambda s: s.head(f"HikariPool-1 - Added connection org.postgresql.jdbc.PgConnection@{s.g.hex(8)}", "DEBUG", "com.zaxxer.hikari.pool.HikariPool"),
        lambda s: s.head("Using generated security password: [REDACTED:generic-password]", "WARN"),
        lambda s: s.head(f"Mapped \"{{[/users/{{id}}/password],methods=[PUT]}}\" onto UserController#changePassword(Long, PasswordForm)"),
        lambda s: s.head("Initializing Spring embedded WebApplicationContext; credentialsProvider=DefaultCredentialsProvider(accessKeyId=null)"),
    )
    SECRETS = (
        lambda s: s.head(f"Using generated security {cut_word('password')}: {secret('password', s.g.uuid())}", "WARN"),
        lambda s: s.stack("Could not open JDBC connection", f"org.postgresql.util.PSQLException: FATAL: jdbc:postgresql://db.internal/orders?user=app&"
                          f"{s.g.assign('password', 'password', s.g.password())} rejected"),
        lambda s: s.head(f"spring.datasource.{s.g.assign('password', 'password', s.g.password())}"),
        lambda s: s.head(f"Decoded JWT {s.g.jwt()} for principal 4711", "DEBUG"),
        lambda s: s.head(f"SAML config <credential id=\"idp\"><{cut_word('password')}>{secret('password', s.g.password())}</{cut_word('password')}></credential>"),
        lambda s: s.head(f"Sending mail: MimeMessage[to={s.g.email()}, subject=Your invoice]"),
        lambda s: s.head(f"Loaded signing key {s.g.pem(chr(92) + 'n', 'PRIVATE KEY')} from config server", "DEBUG"),
        lambda s: s.head(f"OutboundRequest[headers=[{s.g.header('Authorization', ':' + chr(34))}\", Accept:\"application/json\"]]", "DEBUG"),
    )


class Python(Format):
    name = "python"

    def head(self, message, level=None):
        return f"{self.stamp('%Y-%m-%d %H:%M:%S', 0, '')},{self.g.num(0, 999):03} {level or self.level():<8} {self.g.service()}.{self.g.pick('views', 'tasks', 'client', 'db')}: {message}\n"

    line = head

    def traceback(self, local, error):
        g = self.g
        return (self.head("Unhandled exception", "ERROR") + "Traceback (most recent call last):\n"
                f"  File \"/srv/app/{g.service()}/client.py\", line {g.num(10, 400)}, in fetch\n    {local}\n"
                f"  File \"/usr/lib/python3.12/site-packages/requests/sessions.py\", line {g.num(500, 720)}, in send\n    r = adapter.send(request, **kwargs)\n{error}\n")

    BENIGN = (
        lambda s: s.traceback("response = session.get(url, headers=headers, timeout=5)", "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='api.internal', port=443): Read timed out."),
        lambda s: s.traceback("password = os.environ['DB_PASSWORD']", "KeyError: 'DB_PASSWORD'"),
        lambda s: s.traceback("token = tokenizer.decode(ids[0], skip_special_tokens=True)", "IndexError: list index out of range"),
        lambda s: s.head(f"<Request '{s.g.path()}' [GET]> session=<SecureCookieSession {{}}> user=<User {s.g.num(1, 999)}>"),
        lambda s: s.head(f"celery task {s.g.service()}.tasks.sync[{s.g.uuid()}] succeeded in {s.g.r.random():.6f}s: None"),
        lambda s: s.head(f"Collecting requests==2.32.3 --hash=sha256:{s.g.hex(64)}"),
        lambda s: s.head("<module 'secrets' from '/usr/lib/python3.12/secrets.py'> loaded; object <app.db.Pool object at 0x7f" + s.g.hex(10) + ">"),
    )
    SECRETS = (
        lambda s: s.traceback(f"client = Client({s.g.assign('api_key', 'api-key', s.g.tail(BASE62, 32), QUOTED)}, timeout=5)", "app.errors.AuthError: 401 from api.internal"),
        lambda s: s.traceback("conn = psycopg.connect(dsn)", f"psycopg.OperationalError: connection to \"{s.g.url(scheme='postgresql')}\" failed"),
        lambda s: s.head(f"DATABASES={{'default': {{'ENGINE': 'postgresql', 'USER': 'app', {s.g.assign('PASSWORD', 'password', s.g.password(), PY_PAIR)}, 'HOST': 'db'}}}}"),
        lambda s: s.head(f"sending {{'{cut_word('Authorization')}': '{cut_word('Bearer')} {secret('authorization', s.g.tail(BASE62, 40))}', 'Accept': '*/*'}}"),
        lambda s: s.head(f"openai.AuthenticationError: Incorrect API key provided: {s.g.tok('openai')}."),
        lambda s: s.head(f"could not load key:\n{s.g.pem(label='EC PRIVATE KEY')}"),
        lambda s: s.head(f"user registered email={s.g.email()} id={s.g.num(1000, 99999)}"),
    )


class NodePino(Format):
    name = "node-pino"

    def pino(self, level=30, **fields):
        g = self.g
        return dumps({"level": level, "time": int(self.tick().timestamp() * 1000), "pid": g.num(1, 99), "hostname": g.host(), **fields}) + "\n"

    def line(self, message):
        return self.pino(self.g.pick(20, 30, 30, 40, 50), msg=message)

    def request(self, **extra):
        g = self.g
        return self.pino(reqId=f"req-{g.chars(BASE62[:36], 3)}", req={"method": g.pick("GET", "POST"), "url": g.path(), "host": "shop.internal",
                         "remoteAddress": g.ip(), **extra}, msg="incoming request")

    BENIGN = (
        request, request,
        lambda s: s.request(headers={"user-agent": s.g.agent(), "authorization": "[Redacted]", "cookie": None, "x-request-id": s.g.uuid()}),
        lambda s: s.pino(res={"statusCode": s.g.pick(200, 204, 404)}, responseTime=round(s.g.r.random() * 900, 6), msg="request completed"),
        lambda s: s.pino(50, err={"type": "TypeError", "message": "Cannot read properties of undefined (reading 'token')",
                         "stack": "TypeError: Cannot read properties of undefined (reading 'token')\n    at auth (/srv/app/dist/auth.js:12:41)\n    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"},
                         msg="unhandled"),
        lambda s: s.pino(usage={"prompt_tokens": s.g.num(1, 9000), "completion_tokens": s.g.num(1, 900), "total_tokens": s.g.num(1, 9900)}, model="gpt-4o-mini"),
        lambda s: s.pino(pkg="@acme/ui@" + s.g.version(), integrity="sha512-" + s.g.b64(64)),
    )
    SECRETS = (
        lambda s: s.request(headers={cut_word("authorization"): cut_word("Bearer") + " " + secret("authorization", s.g.tail(BASE62, 44)), "accept": "*/*"}),
        lambda s: s.request(headers={"host": "shop.internal", cut_word("cookie"): s.g.cookies()}),
        lambda s: s.request(headers={cut_word("x-api-key"): secret("api-key-header", s.g.tail(BASE62, 40))}),
        lambda s: s.pino(body={"username": "svc", cut_word("password"): secret("password", s.g.password())}, msg="login"),
        lambda s: s.pino(config={"stripe": {cut_word("secretKey"): s.g.tok("stripe")}, "region": "eu"}, msg="boot"),
        lambda s: s.pino(user={"id": s.g.num(1, 9999), "email": s.g.email()}, msg="profile updated"),
        lambda s: s.pino(privateKey=s.g.pem("\n", "PRIVATE KEY"), type="service_account", msg="credentials loaded"),
        lambda s: s.pino(db=s.g.url(scheme="mongodb+srv"), msg="mongoose connected"),
        lambda s: s.pino(jwt=s.g.jwt(), msg="token refreshed"),
    )


class NodeConsole(Format):
    name = "node-console"

    BENIGN = (
        lambda s: f"> app@{s.g.version()} build\n> vite build && tsc -p tsconfig.json\n",
        lambda s: f"dist/assets/index-{s.g.chars(BASE62, 8)}.js   {s.g.num(10, 900)}.{s.g.num(10, 99)} kB │ gzip: {s.g.num(5, 300)}.{s.g.num(10, 99)} kB\n",
        lambda s: f"npm warn EBADENGINE   package: 'undici@6.{s.g.num(0, 19)}.0', required: {{ node: '>=18.17' }}\n",
        lambda s: f"├── @types/node@20.11.{s.g.num(0, 30)}\n├─┬ express@4.19.2\n│ └── body-parser@1.20.{s.g.num(0, 3)}\n",
        lambda s: f"  ✓ resets the password when the token is valid ({s.g.num(1, 90)} ms)\n  ✓ refuses a password shorter than 12 characters\n",
        lambda s: f"    at Object.<anonymous> (/srv/app/node_modules/.pnpm/@jest+core@29.7.0/node_modules/@jest/core/build/runJest.js:{s.g.num(1, 900)}:{s.g.num(1, 90)})\n",
        lambda s: f"{{ id: {s.g.num(1, 999)}, name: 'Zoë', roles: [ 'admin' ], password: [Redacted], token: undefined }}\n",
    )
    SECRETS = (
        lambda s: f"{{\n  host: 'db.internal',\n  user: 'app',\n  {s.g.assign('password', 'password', s.g.password(), JS_PAIR)},\n  port: 5432\n}}\n",
        lambda s: f"npm config //npm.internal/:_authToken={s.g.tok('npm')}\n",
        lambda s: f"process.env.{s.g.assign('STRIPE_SECRET_KEY', 'stripe', s.g.token('stripe'))}\n",
        lambda s: f"Error: connect ECONNREFUSED {s.g.url(scheme='amqp')}\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1595:16)\n",
        lambda s: f"Headers {{ {cut_word('cookie')}: '{s.g.cookies()}' }}\n",
        lambda s: f"{{ email: '{s.g.email()}', verified: false }}\n",
    )


class Go(Format):
    name = "go"

    def line(self, message):
        g, kind = self.g, self.g.num(0, 3)
        if kind == 0:
            return dumps({"level": g.pick("info", "debug", "error"), "ts": round(self.tick().timestamp(), 6), "caller": f"server/{g.service()}.go:{g.num(10, 400)}", "msg": message}) + "\n"
        if kind == 1:
            quoted = "\"" + message.replace("\\", "\\\\").replace("\"", "\\\"") + "\""
            return f"time={self.stamp()} level={g.pick('INFO', 'DEBUG', 'WARN')} source=main.go:{g.num(10, 99)} msg={quoted} component={g.service()}\n"
        if kind == 2:
            return f"{self.stamp('%Y/%m/%d %H:%M:%S', 0, '')} {message}\n"
        return f"level={g.pick('info', 'error')} ts={self.stamp()} caller=manager.go:{g.num(10, 400)} component=\"rule manager\" msg=" + dumps(message) + "\n"

    BENIGN = (
        lambda s: f"goroutine {s.g.num(1, 900)} [running]:\nmain.(*Server).handle(0xc000{s.g.hex(6)}, {{0x{s.g.hex(6)}, 0xc000{s.g.hex(6)}}})\n\t/src/main.go:{s.g.num(10, 400)} +0x{s.g.hex(3)}\n",
        lambda s: f"go: added github.com/hashicorp/vault/api v1.12.{s.g.num(0, 9)}\ngo: downloading k8s.io/client-go v0.29.{s.g.num(0, 9)}\n",
        lambda s: f"verifying github.com/aws/aws-sdk-go-v2@v1.26.{s.g.num(0, 9)}: checksum mismatch\n\tdownloaded: h1:{s.g.b64(32)}\n\tgo.sum:     h1:{s.g.b64(32)}\n",
        lambda s: f"ok  \tgithub.com/brackenfield/app/{s.g.service()}\t{s.g.r.random() * 9:.3f}s\n",
        lambda s: f"--- PASS: TestTokenBucket/key=tenant-{s.g.num(1, 9)} ({s.g.r.random():.2f}s)\n",
    )
    SECRETS = (
        lambda s: f"time={s.stamp()} level=DEBUG msg=\"db open\" dsn=\"{s.g.url(scheme='postgres')}\"\n",
        lambda s: f"time={s.stamp()} level=INFO msg=config {s.g.assign('client_secret', 'secret', s.g.tail(BASE62, 40))} redirect=/callback\n",
        lambda s: dumps({"level": "error", "ts": round(s.tick().timestamp(), 6), "msg": "auth failed", "header": {cut_word("Authorization"): [cut_word("Basic") + " " + secret("authorization", "c3" + CUT + "Zj" + s.g.b64(18))]}}) + "\n",
        lambda s: f"level=info ts={s.stamp()} msg=invited email={s.g.email()} role=viewer\n",
        lambda s: f"panic: bad token \"{s.g.tok('slack-bot')}\"\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:{s.g.num(10, 99)} +0x1d\nexit status 2\n",
        lambda s: f"{s.stamp('%Y/%m/%d %H:%M:%S', 0, '')} http: {cut_word('X-Vault-Token')}: {s.g.tok('vault')}\n",
    )


class Postgres(Format):
    name = "postgres"

    def head(self, text, level="LOG"):
        g = self.g
        return f"{self.stamp('%Y-%m-%d %H:%M:%S', 3, ' UTC')} [{g.num(20, 32000)}] {g.pick('app@orders', 'reader@ledger', 'postgres@postgres', '[unknown]@[unknown]')} {level}:  {text}\n"

    def line(self, message):
        return self.head(message)

    def statement(self, sql):
        return self.head(f"duration: {self.g.r.random() * 900:.3f} ms  statement: {sql}")

    BENIGN = (
        lambda s: s.statement(f"SELECT id, status FROM {s.g.service()} WHERE id = '{s.g.uuid()}'"),
        lambda s: s.statement(f"UPDATE users SET password_hash = $1, updated_at = now() WHERE id = {s.g.num(1, 9999)}"),
        lambda s: s.statement("CREATE TABLE api_keys (id uuid PRIMARY KEY, secret text NOT NULL, token_sha256 bytea)"),
        lambda s: s.head(f"password authentication failed for user \"{s.g.user()}\"", "FATAL"),
        lambda s: s.head(f"duplicate key value violates unique constraint \"{s.g.service()}_pkey\"", "ERROR") + s.head(f"Key (id)=({s.g.uuid()}) already exists.", "DETAIL"),
        lambda s: s.head(f"connection received: host={s.g.ip()} port={s.g.num(1024, 65000)}"),
        lambda s: s.head("connection authorized: user=app database=orders SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)"),
        lambda s: s.head(f"checkpoint complete: wrote {s.g.num(1, 9999)} buffers ({s.g.num(0, 9)}.{s.g.num(0, 9)}%); lsn={s.g.hex(1).upper()}/{s.g.hex(8).upper()}"),
        lambda s: s.statement("SELECT * FROM tags WHERE data @> '{\"env\": \"prod\"}' AND name !~ 'tmp'"),
    )
    SECRETS = (
        lambda s: s.statement(f"ALTER ROLE app WITH {cut_word('PASSWORD')} '{secret('sql-password', s.g.password())}'"),
        lambda s: s.statement(f"INSERT INTO subscribers (email, lang) VALUES ('{s.g.email()}', 'en')"),
        lambda s: s.statement(f"SELECT dblink_connect('host=replica dbname=orders user=app {s.g.assign('password', 'password', s.g.password())}')"),
        lambda s: s.statement(f"INSERT INTO sessions (id, jwt) VALUES ({s.g.num(1, 99999)}, '{s.g.jwt()}')"),
        lambda s: s.statement(f"CREATE SUBSCRIPTION s CONNECTION '{s.g.url(scheme='postgresql')}' PUBLICATION p"),
        lambda s: s.head(f"Key (email)=({s.g.email()}) already exists.", "DETAIL"),
        lambda s: s.statement(f"INSERT INTO integrations (kind, token) VALUES ('github', '{s.g.tok('github-fine')}')"),
    )


class CloudAudit(Format):
    name = "cloud-audit"
    trap_share = 0.15

    def event(self, name, source, parameters=None, **extra):
        g = self.g
        return dumps({"eventVersion": "1.09", "eventTime": self.stamp(digits=0), "eventSource": f"{source}.amazonaws.com", "eventName": name, "awsRegion": "eu-central-1",
                      "sourceIPAddress": g.ip(), "userAgent": g.pick("aws-cli/2.15.30", "Boto3/1.34.69", "console.amazonaws.com"),
                      "userIdentity": {"type": "AssumedRole", "arn": f"arn:aws:sts::{g.num(10**11, 10**12 - 1)}:assumed-role/{g.service()}/i-{g.hex(17)}"},
                      "requestParameters": parameters, "requestID": g.uuid(), "eventID": g.uuid(), "readOnly": bool(g.num(0, 1)), **extra}) + "\n"

    def line(self, message):
        return self.event("PutLogEvents", "logs", {"logGroupName": f"/ecs/{self.g.service()}", "message": message})

    BENIGN = (
        lambda s: s.event("GetObject", "s3", {"bucketName": "shop-assets", "key": f"img/hero@2x-{s.g.hex(8)}.png"}, additionalEventData={"x-amz-id-2": s.g.b64(57), "bytesTransferredOut": s.g.num(1, 10**6)}),
        lambda s: s.event("DescribeInstances", "ec2", {"maxResults": 100, "nextToken": None}),
        lambda s: s.event("GetSecretValue", "secretsmanager", {"secretId": f"prod/{s.g.service()}/db"}),
        lambda s: s.event("Decrypt", "kms", {"keyId": f"arn:aws:kms:eu-central-1:{s.g.num(10**11, 10**12 - 1)}:key/{s.g.uuid()}", "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}),
        lambda s: s.event("BatchGetImage", "ecr", {"imageIds": [{"imageDigest": f"sha256:{s.g.hex(64)}"}], "repositoryName": s.g.service()}),
        lambda s: s.event("ConsoleLogin", "signin", None, responseElements={"ConsoleLogin": "Failure"}, errorMessage="Failed authentication: password incorrect"),
    )
    SECRETS = (
        lambda s: s.event("CreateAccessKey", "iam", {"userName": "ci"}, responseElements={"accessKey": {"accessKeyId": s.g.tok("aws-id"), "status": "Active"}}),
        lambda s: s.event("AssumeRole", "sts", {"roleSessionName": "deploy"}, responseElements={"credentials": {"accessKeyId": s.g.tok("aws-temporary-id"), "expiration": "Mar 4, 2026, 12:00:00 PM"}}),
        lambda s: s.event("UpdateFunctionConfiguration", "lambda", {"environment": {"variables": {cut_word("DB_PASSWORD"): secret("password", s.g.password()), "STAGE": "prod"}}}),
        lambda s: s.event("AdminCreateUser", "cognito-idp", {"username": s.g.num(100, 999), "userAttributes": [{"name": "email", "value": s.g.email()}]}),
        lambda s: s.event("PutParameter", "ssm", {"name": "/prod/db/url", "value": s.g.url(scheme="postgres")}),
        lambda s: s.event("ImportCertificate", "acm", {"privateKey": s.g.pem("\n", "RSA PRIVATE KEY")}),
    )


class AgentJSONL(Format):
    name = "agent-jsonl"

    def event(self, **fields):
        return dumps({"ts": self.stamp(), "run": "r_01J9Z3K7Q2", **fields}, ) + "\n"

    def result(self, text, tool="bash"):
        return self.event(type="tool_result", tool=tool, exit=0, output=text)

    def line(self, message):
        return self.g.pick(self.result, lambda m: self.event(type="assistant", text=m))(message)

    BENIGN = (
        lambda s: s.event(type="tool_call", tool="bash", input={"command": s.g.pick("swift test --parallel", "git status --short", "rg -n 'password' Sources | head", "cat Package.swift", "npm ci")}),
        lambda s: s.event(type="usage", input_tokens=s.g.num(100, 90000), output_tokens=s.g.num(10, 4000), cache_read_tokens=s.g.num(0, 80000), max_tokens=8192),
        lambda s: s.event(type="assistant", text="The token check fails because `token == nil`; I'll read the password from the environment instead of the file."),
        lambda s: s.result(f"commit {s.g.hex(40)}\nDate:   Wed Mar 4 10:00:00 2026 +0000\n\n    Rotate secrets weekly\n"),
        lambda s: s.result("diff --git a/app.py b/app.py\nindex " + s.g.hex(7) + ".." + s.g.hex(7) + " 100644\n@@ -1,4 +1,4 @@\n-    password = getpass()\n+    password = os.environ[\"DB_PASSWORD\"]\n"),
        lambda s: s.result("\n".join(s.g.pem_value("CERTIFICATE")), "read_file"),
        lambda s: s.event(type="tool_result", tool="screenshot", mime="image/png", data=s.g.b64(s.g.num(200, 500))),
    )
    SECRETS = (
        lambda s: s.result(f"$ cat .env\n{s.g.assign('DATABASE_PASSWORD', 'password', s.g.password())}\nANTHROPIC_API_KEY={s.g.tok('anthropic')}\nSTRIPE_KEY={s.g.tok('stripe')}\nLOG_LEVEL=debug\n"),
        lambda s: s.result(s.g.pem("\n", "OPENSSH PRIVATE KEY"), "read_file"),
        lambda s: s.event(type="tool_call", tool="bash", input={"command": f"curl -H \"{s.g.header()}\" https://api.internal/v1/me"}),
        lambda s: s.event(type="assistant", text=f"I found a GitHub token in the config: `{s.g.tok('github-pat')}`. It should be rotated."),
        lambda s: s.result(f"{{\"user\": \"svc\", {s.g.assign('password', 'password', s.g.password(), JSON_SPACED)}}}"),
        lambda s: s.result(f"Author: Mei Chen <{s.g.email()}>"),
        lambda s: s.result(f"git remote -v\norigin\thttps:/{CUT}/oauth{CUT}2:{s.g.tok('gitlab-pat')}{CUT}@gitlab.internal/shop/app.git (fetch)"),
        lambda s: s.result(f"session: {s.g.jwt()}"),
    )


class AgentConsole(Format):
    name = "agent-console"

    def line(self, message):
        return self.g.pick("  ", "  ", colour("2", "│ "), colour("36", "⏺ ")) + message + "\n"

    BENIGN = (
        lambda s: f"{colour('1;35', '●')} {colour('1', 'Bash')}({s.g.pick('swift build', 'make test', 'git push origin HEAD', 'npm run lint')})\n",
        lambda s: "".join(f"\r{ESC}[K{colour('33', c)} Thinking… ({n}s · ↑ {s.g.num(1, 9)}.{s.g.num(0, 9)}k tokens)" for n, c in enumerate("⠋⠙⠹⠸⠼")) + f"\r{ESC}[K",
        lambda s: "".join(f"\r[{'#' * n}{' ' * (10 - n)}] {n * 10}%" for n in range(11)) + "\n",
        lambda s: f"{colour('32', '+')}{colour('32', '    let token = try await tokens.fetch(for: user)')}\n{colour('31', '-    let password = config.password')}\n",
        lambda s: f"{ESC}[1A{ESC}[2K{colour('32', '✔')} {s.g.num(10, 300)} tests passed in {s.g.num(1, 90)}s\n",
        lambda s: f"{ESC}]0;agent: {s.g.service()}\x07{colour('90', s.stamp('%H:%M:%S', 0, ''))} naïve café résumé — 日本語のログ ✓\n",
        lambda s: "? Password for sudo: \r\n",
    )
    SECRETS = (
        lambda s: f"  {colour('36', 'GITHUB_TOKEN')}={colour('33', s.g.tok('github-pat'))}\n",
        lambda s: s.broken_colour(),
        lambda s: f"  $ export {s.g.assign('OPENAI_API_KEY', 'openai', s.g.token('openai'))}\n",
        lambda s: s.g.pem(lambda: "\n" + colour("2", "│ "), "EC PRIVATE KEY") + "\n",
        lambda s: f"  {colour('32', '+')} {s.g.assign('password', 'password', s.g.password(), YAML_QUOTED)}\n",
        lambda s: f"  ⎿  DATABASE_URL={s.g.url(scheme='postgres')}\n",
        lambda s: f"\rlogged in as {s.g.email()}{ESC}[K\n",
        lambda s: f"  ⎿  {s.g.header()}\n",
    )

    def broken_colour(self):
        """A token with a colour change inside it, as a highlighting pager leaves it."""
        token = self.g.token("github-pat")
        return f"  match: {secret('github-pat', token[:12] + ESC + '[1;31m' + token[12:20] + ESC + '[0m' + token[20:])} in config.yml\n"


class TerraformAnsible(Format):
    name = "terraform-ansible"

    def line(self, message):
        g = self.g
        return g.pick(f"ok: [{g.host()}] => {dumps({'msg': message})}\n", f"{self.stamp(digits=3)} [INFO]  provider.aws: {message}\n", f"    \"stdout_lines\": [{dumps(message)}]\n")

    BENIGN = (
        lambda s: f"\nTASK [{s.g.service()} : copy the configuration] {'*' * 40}\nchanged: [{s.g.host()}]\nok: [{s.g.host()}]\n",
        lambda s: f"  # aws_db_instance.{s.g.service()} will be updated in-place\n  ~ resource \"aws_db_instance\" \"{s.g.service()}\" {{\n        id       = \"db-{s.g.hex(20).upper()}\"\n      ~ password = (sensitive value)\n    }}\n",
        lambda s: f"  + resource \"random_password\" \"db\" {{\n      + length  = 24\n      + result  = (sensitive value)\n      + special = true\n    }}\n",
        lambda s: f"aws_iam_access_key.ci: Refreshing state... [id={s.g.service()}-{s.g.hex(8)}]\n",
        lambda s: f"- Installing hashicorp/aws v5.{s.g.num(10, 60)}.0...\n  \"zh:{s.g.hex(64)}\",\n  \"h1:{s.g.b64(32)}\",\n",
        lambda s: f"PLAY RECAP {'*' * 60}\n{s.g.host()}                     : ok={s.g.num(1, 90)}   changed={s.g.num(0, 9)}    unreachable=0    failed=0\n",
        lambda s: f"changed: [{s.g.host()}] => {dumps({'censored': 'the output has been hidden due to the fact that no_log: true was specified for this result'})}\n",
        lambda s: f"ssh_key = ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB{s.g.b64(180)} deploy@build-01\n",
        lambda s: f"vault_db_password: !vault |\n          $ANSIBLE_VAULT;1.1;AES256\n          {s.g.hex(80)}\n          {s.g.hex(64)}\n",
    )
    SECRETS = (
        lambda s: f"  + {s.g.assign('master_password', 'password', s.g.password(), HCL)}\n",
        lambda s: f"fatal: [{s.g.host()}]: FAILED! => {dumps({'cmd': 'mysql -u root --' + s.g.assign('password', 'password', s.g.password()), 'rc': 1})}\n",
        lambda s: f"provider \"digitalocean\" {{\n  token = \"{s.g.tok('digitalocean')}\"\n}}\n",
        lambda s: f"Outputs:\n\n{s.g.assign('api_key', 'api-key', s.g.tail(BASE62, 40), HCL)}\nendpoint = \"https://api.internal\"\n",
        lambda s: f"tls_private_key.ci: private_key_pem = <<EOT\n{s.g.pem(label='RSA PRIVATE KEY')}\nEOT\n",
        lambda s: f"  db:\n    host: db.internal\n    {s.g.assign('password', 'password', s.g.password(), YAML)}\n    port: 5432\n",
        lambda s: f"ok: [{s.g.host()}] => {dumps({'vars': {'acme_email': s.g.email()}})}\n",
        lambda s: f"  {s.g.assign('MAILGUN_API_KEY', 'provider', s.g.tail(HEX, 32), YAML)}\n",
    )


class RedisKafka(Format):
    name = "redis-kafka"

    def redis(self, text):
        return f"{self.g.num(1, 9999)}:{self.g.pick('MSCX')} {self.stamp('%d %b %Y %H:%M:%S', 3, '')} {self.g.pick('*', '#', '-', '.')} {text}\n"

    def line(self, message):
        g = self.g
        if g.num(0, 1):
            return self.redis(message)
        return f"[{self.stamp('%Y-%m-%d %H:%M:%S', 0, '')},{g.num(0, 999):03}] {g.pick('INFO', 'WARN', 'ERROR')} [{g.pick('ReplicaManager broker=1', 'GroupCoordinator 2', 'Log partition=orders-3')}] {message} (kafka.server.{g.pick('ReplicaManager', 'KafkaServer')})\n"

    BENIGN = (
        lambda s: s.redis(f"Background saving started by pid {s.g.num(10, 9999)}"),
        lambda s: s.redis(f"DB saved on disk; master_replid:{s.g.hex(40)} offset {s.g.num(1, 10**9)}"),
        lambda s: s.redis("Warning: no config file specified; requirepass is not set, AUTH required: no"),
        lambda s: f"{s.tick().timestamp():.6f} [0 {s.g.ip()}:{s.g.num(1024, 65000)}] \"SETEX\" \"session:{s.g.uuid()}\" \"3600\" \"1\"\n",
        lambda s: f"{s.tick().timestamp():.6f} [0 {s.g.ip()}:{s.g.num(1024, 65000)}] \"GET\" \"cache:key:{s.g.hex(40)}\"\n",
        lambda s: s.redis(f"ConfigEntry(name=ssl.keystore.password, value=[hidden], source=STATIC_BROKER_CONFIG) sasl.jaas.config=[hidden]"),
        lambda s: s.redis(f"Member consumer-{s.g.service()}-1-{s.g.uuid()} joined group {s.g.service()}@v2, cluster id {s.g.b64url(16)}"),
    )
    SECRETS = (
        lambda s: f"{s.tick().timestamp():.6f} [0 {s.g.ip()}:{s.g.num(1024, 65000)}] \"SET\" \"login:{s.g.num(1, 999)}\" \"{s.g.jwt()}\"\n",
        lambda s: s.redis(f"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"app\" {s.g.assign('password', 'password', s.g.password(), QUOTED)};"),
        lambda s: s.redis(f"ssl.keystore.{s.g.assign('password', 'password', s.g.password())}"),
        lambda s: s.redis(f"replica of {s.g.url(scheme='redis')} connected"),
        lambda s: f"{s.tick().timestamp():.6f} [0 {s.g.ip()}:{s.g.num(1024, 65000)}] \"HSET\" \"user:{s.g.num(1, 999)}\" \"email\" \"{s.g.email()}\"\n",
        lambda s: s.redis(f"connector config {dumps({'connector.class': 'JdbcSource', cut_word('connection.password'): secret('password', s.g.password()), 'tasks.max': '1'})}"),
    )


FORMATS = (GitHubActions, GitLabCI, Nginx, Syslog3164, Syslog5424, Kubernetes, DockerJSON, JournalShort, JournalExport, Spring, Python, NodePino,
           NodeConsole, Go, Postgres, CloudAudit, AgentJSONL, AgentConsole, TerraformAnsible, RedisKafka)
