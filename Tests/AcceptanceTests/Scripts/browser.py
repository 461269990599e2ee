"""A headless Chromium that visits the console as a person does: it reads labels, types, and presses buttons.

One browser serves a script. It runs the system's own Chromium, on a profile that is gone afterwards.
"""

import atexit
import base64
import contextlib
import functools
import os
import pathlib
import re
import shutil
import tempfile

import axe_selenium_python.axe
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from harness import FIRST, equal, holds
from server import REPOSITORY

# How long a page may take, in seconds; no test waits for as long unless something is broken.
PATIENCE = 60
# What is longer, in characters, is pasted and not typed.
LONG = 80
WIDTHS = {1280: 900, 390: 844}
THEMES = ("light", "dark")
# Text that would be markup if it was not escaped.
MARKUP = "\"><script>alert(1)</script><img src=x onerror=alert(2)>{{7}}&amp;"
RULES = ["wcag2a", "wcag2aa", "best-practice"]
# axe itself has dropped these since the version that the package ships: boxes of one name need no group, and a fieldset is one.
DROPPED = {"checkboxgroup": {"enabled": False}, "radiogroup": {"enabled": False}}


# The elements of an XPath that can be seen, in one question; an option can where its list can.
SHOWN = """
    const found = document.evaluate(arguments[0], document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
    return Array.from({length: found.snapshotLength}, (_, number) => found.snapshotItem(number)).filter(each => {
        const part = each.closest('option') ? each.closest('select') : each;
        return part.getClientRects().length && part.checkVisibility({visibilityProperty: true, opacityProperty: true});
    });
"""


def screenshots():
    """Where pictures of the pages are left."""
    named = os.environ.get("CHATELAINE_SCREENSHOTS")
    directory = pathlib.Path(named) if named else REPOSITORY / "artifacts" / "screenshots"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _program(*names):
    found = next(filter(None, map(shutil.which, names)), None)
    holds(found, f"none of {names} is on this machine: make install-test-tools")
    return found


@functools.cache
def _driver():
    profile = tempfile.mkdtemp(prefix="chromium-")
    atexit.register(shutil.rmtree, profile, ignore_errors=True)
    options = Options()
    options.binary_location = _program("chromium", "chromium-browser", "google-chrome")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", f"--user-data-dir={profile}"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(_program("chromedriver")))
    # Ends the driver and the browser that it started, before the profile goes.
    atexit.register(driver.quit)
    driver.set_page_load_timeout(PATIENCE)
    driver.set_script_timeout(PATIENCE)
    return driver


@functools.cache
def _axe():
    return pathlib.Path(axe_selenium_python.axe._DEFAULT_SCRIPT).read_text(encoding="utf-8")


@contextlib.contextmanager
def visiting(world, scripts=True):
    """A browser without any cookies, and at the end the certainty that no page made trouble.

    `scripts`: whether pages may run any.
    """
    driver = _driver()
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    driver.get_log("browser")
    browser = Browser(driver, world.endpoint)
    browser.look(1280, "light")
    try:
        yield browser
        browser.holds_no_complaints()
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


