"""A visitor of the console below the browser: requests, cookies and forms as no browser would let a person send them."""

import html
import http.client
import re
import urllib.parse

from harness import FIRST, equal, holds

# What every answer has, whatever else is wrong.
SECURITY = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
FORM = "application/x-www-form-urlencoded"
SIGN_IN = "/console/sign-in"
SESSION = "chatelaine-session"


class Page:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def location(self):
        return self.header("location")

    def header(self, name):
        found = self.all(name)
        return found[0] if found else None

    def all(self, name):
        return [value for header, value in self.headers if header.lower() == name]

    @property
    def token(self):
        """What the first form of the page must bring back."""
        return self.values("token")[0]

    def values(self, name):
        return [html.unescape(v) for v in re.findall(rf'name="{re.escape(name)}" value="([^"]*)"', self.text)]

    @property
    def alert(self):
        """The code and the sentence of what went wrong."""
        found = re.search(r'role="alert"><strong>(.*?)</strong> <span>(.*?)</span>', self.text, re.DOTALL)
        holds(found, f"an alert in {self!r}")
        return html.unescape(found[1]), html.unescape(found[2])

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:800]!r}>"


class Visitor:
    """Keeps cookies as a browser does, but for one host and whatever their attributes."""

    def __init__(self, world, address="127.0.0.1"):
        self.host = urllib.parse.urlsplit(world.endpoint).netloc
        self.address = address
        self.cookies = {}

    def send(self, method, path, body=None, **headers):
        """Sends a request on a connection of its own; `headers`: named as in Python, such as sec_fetch_site."""
        connection = http.client.HTTPConnection(self.host, timeout=60, source_address=(self.address, 0))
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if isinstance(body, (dict, list)):
            body, sent["Content-Type"] = urllib.parse.urlencode(body, doseq=True).encode(), FORM
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            page = Page(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()
        for name, value in SECURITY.items():
            equal(page.all(name), [value], f"{name} of {method} {path}, which was answered {page.status}")
        self._keep(page)
        return page

    def get(self, path, status=200, **headers):
        return self._expect(status, "GET", path, None, headers)

    def post(self, path, form, status=303, **headers):
        return self._expect(status, "POST", path, form, headers)

    def _expect(self, status, method, path, form, headers):
        page = self.send(method, path, form, **headers)
        equal(page.status, status, f"status of {method} {path}: {page!r}")
        return page

    def _keep(self, page):
        for text in page.all("set-cookie"):
            pair, *attributes = text.split("; ")
            name, _, value = pair.partition("=")
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

    def form(self, account=FIRST, to="", **changes):
        """The fields of the sign-in as these credentials fill them, with the token of a fresh form."""
        fields = {
            "token": self.get(SIGN_IN).token, "to": to, "access-key-id": account.access_key_id,
            "secret-access-key": account.secret_access_key, "session-token": account.session_token or "",
        }  # fmt: skip
        return {**fields, **changes}

    def sign_in(self, account=FIRST, to="", status=303, **headers):
        return self.post(SIGN_IN, self.form(account, to), status, **headers)

    @property
    def is_signed_in(self):
        """Whether the server takes the visitor for somebody."""
        answer = self.send("GET", "/console/us-east-1/keys")
        if answer.status == 303:
            holds(answer.location.startswith(SIGN_IN), answer.location)
        return answer.status != 303


def signed_in(world, account=FIRST, address="127.0.0.1"):
    visitor = Visitor(world, address)
    visitor.sign_in(account)
    return visitor
