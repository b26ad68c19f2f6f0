"""The demo input: one terminal's worth of a bad morning, from many programs."""

from formats import (AgentConsole, AgentJSONL, CloudAudit, DockerJSON, GitHubActions, GitLabCI, Go, Kubernetes, Nginx, NodePino, Postgres, Python, Spring,
                     Syslog3164, TerraformAnsible, colour, dumps)
from material import BASE62, CUT, HEX, YAML, cut_word, secret


def demo(g):
    ci, web, k8s, box, app, db = GitHubActions(g), Nginx(g), Kubernetes(g), DockerJSON(g), Spring(g), Postgres(g)
    sys, py, node, go, audit, agent = Syslog3164(g), Python(g), NodePino(g), Go(g), CloudAudit(g), AgentJSONL(g)
    return "".join((
        ci.line(colour("36;1", "▶ ./deploy.sh production")),
        ci.line("Syncing repository: brackenfield/app"),
        ci.line(f"[command]/usr/bin/git checkout --progress --force {g.hex(40)}"),
        ci.line(f"uses: actions/cache@{g.hex(40)} # v4.0.2"),
        ci.line("env:"),
        ci.line(f"  GITHUB_TOKEN: {colour('33', g.tok('github-pat'))}"),
        ci.line(f"  AWS_ACCESS_KEY_ID: {g.tok('aws-id')}"),
        ci.line(f"  {g.assign('AWS_SECRET_ACCESS_KEY', 'aws-secret', g.aws_secret(), YAML)}"),
        ci.line(f"  NODE_AUTH_TOKEN: {g.tok('npm')}"),
        ci.line(f"  CACHE_KEY: node-{g.hex(64)}"),
        ci.line(colour("32", "✓") + f" 214 passed, 0 failed, tokens used: {g.num(1000, 9000)}"),
        "".join(f"\r{colour('36', '━' * n * 4)}{' ' * (40 - n * 4)} {n * 10:3}% uploading" for n in range(0, 11, 2)) + "\n",
        f"$ docker push registry.internal/shop/app\nlatest: digest: sha256:{g.hex(64)} size: 2841\n",
        f"$ psql {g.url(scheme='postgres')} -c 'select 1'\n",
        f"remote: https:/{CUT}/oauth{CUT}2:{g.tok('gitlab-pat')}{CUT}@gitlab.internal/brackenfield/app.git\n",
        "$ git push git@github.com:brackenfield/app.git HEAD\n",
        web.access("/static/img/logo@2x.png", status=200),
        web.access(f"/api/v2/orders/{g.uuid()}", status=200),
        web.access(f"/files/export?access_{CUT}token={g.jwt()}", status=200),
        web.access(f"/newsletter?email={secret('email', f'noor.chen{CUT}%40{CUT}tidewaterbooks.net')}&src=web", status=204),
        web.line(f"http header: \"{cut_word('Cookie')}: {cut_word('sessionid')}={secret('cookie', g.tail(HEX, 32))}; {cut_word('csrftoken')}={secret('cookie', g.tail(BASE62, 32))}\""),
        sys.prefix("sshd") + f"Failed password for root from {g.ip()} port 51234 ssh2\n",
        sys.prefix("systemd") + "Started user@1000.service - User Manager for UID 1000.\n",
        sys.prefix("postfix/smtp") + f"4F1A2C09B3: to=<{g.email()}>, relay=mx.internal[10.0.0.25]:25, dsn=2.0.0, status=sent\n",
        node.request(headers={cut_word("authorization"): cut_word("Bearer") + " " + secret("authorization", g.tail(BASE62, 44)), "x-request-id": g.uuid()}),
        node.pino(body={"username": "svc", cut_word("password"): secret("password", g.password())}, msg="login"),
        node.pino(usage={"prompt_tokens": 812, "completion_tokens": 64}, max_tokens=4096, msg="completion"),
        box.wrap(f"payment provider rejected key {g.tok('stripe')}"),
        k8s.line(f"\"MountVolume.SetUp failed for volume\" err=\"secret \\\"orders-credentials\\\" not found\" pod=\"{k8s.pod()}\""),
        k8s.line(f"\"Container env\" pod=\"{k8s.pod()}\" env=[{g.assign('DB_PASSWORD', 'password', g.password())} DB_HOST=db.internal]"),
        app.stack("Could not open JDBC connection", "org.postgresql.util.PSQLException: FATAL: jdbc:postgresql://db.internal/orders?user=app&"
                  f"{g.assign('password', 'password', g.password())} rejected"),
        app.head("released lock com.brackenfield.orders.Lease@6d1e7682"),
        py.head(f"openai.AuthenticationError: Incorrect API key provided: {g.tok('openai')}", "ERROR"),
        f"time={go.stamp()} level=INFO msg=\"slack notifier ready\" token={g.tok('slack-bot')} channel=#deploys\n",
        db.statement(f"INSERT INTO subscribers (email, lang) VALUES ('{g.email()}', 'en')"),
        db.head("password authentication failed for user \"reader\"", "FATAL"),
        audit.event("CreateAccessKey", "iam", {"userName": "ci"}, responseElements={"accessKey": {"accessKeyId": g.tok("aws-id"), "status": "Active"}}),
        "$ cat ~/.ssh/id_ed25519\n" + g.pem(label="OPENSSH PRIVATE KEY") + "\n",
        "$ cat ~/.ssh/id_ed25519.pub\n" + f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{g.b64(32)[:43]} build-agent\n",
        agent.result(f"$ cat .env\n{g.assign('DATABASE_PASSWORD', 'password', g.password())}\nANTHROPIC_API_KEY={g.tok('anthropic')}\nLOG_LEVEL=debug\n"),
        f"  {colour('32', '✔')} done — nothing of this left the machine\n",
        "Password: ",
    ))
