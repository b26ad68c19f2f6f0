"""Headless Chromium, with what every test wants to know of a page."""

import glob
import os
import sys
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

AXE = glob.glob(os.path.join(sys.prefix, "lib/python3*/site-packages/axe_core_python/axe.min.js"))


class Browser:
    def __init__(self, url, width=1360, height=900, dark=False, scripts=True):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--window-size={width},{height}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.url = url
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if dark else "no-preference"}]})
        # Hostile text in this test calls these; none of them may ever be reached.
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
            window.reached = [];
            for (const name of ["alert", "confirm", "prompt", "open"]) window[name] = (text) => window.reached.push(name + text);
            window.pwned = (text) => window.reached.push("pwned " + text);
            document.addEventListener("securitypolicyviolation", (event) => window.reached.push("blocked " + event.violatedDirective + " " + event.sample));
        """})

    def close(self):
        self.driver.quit()

    def open(self, path):
        self.driver.get(path if path.startswith("http") else self.url + path)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector="main"):
        return self.one(selector).text

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def keys(self, keys):
        self.driver.switch_to.active_element.send_keys(keys)

    def wait(self, condition, seconds=20):
        """Waits for a condition that is a script's expression, or a function of the browser."""
        test = (lambda _: self.js(f"return {condition}")) if isinstance(condition, str) else (lambda _: condition(self))
        # An element may go while it is asked: the page is asked again.
        return WebDriverWait(self.driver, seconds, 0.02, [StaleElementReferenceException]).until(
            test, f"waited for {condition} at {self.driver.current_url}")

    def submit(self, selector):
        """Clicks a button that leads to another page, and waits for that."""
        page = self.one("html")
        self.one(selector).click()
        WebDriverWait(self.driver, 20, 0.02).until(lambda _: self.is_gone(page))

    def is_gone(self, element):
        try:
            element.tag_name
            return False
        except Exception:
            return True

    def console(self):
        """Warnings and errors since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def violations(self):
        """What axe-core finds wrong with the page for people who use it otherwise (WCAG 2.1 AA)."""
        self.driver.set_script_timeout(60)
        self.js(open(AXE[0], encoding="utf8").read())
        return self.driver.execute_async_script("""
            const done = arguments[0];
            axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }).then((result) =>
                done(result.violations.flatMap((violation) => violation.nodes.map((node) => violation.id + " " + node.target.join(" ")))));
            """)

    def picture(self, name):
        directory = os.environ.get("PIPEMASON_SCREENSHOTS")
        if directory:
            time.sleep(0.3)
            self.driver.save_screenshot(os.path.join(directory, name + ".png"))