class Browser:
    def __init__(self, driver, endpoint):
        self.driver, self.endpoint = driver, endpoint

    # Going places

    def open(self, path):
        self.driver.get(self.endpoint + path)
        return self

    def sign_in(self, account=FIRST, path="/console"):
        """Signs in on the way to a page."""
        self.open(path)
        equal(self.heading, "Sign in")
        self.type("Access key ID", account.access_key_id)
        self.type("Secret access key", account.secret_access_key)
        if account.session_token:
            self.element("//summary[.='Temporary credentials']").click()
            self.type("Session token", account.session_token)
        return self.press("Sign in")

    def press(self, name):
        """Presses the button of this name, and waits for the page that follows."""
        return self._leave_by(f"//button[normalize-space()={_quoted(name)}]")

    def follow(self, name):
        """Follows the link of this name."""
        return self._leave_by(f"//a[normalize-space()={_quoted(name)}]")

    def _leave_by(self, xpath):
        self.leaves(self.element(xpath).click)
        return self

    def leaves(self, act):
        """Does what brings another page, and waits until that is there."""
        page = self.driver.find_element(By.TAG_NAME, "html")
        act()
        wait = WebDriverWait(
            self.driver, PATIENCE, poll_frequency=0.02, ignored_exceptions=[WebDriverException])
        wait.until(expected_conditions.staleness_of(page))
        wait.until(lambda driver: driver.execute_script("return document.readyState") == "complete")

    @property
    def path(self):
        return self.driver.current_url.removeprefix(self.endpoint)

    # Reading

    def element(self, xpath):
        shown = self.driver.execute_script(SHOWN, xpath)
        if len(shown) != 1:
            raise AssertionError(f"one {xpath} and not {len(shown)} on {self.path}:\n{self.text}")
        return shown[0]

    def elements(self, xpath):
        return self.driver.find_elements(By.XPATH, xpath)

    @property
    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    @property
    def heading(self):
        return self.element("//h1").text

    @property
    def notice(self):
        return self.element("//*[@role='status']").text

    @property
    def alert(self):
        return self.element("//*[@role='alert']").text

    def rows(self, column=None):
        """The texts of the table's cells, or of one of its columns."""
        rows = self.driver.execute_script(
            "return [...document.querySelectorAll('tbody tr')].map(r => [...r.cells].map(c => c.innerText.trim()))"
        )
        return rows if column is None else [row[self.columns.index(column)] for row in rows]

    @property
    def columns(self):
        return self.driver.execute_script(
            "return [...document.querySelectorAll('thead th')].map(h => h.innerText.replace(/[▲▼]/, '').trim())"
        )

    # Forms

    def field(self, label):
        """The field that a person finds by its label, or that is called so for those who do not see."""
        text = _quoted(label)
        labelled = f"//*[@id=//label[normalize-space()={text}]/@for]"
        return self.element(f"{labelled} | //label[normalize-space()={text}]//input | //*[@aria-label={text}]")

    def type(self, label, text):
        field = self.field(label)
        field.clear()
        if len(text) > LONG:
            field.click()
            self.driver.execute_cdp_cmd("Input.insertText", {"text": text})
        else:
            field.send_keys(text)
        return self

    def choose(self, label, option):
        Select(self.field(label)).select_by_visible_text(option)
        return self

    def choose_region(self, name):
        return self.choose("Region", name).press("Go")

    def value(self, label):
        """What stands in a field."""
        return self.field(label).get_attribute("value")

    def tick(self, *labels):
        for label in labels:
            self.field(label).click()
        return self

    # Seeing

    def look(self, width, theme):
        """Has the page at this width in pixels, and in the light or dark theme."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": WIDTHS[width], "deviceScaleFactor": 1, "mobile": width < 600},
        )
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        )

    def inspect(self, name):
        """Checks the page at each width in each theme, and leaves a picture of each."""
        try:
            for width in WIDTHS:
                for theme in THEMES:
                    self.look(width, theme)
                    what = f"{name} at {width} pixels, {theme}"
                    self.picture(f"{name}-{width}-{theme}")
                    wide = self.driver.execute_script("return document.documentElement.scrollWidth")
                    holds(wide <= width, f"{what}: the page is {wide} pixels wide")
                    self.holds_accessible(what)
        finally:
            self.look(1280, "light")
        return self

    def picture(self, name):
        # axe scrolls to what it looks at.
        width, height = self.driver.execute_script(
            "for (const part of document.querySelectorAll('.scroll')) part.scrollLeft = 0; scrollTo(0, 0);"
            "const e = document.documentElement; return [e.clientWidth, Math.max(e.scrollHeight, innerHeight)]"
        )
        taken = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot",
            {"format": "png", "captureBeyondViewport": True, "optimizeForSpeed": True,
             "clip": {"x": 0, "y": 0, "width": width, "height": min(height, 4000), "scale": 1}},
        )  # fmt: skip
        (screenshots() / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))

    def holds_accessible(self, what):
        # A page has it once; another width or theme is no other page.
        if not self.driver.execute_script("return 'axe' in window"):
            self.driver.execute_script(_axe())
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {runOnly: {type: 'tag', values: arguments[0]}, rules: arguments[1]}).then("
            "r => done({passes: r.passes.length, violations: r.violations}), e => done({error: String(e)}))",
            RULES,
            DROPPED,
        )
        holds("error" not in found and found["passes"] > 5, f"{what}: axe did not run: {found}")
        lines = [
            f"{violation['id']} ({violation['impact']}): {violation['help']}\n    {node['html'][:300]}\n    {message}"
            for violation in found["violations"]
            for node in violation["nodes"]
            for message in [(node["any"] + node["all"] + node["none"] or [{"message": ""}])[0]["message"]]
        ]
        holds(not lines, f"{what} is not accessible:\n" + "\n".join(lines))

    def holds_plain(self):
        """Nothing was born of a text."""
        born = self.elements("//main//script | //main//img | //main//*[@onerror]")
        equal([element.get_attribute("outerHTML") for element in born], [])
        return self

    def holds_refused(self, sentence, **fields):
        """AWS's sentence is in plain sight, and the fields have what was typed."""
        holds(sentence in self.alert, f"{sentence}\n{self.alert}")
        for label, text in fields.items():
            equal(self.value(label), text, "what was typed is kept")

    def holds_no_complaints(self):
        """No script failed and the policy for contents refused nothing. That a page was refused is no trouble here."""
        entries = self.driver.get_log("browser")
        page = re.compile(r".*/console(?!/assets)\S* - Failed to load resource: .*status of 4\d\d.*")
        bad = [entry for entry in entries if not (entry["source"] == "network" and page.match(entry["message"]))]
        equal(bad, [], "complaints of the browser")


def _quoted(text):
    """A string of XPath, which has no way to escape a quotation mark."""
    if "'" not in text:
        return f"'{text}'"
    return "concat(" + ", \"'\", ".join(f"'{part}'" for part in text.split("'")) + ")"
