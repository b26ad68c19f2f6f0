"""The pages, in a browser, on a real server. See README.md."""

import html
import json
import os
import re
import struct
import sys
import time
import unittest
import urllib.request
import zlib

sys.path.insert(0, os.path.dirname(__file__))
from browser import Browser
from runner import Pairing, Request, Run
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from server import GitHub, Server

TOP = os.path.join(os.path.dirname(__file__), "../..")
DOMAIN = "@" + "acme.example"
OWNER = "owner" + DOMAIN

# What somebody may write who can have a line in a log. Each calls a function that must never be reached.
HOSTILE = [
    "<script>pwned(1)</script>", "\"><img src=x onerror=pwned(2)>", "'><svg onload=pwned(3)>",
    "{{constructor.constructor('pwned(4)')()}}", "\"\u0301 autofocus tabindex=1 onfocus=pwned(5) x=\"", "javascript:pwned(6)",
    "gnp.\u202etxt.exe\u202c\u2066x\u2069", "</noscript></textarea></title><script>pwned(7)</script>", "--><iframe srcdoc='<script>parent.pwned(8)</script>'>",
    "<a href=javascript:pwned(9)>x</a>", "&lt;script&gt;pwned(10)&lt;/script&gt;", "${pwned(11)}",
]
# What only output can have.
HOSTILE_OUTPUT = [
    "\x1b]8;;javascript:pwned(20)\x07link\x1b]8;;\x07", "\x1b]8;;https://a.example/\"onclick=pwned(21)//\x07link\x1b]8;;\x07",
    "\x1b]52;c;cHduZWQoKQ==\x07", "\x1b]0;<script>pwned(22)</script>\x07", "\x1b[31m<img src=x onerror=pwned(23)>\x1b[0m",
    "[REDACTED:<img src=x onerror=pwned(24)>]", "[REDACTED:jwt\"onclick=pwned(25)]", "\0\x01\x7f\x9b", "\x1bP<script>pwned(26)</script>\x1b\\",
]
PAGES = [
    "/runs", "/runs?text=%3Cscript%3Epwned(30)%3C/script%3E&branch=%22%3E%3Cimg%20src=x%20onerror=pwned(31)%3E&phase='x", "/runs?from=%3Cb%3E",
    "/device", "/device?user_code=%22%3E%3Cscript%3Epwned(32)%3C/script%3E", "/settings/runners", "/settings/members", "/settings/sessions",
    "/settings/audit", "/settings/organization", "/sign-in", "/sign-in/link?token=%22%3E%3Cscript%3E", "/invitation?token=%3Cscript%3E",
    "/runs/nothing", "/runs?before=x",
]


def picture(width, height, colour, box=None):
    """A PNG of one colour, with a box of another in it."""
    rows = []
    for y in range(height):
        row = bytearray(colour * width)
        if box and box[1] <= y < box[3]:
            row[box[0] * 3:box[2] * 3] = bytes((200, 20, 20)) * (box[2] - box[0])
        rows.append(b"\0" + bytes(row))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b""))


class PageTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(os.path.join(TOP, os.environ.get("PIPEMASON_SERVER", ".build/release/pipemason-server")))
        cls.addClassCleanup(cls.server.close)
        cls.browser = Browser(cls.server.url)
        cls.addClassCleanup(cls.browser.close)
        cls.browser.open(cls.server.link)
        cls.browser.submit("main form button")
        cls.token = cls.pair("desk")

    @classmethod
    def pair(cls, name):
        """Pairs a runner in the browser; returns its token."""
        pairing = Pairing(cls.server.url, name)
        cls.browser.open(f"/device?user_code={pairing.code}")
        cls.browser.submit("button[value=approve]")
        return pairing.wait()

    def tearDown(self):
        self.assert_quiet(self.browser)

    def assert_quiet(self, browser):
        """Nothing hostile was reached, and the page broke none of its own rules."""
        reached = browser.js("return window.reached") or []
        self.assertEqual([], reached)
        expected = re.compile(r"status of (40[0-9]|429)|favicon|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING")
        self.assertEqual([], [message for message in browser.console() if not expected.search(message)])

    def run_with(self, title="make test", **more):
        return Run(self.server.url, self.token, title, **more)

    def example(self, title="an example", is_over=True):
        """A run of two iterations: one fails, one succeeds."""
        run = self.run_with(title)
        run.start(("pipemason", "loop"))
        for iteration, status in ((1, "failed"), (2, "succeeded")):
            run.add("iteration.started", {"limit": 3}, None, iteration, after=0.1)
            run.phase("agent", "agent", iteration)
            run.add("agent.message", {"role": "assistant", "text": "I will look at cart.ts"}, "agent", iteration, after=2)
            run.add("agent.usage", {
                "gen_ai.request.model": "model-1", "gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 300,
                "cost": {"micros": 12300, "currency": "USD", "estimate": True}}, "agent", iteration)
            run.end(kind="phase.finished", phase="agent", iteration=iteration, after=1)
            run.phase("test", "test", iteration)
            run.add("command.started", {"command": ["make", "test"]}, "test", iteration)
            for number in range(40):
                run.output(f"\x1b[32m✓\x1b[0m case {iteration}.{number}\r\n", "test", iteration, "tty", 0.05)
            run.output("key [REDACTED:github-pat] and [REDACTED:known:NPM]\r\n", "test", iteration, "tty", hits={"github-pat": 1, "known:NPM": 1})
            run.command_end("test", iteration, status, 2 if status == "failed" else 0)
            run.end(status, 2 if status == "failed" else 0, "phase.finished", "test", iteration)
            run.end(status, kind="iteration.finished", iteration=iteration)
        if is_over:
            run.end()
        run.send()
        return run

    def open_run(self, run, browser=None):
        browser = browser or self.browser
        browser.open(f"/runs/{run.id}")
        browser.wait("document.querySelector('.connection').dataset.state !== 'loading'")

    def lines(self, browser=None):
        """The texts of the log's rows that are in the document, from the first to the last."""
        return (browser or self.browser).js("""
            return [...document.querySelectorAll('.space > .row')].sort((a, b) => a.querySelector('.ln').textContent - b.querySelector('.ln').textContent)
                .map((row) => row.querySelector('code').textContent)""")

    # People.

    def test_sign_in(self):
        browser = Browser(self.server.url)
        try:
            browser.open("/settings/audit")
            self.assertTrue(browser.driver.current_url.endswith("/sign-in"))
            answers = []
            for address in (OWNER, "nobody" + DOMAIN):
                browser.open("/sign-in")
                browser.one("#email").send_keys(address)
                browser.submit("main form button")
                answers.append(browser.text().replace(address, "…"))
            self.assertEqual(*answers)
            browser.picture("sign-in-sent")

            link = self.server.sign_in_link(OWNER)
            for _ in range(2):
                browser.open(link)
                self.assertIn(OWNER, browser.text())
            browser.picture("sign-in-link")
            browser.submit("main form button")
            self.assertTrue(browser.driver.current_url.endswith("/settings/audit"), "back to where one wanted to go")
            browser.open(link)
            self.assertIn("not good any more", browser.text())

            browser.open("/runs")
            browser.one(".menu summary").click()
            browser.picture("menu")
            browser.submit("form[action='/sign-out'] button")
            browser.open("/runs")
            self.assertTrue(browser.driver.current_url.endswith("/sign-in"))
            self.assert_quiet(browser)
        finally:
            browser.close()

    def test_passkeys(self):
        """A passkey is made, signs in, and does no more when it is removed. Chromium brings the authenticator."""
        server = Server(self.server.program, "localhost")
        self.addCleanup(server.close)
        browser = Browser(server.url)
        self.addCleanup(browser.close)
        browser.driver.add_virtual_authenticator(VirtualAuthenticatorOptions(
            transport=VirtualAuthenticatorOptions.Transport.INTERNAL, has_resident_key=True, has_user_verification=True,
            is_user_verified=True))
        browser.open(server.link)
        browser.submit("main form button")
        browser.open("/settings/sessions")
        for name in ("laptop", "laptop again"):
            browser.one("[data-passkey=add] input").send_keys(name)
            if name == "laptop":
                browser.submit("[data-passkey=add] button")
                self.assertIn("laptop", browser.text())
        # An authenticator makes one for a person, not two.
        browser.one("[data-passkey=add] button").click()
        browser.wait("!document.querySelector('[data-passkey=add] [role=alert]').hidden")
        self.assertIn("has a passkey of yours already", browser.text())
        browser.picture("passkeys")

        def sign_out():
            browser.open("/runs")
            browser.one(".menu summary").click()
            browser.submit("form[action='/sign-out'] button")

        sign_out()
        browser.open("/settings/audit")
        browser.wait("!document.querySelector('[data-passkey=sign-in]').hidden")
        browser.picture("sign-in-passkey")
        browser.submit("[data-passkey=sign-in] button")
        self.assertTrue(browser.driver.current_url.endswith("/settings/audit"), "back to where one wanted to go")
        self.assertIn("passkey.added", browser.text())

        browser.open("/settings/sessions")
        browser.one("td .menu summary").click()
        browser.submit("form[action$='/remove'] button")
        self.assertNotIn("Last used", browser.text())
        sign_out()
        browser.one("[data-passkey=sign-in] button").click()
        browser.wait("!document.querySelector('[data-passkey=sign-in] [role=alert]').hidden")
        self.assertIn("does not sign anybody in", browser.text())
        self.assert_quiet(browser)

    def test_pairing(self):
        pairing = Pairing(self.server.url, "laptop-7")
        self.browser.open("/device")
        self.browser.one("#code").send_keys(pairing.code.lower().replace("-", " "))
        self.browser.picture("device-code")
        self.browser.submit("main form button")
        text = self.browser.text()
        for fact in (pairing.code, "laptop-7", "127.0.0.1", "Acme"):
            self.assertIn(fact, text)
        self.browser.picture("device-grant")
        self.browser.submit("button[value=deny]")
        self.assertIn("Denied", self.browser.text())
        self.assertEqual("access_denied", pairing.wait())

        self.browser.open("/device?user_code=" + pairing.code)
        self.assertIn("No runner waits", self.browser.text())
        self.assertEqual([], self.browser.all("button[value=approve]"))

    def test_members_invitations_and_sessions(self):
        browser, guest = self.browser, Browser(self.server.url, width=390, height=844)
        try:
            browser.open("/settings/members")
            browser.one("input[name=email]").send_keys("new" + DOMAIN)
            browser.submit("form[action='/settings/invitations'] button")
            link = browser.text("#link")
            browser.picture("members")
            guest.open(link)
            guest.one("#name").clear()
            guest.one("#name").send_keys("New Person")
            guest.picture("invitation-narrow")
            guest.submit("main form button")
            guest.open("/settings/audit")
            self.assertIn("does not allow", guest.text(), "a member does not read the audit log")
            guest.open("/settings/members")
            self.assertEqual([], guest.all("main select"), "a member changes nobody's role")

            browser.open("/settings/members")
            row = next(row for row in browser.all("tr") if "new" + DOMAIN in row.text)
            row.find_element("css selector", "select").send_keys("admin")
            row.find_element("css selector", "form button").click()
            guest.wait(lambda page: page.open("/settings/audit") or "member.role-changed" in page.text())
            guest.picture("audit-narrow")

            browser.open("/settings/members")
            row = next(row for row in browser.all("tr") if "new" + DOMAIN in row.text)
            row.find_element("css selector", "details summary").click()
            row.find_element("css selector", "button.danger").click()
            browser.wait(lambda page: "new" + DOMAIN not in page.text("table"))
            guest.open("/runs")
            self.assertTrue(guest.driver.current_url.endswith("/sign-in"), "who is removed is out at once")
            self.assert_quiet(guest)

            guest.open(self.server.sign_in_link(OWNER))
            guest.submit("main form button")
            browser.open("/settings/sessions")
            browser.picture("sessions")
            other = [row for row in browser.all("tbody tr") if "this one" not in row.text]
            for row in other[:1]:
                self.assertIn("Chrome on", row.text)
            while len(browser.all("tbody tr")) > 1:
                row = next(row for row in browser.all("tbody tr") if "this one" not in row.text)
                page = browser.one("html")
                row.find_element("css selector", "button").click()
                browser.wait(lambda now: now.is_gone(page))
            guest.open("/runs")
            self.assertTrue(guest.driver.current_url.endswith("/sign-in"), "an ended session is over")
        finally:
            guest.close()

    def test_a_revoked_runner_stops(self):
        token = self.pair("to be revoked")
        request = Request(self.server.url, token)
        self.assertEqual(200, request("GET", "/api/v1/runner")[0])
        self.browser.open("/settings/runners")
        row = next(row for row in self.browser.all("tr") if "to be revoked" in row.text)
        self.assertIn("live", row.text)
        row.find_element("css selector", "details summary").click()
        self.browser.picture("runners-revoke")
        row.find_element("css selector", "button.danger").click()
        self.browser.wait(lambda page: any("to be revoked" in row.text and "revoked\n" in row.text + "\n" for row in page.all("tr")))
        self.assertEqual(401, request("GET", "/api/v1/runner")[0])
        self.browser.open("/settings/audit")
        self.assertIn("runner-token.revoked", self.browser.text())
        self.browser.picture("audit")

        self.browser.open("/settings/runners")
        self.browser.one("input[name=name]").send_keys("ci-worker")
        self.browser.one("input[name=days]").send_keys("30")
        self.browser.submit("form[action='/settings/runners'] button")
        made = self.browser.text("#token")
        self.assertEqual(200, Request(self.server.url, made)("GET", "/api/v1/runner")[0])
        self.browser.open("/settings/runners")
        self.assertNotIn(made, self.browser.driver.page_source, "a token is shown once")

    def test_github(self):
        """A person connects GitHub, looks for repositories, is told how far tokens reach, and disconnects, which ends the grant there."""
        modes = (
            ((), "oauth-expiring", "an OAuth App cannot ask for less than all of them", "all repositories that you reach", "eight hours at most", "no: "),
            (("--app",), "installation", "in the repositories that it is installed on", "the one repository of the run", "one hour at most", "yes: "),
        )
        for arguments, mode, asked, reach, life, per_operation in modes:
            with self.subTest(mode):
                github = GitHub(os.path.join(TOP, os.environ.get("PIPEMASON_GITHUB", ".build/debug/github-stand-in")), "--services", "70", *arguments)
                self.addCleanup(github.close)
                server = Server(self.server.program, settings=github.settings)
                self.addCleanup(server.close)
                browser = Browser(server.url)
                self.addCleanup(browser.close)
                browser.open(server.link)
                browser.submit("main form button")

                browser.open("/settings/github")
                self.assertIn(asked, browser.text())
                self.assertEqual([], browser.violations())
                browser.picture(f"github-{mode}-offer")
                browser.submit("form[action='/settings/github/connect'] button")
                # There and back again: nobody is left at GitHub's.
                self.assertEqual("/settings/github?outcome=connected", browser.js("return location.pathname + location.search"))
                self.assertEqual("GitHub is connected.", browser.text("[role=status]"))

                facts = dict(zip((term.text for term in browser.all(".facts dt")), (fact.text for fact in browser.all(".facts dd"))))
                self.assertEqual(f"mona at {github.url}", facts["Account"])
                self.assertEqual(mode, facts["Mode"])
                self.assertEqual("Scopes" in facts, mode.startswith("oauth"))
                self.assertIn(reach, facts["It reaches"])
                self.assertIn(life, facts["A token lives"])
                self.assertTrue(facts["Per operation"].startswith(per_operation), facts)
                self.assertEqual([], browser.violations())
                browser.picture(f"github-{mode}")

                def names():
                    return [cell.text for cell in browser.all("tbody td.main")]

                pages = [names()]
                self.assertEqual(50, len(pages[0]))
                browser.submit("nav.pages a[rel=next]")
                pages.append(names())
                self.assertEqual([], browser.all("nav.pages a[rel=next]"))
                every = pages[0] + pages[1]
                self.assertEqual((72, 72), (len(every), len(set(every))))
                browser.submit("nav.pages a")
                self.assertEqual(pages[0], names())

                browser.one("input[name=text]").send_keys("PRIVATE-project")
                browser.submit("form[action='/settings/github'] button")
                self.assertEqual(["mona/private-project"], names())
                self.assertEqual("PRIVATE-project", browser.one("input[name=text]").get_attribute("value"))
                browser.open("/settings/github?text=%3Cscript%3Epwned(60)%3C/script%3E")
                self.assertEqual([], names())
                self.assertIn("None with this name", browser.text())

                self.assertEqual(0, github.count("revoke grant"))
                browser.one("main details.menu summary").click()
                browser.picture(f"github-{mode}-disconnect")
                browser.submit("form[action='/settings/github/disconnect'] button")
                self.assertEqual("GitHub is disconnected; the authorization there has ended.", browser.text("[role=status]"))
                self.assertIn("Connect GitHub", browser.text())
                github.wait(lambda _: github.count("revoke grant") == 1)
                browser.open("/settings/audit")
                for action in ("github.connected", "github.disconnected"):
                    self.assertIn(action, browser.text())
                self.assert_quiet(browser)

    def test_organization(self):
        self.browser.open("/settings/organization")
        name = self.browser.one("#name")
        name.clear()
        name.send_keys("Acme & Söhne")
        self.browser.one("#retention").clear()
        self.browser.one("#retention").send_keys("90")
        self.browser.submit("form[action='/settings/organization'] button")
        self.assertEqual("Acme & Söhne", self.browser.text(".organization"))
        self.assertEqual("90", self.browser.one("#retention").get_attribute("value"))
        self.browser.picture("organization")

    # Runs.

    def test_list_filters_and_pages(self):
        for number in range(53):
            run = self.run_with(f"listed {number}", branch="odd" if number % 2 else "even")
            run.start(branch=None)
            run.phase("deploy" if number == 7 else "test")
            if number % 3 == 0:
                run.end("failed", 1)
            run.send()
        browser = self.browser
        browser.open("/runs?text=listed")
        self.assertEqual(50, len(browser.all("tbody tr")))
        self.assertIn("listed 52", browser.text("tbody tr"))
        browser.submit("a[rel=next]")
        self.assertEqual(3, len(browser.all("tbody tr")))
        browser.submit(".pages a")
        browser.one("#branch").send_keys("odd")
        browser.one("#status").send_keys("failed")
        browser.submit(".filters button")
        self.assertEqual(9, len(browser.all("tbody tr")))
        self.assertTrue(all("odd" in row.text and "failed" in row.text for row in browser.all("tbody tr")))
        self.assertEqual("odd", browser.one("#branch").get_attribute("value"), "the form keeps what was asked for")
        browser.open("/runs?text=listed&phase=deploy")
        self.assertEqual(["listed 7"], [link.text for link in browser.all("tbody a")])
        today, tomorrow = (time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400)) for days in (0, 1))
        browser.open(f"/runs?text=listed&from={today}&to={today}")
        self.assertEqual(50, len(browser.all("tbody tr")))
        browser.open(f"/runs?from={tomorrow}")
        self.assertIn("No run fits", browser.text())
        browser.open("/runs?from=yesterday")
        self.assertIn("not a date", browser.text())
        browser.open("/runs")
        browser.picture("runs")

    def test_live(self):
        run = self.run_with("live")
        run.start()
        run.send()
        self.open_run(run)
        browser = self.browser
        browser.wait("document.querySelector('.connection').dataset.state === 'live'")
        delays = []
        for number in range(20):
            begin = time.monotonic()
            run.output(f"line {number}\n")
            run.send()
            browser.wait(f"[...document.querySelectorAll('.row code')].some((code) => code.textContent === 'line {number}')")
            delays.append(time.monotonic() - begin)
        self.assertLess(sorted(delays)[10], 1, delays)

        run.output("Continue? ")
        run.send()
        browser.wait("[...document.querySelectorAll('.row code')].at(-1).textContent === 'Continue? '")
        run.output("\rDone.\x1b[K\n")
        run.phase("build", "build")
        run.send()
        browser.wait("document.querySelector('.phases li')?.dataset.status === 'running'")
        self.assertEqual("Done.", next(line for line in self.lines() if "D" in line))
        self.assertEqual("build", browser.text("[data-field=phase]"))
        browser.picture("live")

        # The server goes away and comes back: nothing is lost, nothing is there twice.
        self.server.stop()
        browser.wait("document.querySelector('.connection').dataset.state === 'lost'")
        self.server.start()
        for number in range(20, 30):
            run.output(f"line {number}\n")
        run.end("failed", 3, reason="it was meant to")
        run.send()
        browser.wait("document.querySelector('.connection').dataset.state === 'over'", 30)
        self.assertEqual([f"line {number}" for number in range(30)], [line for line in self.lines() if line.startswith("line ")])
        self.assertEqual("failed", browser.text(".head .status"))
        self.assertIn("it was meant to", self.lines()[-1])
        streams = browser.js("return performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/stream')).length")
        self.assertLessEqual(streams, 3, "one stream a page, and its way back")

    def test_log(self):
        self.open_run(self.example())
        browser = self.browser
        self.assertEqual("succeeded", browser.text(".head .status"))
        self.assertEqual("2,400 in · 600 out", browser.text("[data-field=tokens]"))
        self.assertEqual("0.0246 USD est.", browser.text("[data-field=cost]"))
        self.assertEqual("4", browser.text("[data-field=redactions]"))
        self.assertEqual(["github-pat\n2", "known:NPM\n2"], sorted(chip.text for chip in browser.all(".chip")))
        self.assertEqual(["succeeded", "failed", "succeeded", "succeeded"], [item.get_attribute("data-status") for item in browser.all(".phases li")])

        browser.one(".log").click()
        browser.keys("f")
        self.assertIn("command failed, exit status 2", browser.text(".row.selected code"))
        browser.picture("log-failure")
        browser.keys("f")
        self.assertIn("test failed", browser.text(".row.selected code"))
        browser.keys("[")
        self.assertIn("test", browser.text(".row.selected code"))

        browser.keys("/")
        browser.keys("CASE 2.1")
        browser.wait("document.querySelector('.found').textContent === '1/11'")
        browser.keys(Keys.ENTER)
        self.assertEqual("2/11", browser.text(".found"))
        browser.keys(Keys.SHIFT + Keys.ENTER)
        self.assertEqual("1/11", browser.text(".found"))
        self.assertEqual("case 2.1", browser.text(".hit.current"))
        browser.picture("log-search")
        browser.keys(Keys.ESCAPE)
        self.assertEqual("", browser.text(".found"))

        browser.keys("g")
        self.assertEqual("false", browser.one(".follow").get_attribute("aria-pressed"))
        browser.all(".chip")[0].click()
        browser.wait("document.querySelectorAll('mark.tr').length > 0")
        mark = browser.one("mark.tr")
        self.assertIn("redacted by rule", mark.get_attribute("title"))
        self.assertRegex(browser.js("return arguments[0].textContent", mark), r"^\[REDACTED:[a-zA-Z:-]+\]$")
        browser.js("document.activeElement.blur()")
        browser.keys("G")
        browser.wait("document.querySelector('.follow').getAttribute('aria-pressed') === 'true'")
        browser.keys("w")
        self.assertIn("nowrap", browser.one(".log").get_attribute("class"))
        browser.keys("w")
        browser.keys("t")
        self.assertTrue(browser.one(".at").is_displayed())
        browser.keys("t")
        browser.keys("?")
        self.assertTrue(browser.one("dialog.keys").is_displayed())
        browser.picture("keys")
        browser.keys(Keys.ESCAPE)
        self.assertFalse(browser.one("dialog.keys").is_displayed())

        address = browser.driver.current_url.split("#")[0]
        browser.open("/runs")
        browser.open(address + "#L12")
        browser.wait("document.querySelector('.row.selected .ln')?.textContent === '12'")

    def test_replay(self):
        self.open_run(self.example())
        browser = self.browser
        whole = self.lines()
        self.assertIn("run succeeded", whole[-1])

        def scrub(part):
            browser.js("""const scrubber = document.querySelector('.scrubber'); scrubber.value = scrubber.max * arguments[0];
                scrubber.dispatchEvent(new Event('input'));""", part)
            browser.js("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

        scrub(0.4)
        self.assertEqual("running", browser.text(".head .status"))
        self.assertTrue(browser.one(".to-end").is_displayed())
        middle = self.lines()
        self.assertNotIn("run succeeded", middle[-1])
        browser.picture("replay")
        scrub(0.7)
        scrub(0.4)
        self.assertEqual(middle, self.lines(), "back at the same time is the same log")
        scrub(0)
        self.assertEqual(1, len(self.lines()))
        browser.one(".to-end").click()
        browser.wait("document.querySelector('.head .status').textContent === 'succeeded'")
        self.assertEqual(whole, self.lines())

        browser.one(".speed").send_keys("8×")
        browser.js("document.activeElement.blur()")
        browser.keys(" ")
        browser.wait("document.querySelector('.play').getAttribute('aria-label') === 'Pause'")
        browser.wait("document.querySelector('.play').getAttribute('aria-label') === 'Play' && document.querySelector('.head .status').textContent === 'succeeded'")
        self.assertEqual(whole, self.lines())
        browser.keys(Keys.ARROW_LEFT)
        browser.wait("document.querySelector('.head .status').textContent === 'running'")

    def test_a_hundred_thousand_lines(self):
        run = self.run_with("long")
        run.start()
        for block in range(1000):
            run.output("".join(f"line {block * 100 + number:06d} of a long log, with some words in it\n" for number in range(100)), after=0.01)
        run.end()
        run.send()
        begin = time.monotonic()
        self.open_run(run)
        browser = self.browser
        browser.wait("document.querySelector('.connection').dataset.state === 'over'", 60)
        loaded = time.monotonic() - begin
        self.assertLess(len(browser.all(".row")), 250, "rows near the window only")
        figures = browser.js("""
            const box = document.querySelector('.log');
            const time = (work) => { const begin = performance.now(); work(); box.getBoundingClientRect(); return performance.now() - begin; };
            const scrolls = Array.from({ length: 50 }, (_, index) => time(() => { box.scrollTop = box.scrollHeight * index / 50; box.dispatchEvent(new Event('scroll')); }));
            const query = document.querySelector('.search input');
            query.value = 'line 0777';
            const search = time(() => document.querySelector('.search').requestSubmit());
            const scrubber = document.querySelector('.scrubber');
            const seeks = [0.9, 0.1, 0.5, 0.2].map((part) => time(() => { scrubber.value = scrubber.max * part; scrubber.dispatchEvent(new Event('input')); }));
            return { scroll: scrolls.sort((a, b) => a - b)[25], search, seek: Math.max(...seeks), found: document.querySelector('.found').textContent };
            """)
        print(f"\n100,000 lines: loaded in {loaded:.1f} s; a scroll takes {figures['scroll']:.0f} ms, a search {figures['search']:.0f} ms, "
              f"a jump in time {figures['seek']:.0f} ms", file=sys.stderr)
        self.assertTrue(figures["found"].endswith("/100"), figures)
        self.assertLess(figures["scroll"], 100, "usable")
        self.assertLess(figures["search"], 1000, "usable")
        self.assertLess(figures["seek"], 3000, "usable")
        browser.one(".to-end").click()
        browser.js("document.querySelector('.log').scrollTop = 50000 * 20")
        browser.wait("[...document.querySelectorAll('.row code')].some((code) => /^line 0(49|50)/.test(code.textContent))")

    def test_artifacts(self):
        run = self.run_with("pictures")
        run.start()
        run.artifact("cart-before.png", picture(64, 48, b"\xf0\xf0\xf0"), "image/png")
        run.artifact("cart-after.png", picture(64, 48, b"\xf0\xf0\xf0", (8, 8, 24, 20)), "image/png")
        drawing = b"<svg xmlns='http://www.w3.org/2000/svg' onload='top.pwned(40)'><script>top.pwned(41)</script></svg>"
        self.assertIsNone(run.artifact("refused.svg", drawing, "image/svg+xml"))
        svg = run.artifact("drawing.svg", drawing, "application/octet-stream")
        page = run.artifact("report.html", b"<script>top.pwned(42)</script>", "text/plain")
        run.end()
        run.send()
        self.open_run(run)
        browser = self.browser
        self.assertEqual(["cart-before.png", "cart-after.png"], [image.get_attribute("alt") for image in browser.all(".gallery img")])
        browser.wait("document.querySelectorAll('.stage img').length === 2 && [...document.querySelectorAll('.stage img')].every((image) => image.naturalWidth === 64)")
        browser.js("document.querySelector('.artifacts').scrollIntoView()")
        browser.picture("artifacts-sides")
        browser.one("input[value=swipe]").click()
        browser.wait("document.querySelector('.over img')?.style.clipPath.includes('50%')")
        browser.picture("artifacts-swipe")
        browser.one("input[value=difference]").click()
        browser.wait("document.querySelector('.verdict').textContent.startsWith('192 pixels differ (6.25 %)')")
        browser.picture("artifacts-difference")
        for digest in (svg, page):
            # Opened by itself it is saved, and the page stays where it was.
            browser.open(f"/api/v1/runs/{run.id}/artifacts/{digest}")
            self.assertEqual(f"/runs/{run.id}", browser.js("return location.pathname"))
        self.open_run(run)
        self.assertEqual([], browser.all("iframe, object, embed, img[src*='" + svg + "']"))

    def test_cancel(self):
        run = self.run_with("to be cancelled")
        run.start()
        run.send()
        self.open_run(run)
        self.browser.one(".cancel summary").click()
        self.browser.picture("cancel")
        self.browser.submit(".cancel button")
        self.assertIn("asked to cancel", self.browser.text())
        status, answer = Request(self.server.url, self.token)("GET", f"/api/v1/runs/{run.id}/commands?wait=0")
        self.assertIn(b"cancel", answer)
        run.end("cancelled", 130)
        run.send()
        self.browser.wait("document.querySelector('.head .status').textContent === 'cancelled'")

    # What must not happen.

    def hostile_run(self):
        """A run with hostile text wherever a line has room for text."""
        run = self.run_with("".join(HOSTILE)[:500], branch=HOSTILE[1])
        run.start(HOSTILE, branch=HOSTILE[2])
        for number, text in enumerate(HOSTILE):
            run.phase(text, iteration=number + 1)
            run.add("command.started", {"command": [text, text]}, text)
            for stream in ("stdout", "stderr", "tty"):
                for line in [text] + HOSTILE_OUTPUT:
                    run.output(line + "\n", text, None, stream, hits={text: 1})
            run.add("agent.message", {"role": "tool", "text": text + "\n" + text}, text)
            run.add("agent.x", {text: [text, {text: text}]}, text)
            run.add("agent.usage", {
                "gen_ai.provider.name": text, "gen_ai.request.model": text, "gen_ai.usage.input_tokens": 1,
                "gen_ai.usage.output_tokens": 1}, text)
            run.add("command.finished", {
                "status": "failed", "exit": 1, "reason": text, "output_bytes": 1, "cpu_us": 1, "max_rss_kib": 1}, text)
            run.end("failed", 1, "phase.finished", text, reason=text)
        for number, name in enumerate(text for text in HOSTILE if "/" not in text):
            run.artifact(name, picture(8 + number, 8, b"\x10\x20\x30"), "image/png")
        run.end("failed", 1, reason=HOSTILE[0])
        run.send()
        return run

    def assert_harmless(self, browser, path):
        found = browser.js("""
            const ours = (url, path) => new URL(url, location).origin === location.origin && new URL(url, location).pathname.startsWith(path);
            return [...document.querySelectorAll('*')].filter((element) =>
                element.localName === 'script' && !ours(element.getAttribute('src') ?? 'x:', '/assets/')
                || ['iframe', 'object', 'embed', 'base'].includes(element.localName)
                || element.localName === 'img' && !ours(element.src, '/assets/') && !ours(element.src, '/api/')
                || [...element.attributes].some((attribute) => attribute.name.startsWith('on') || /^\\s*javascript:/i.test(attribute.value)
                    && ['href', 'src', 'action', 'formaction'].includes(attribute.name)))
                .map((element) => element.outerHTML.slice(0, 200))""")
        self.assertEqual([], found, path)
        self.assertNotRegex(html.unescape(browser.driver.page_source), "[\u202a-\u202e\u2066-\u2069]", "nothing turns the direction of text around")
        self.assert_quiet(browser)

    def test_hostile_text_stays_text(self):
        browser = self.browser
        token = self.pair("\"><img src=x onerror=pwned(50)>"[:100])
        self.assertTrue(token.startswith("pm"), token)
        browser.open("/settings/members")
        browser.one("input[name=email]").send_keys("hostile" + DOMAIN)
        browser.submit("form[action='/settings/invitations'] button")
        link = browser.text("#link")
        guest = Browser(self.server.url)
        try:
            guest.open(link)
            self.assertTrue(guest.all("#name"), guest.text())
            guest.js("document.querySelector('#name').value = arguments[0]", HOSTILE[4] + HOSTILE[0])
            guest.submit("main form button")
            guest.open("/runs")
            self.assert_harmless(guest, "a person's own name")
        finally:
            guest.close()

        run = self.hostile_run()
        self.open_run(run)
        browser.wait("document.querySelector('.connection').dataset.state === 'over'")
        lines = browser.js("return Number(document.querySelector('.space').style.height.replace('px', '')) / 20")
        for part in range(0, 101, 4):
            browser.js("const box = document.querySelector('.log'); box.scrollTop = box.scrollHeight * arguments[0]", part / 100)
            browser.js("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            self.assert_harmless(browser, f"the log at {part} %")
        self.assertGreater(lines, 300)
        browser.js("document.querySelector('.log').scrollTop = 0")
        browser.one(".search input").send_keys("<script>")
        browser.wait("document.querySelectorAll('.hit').length > 0")
        self.assert_harmless(browser, "a search")
        browser.picture("hostile")

        for path in PAGES + [f"/runs/{run.id}", f"/runs/{run.id}/log", f"/runs/{run.id}/log?after=200", "/runs?text=script"]:
            browser.open(path)
            self.assert_harmless(browser, path)

    def test_answers_forbid_what_pages_do_not_need(self):
        for path in ("/sign-in", "/runs/nothing", "/sign-in/link?token=x"):
            try:
                answer = urllib.request.urlopen(self.server.url + path)
            except urllib.error.HTTPError as error:
                answer = error
            policy = answer.headers["Content-Security-Policy"]
            self.assertNotIn("unsafe", policy)
            for directive in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"):
                self.assertIn(directive, policy, path)
            self.assertEqual("nosniff", answer.headers["X-Content-Type-Options"])
            self.assertEqual("no-store", answer.headers["Cache-Control"])
            self.assertEqual("same-origin", answer.headers["Cross-Origin-Opener-Policy"])

    def test_without_scripts(self):
        run = self.hostile_run()
        long = self.example("for readers without scripts")
        browser = Browser(self.server.url, scripts=False)
        try:
            browser.open(self.server.sign_in_link(OWNER))
            browser.submit("main form button")
            for path in PAGES + [f"/runs/{run.id}", f"/runs/{run.id}/log"]:
                browser.open(path)
                self.assertTrue(browser.text("h1"), path)
            browser.open(f"/runs/{long.id}")
            self.assertIn("case 2.39", browser.text(".log"))
            self.assertIn("github-pat", browser.text(".log"))
            browser.picture("run-without-scripts")
            browser.open(f"/runs/{long.id}/log")
            for text in ("make test", "case 1.0", "run succeeded"):
                self.assertIn(text, browser.text(".log"))
            browser.picture("log-without-scripts")
            browser.open(f"/runs/{run.id}/log")
            seen = browser.text(".log")
            while browser.all("a[rel=next]"):
                browser.submit("a[rel=next]")
                seen += browser.text(".log")
            for text in ("<script>pwned(1)</script>", "txt.exe"):
                self.assertIn(text, seen)
            self.assertNotRegex(seen, "[\u202a-\u202e\u2066-\u2069]")
            browser.open("/runs")
            browser.one("#text").send_keys("readers")
            browser.submit(".filters button")
            self.assertIn("for readers without scripts", browser.text("tbody"))
        finally:
            browser.close()

    # For everybody.

    def test_accessibility(self):
        run = self.example("for everybody")
        artifacts = self.run_with("with pictures")
        artifacts.start()
        artifacts.artifact("a-before.png", picture(32, 32, b"\xff\xff\xff"), "image/png")
        artifacts.artifact("a-after.png", picture(32, 32, b"\xff\x00\xff"), "image/png")
        artifacts.end()
        artifacts.send()
        pairing = Pairing(self.server.url, "for everybody")
        paths = [path for path in PAGES if "pwned" not in path] + [
            f"/runs/{run.id}", f"/runs/{artifacts.id}", f"/runs/{run.id}/log", f"/device?user_code={pairing.code}"]
        for width, dark in ((1360, False), (390, True)):
            browser = Browser(self.server.url, width, 844, dark)
            try:
                link = self.server.sign_in_link(OWNER)
                browser.open(link)
                self.assertEqual([], browser.violations(), "the link's page")
                browser.submit("main form button")
                for path in paths:
                    browser.open(path)
                    if browser.all("[data-run]"):
                        browser.wait("document.querySelector('.connection').dataset.state === 'over'")
                    self.assertEqual([], browser.violations(), f"{path} at {width}")
                    self.assertLessEqual(browser.js("return document.documentElement.scrollWidth"), width, f"{path} is wider than the window")
                    name = re.sub(r"[^a-z]+", "-", path.split("?")[0].replace(run.id, "run").replace(artifacts.id, "artifacts")).strip("-")
                    browser.picture(f"{'narrow-dark' if dark else 'desktop'}-{name or 'start'}")
                self.assert_quiet(browser)
            finally:
                browser.close()

    def test_keyboard(self):
        self.open_run(self.example())
        browser = self.browser
        browser.js("document.activeElement.blur(); window.scrollTo(0, 0)")
        browser.keys(Keys.TAB)
        self.assertEqual("Skip to content", browser.js("return document.activeElement.textContent"))
        order, seen = [], set()
        for _ in range(60):
            browser.keys(Keys.TAB)
            place = browser.js("""const element = document.activeElement; const box = element.getBoundingClientRect();
                return [element.localName + '.' + element.className, element.tabIndex, box.width * box.height > 0, element.id]""")
            if place[0] == "body." or place[0] + place[3] in seen and place[0].startswith("a.skip"):
                break
            seen.add(place[0] + place[3])
            order.append(place)
        self.assertTrue(all(visible for _, _, visible, _ in order), order)
        names = [name for name, *_ in order]
        for earlier, later in (("a.brand", "button.play"), ("button.play", "button.follow"), ("button.follow", "div.log")):
            self.assertLess(names.index(earlier), names.index(later))
        self.assertFalse([name for name in names if name == "a.ln"], "a thousand line numbers are no stops")

    def test_scripts_read_terminals_as_the_server_does(self):
        vectors = json.load(open(os.path.join(TOP, "Tests/TerminalTextTests/vectors.json"), encoding="utf8"))
        self.browser.open("/sign-in")
        version = re.search(r"/assets/([0-9a-f]+)/", self.browser.driver.page_source)[1]
        self.browser.driver.set_script_timeout(120)
        answers = self.browser.driver.execute_async_script("""
            const [vectors, path, done] = arguments;
            import(path).then(({ TerminalText, appendLine }) => done(vectors.map((vector) => {
                const bytes = vector.x === undefined ? new Uint8Array(vector.bytes) : new Uint8Array(vector.x + 1).fill(120, 0, vector.x).fill(10, vector.x);
                return (vector.x === undefined ? [bytes.length, 1, 7] : [bytes.length]).map((size) => {
                    const terminal = new TerminalText();
                    for (let at = 0; at < bytes.length; at += size) terminal.writeBytes(bytes.slice(at, at + size));
                    terminal.finish();
                    return terminal.takeLines().map((line) => {
                        const element = document.createElement('div');
                        appendLine(element, line);
                        return vector.x === undefined ? element.innerHTML : element.textContent.length;
                    });
                });
            })), (error) => done(String(error)));
            """, vectors, f"/assets/{version}/terminal.js")
        self.assertEqual(len(vectors), len(answers), answers)
        for vector, pieces in zip(vectors, answers):
            expected = vector["lengths"] if "x" in vector else [serialized(line) for line in vector["html"]]
            for lines in pieces:
                self.assertEqual(expected, lines, vector)


def serialized(markup):
    """Markup of ours as a browser writes it: fewer characters are escaped (HTML Standard, 13.3)."""
    def text(part):
        return html.unescape(part).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\u00a0", "&nbsp;")

    def tag(part):
        return re.sub(r'="([^"]*)"', lambda value: '="' + text(value[1]).replace('"', "&quot;") + '"', part)

    return "".join(tag(part) if part.startswith("<") else text(part) for part in re.split(r"(<[^>]*>)", markup))


if __name__ == "__main__":
    unittest.main()
