"""Proxies before the server: whose word counts on where a request came from, and whose does not."""

import json

from harness import FIRST, allow, audit_lines, deny, equal, holds, policy, run, scenario
from raw import Wire, sign
from server import Server
from visitor import SESSION, SIGN_IN, Visitor

KEYS = "/console/us-east-1/keys"

CLIENT = "203.0.113.9"
INSECURE = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}


class Behind:
    """A server that trusts these proxies; the tests connect to it from 127.0.0.1."""

    def __init__(self, world, trusted):
        self.data = world.directory / f"behind-{abs(hash(trusted))}"
        self.server = Server(
            "dev", "--listen", "127.0.0.1:0", "--data-dir", str(self.data),
            *(("--trusted-proxies", trusted) if trusted else ()),
        )  # fmt: skip

    def __enter__(self):
        self.server.start()
        self.endpoint = self.server.endpoint
        self.wire = Wire(self.endpoint)
        return self

    def __exit__(self, *error):
        if self.server.process.poll() is None:
            self.server.kill()
        self.server.forget_log()

    def recorded(self, *forwarded):
        """The address that the audit log has for a call with these fields."""
        headers = self.wire.headers("ListKeys")
        # What proxies add is not signed.
        headers["Authorization"] = sign("POST", "/", headers, b"{}")
        sent = self.wire.send([*headers.items(), *(("X-Forwarded-For", value) for value in forwarded)], b"{}")
        equal(sent.status, 200, f"a call with {forwarded}")
        return json.loads(audit_lines(self.data)[-1])["sourceIPAddress"]


@scenario
def the_last_address_that_is_no_proxys_counts(world):
    with Behind(world, "127.0.0.1,10.0.0.0/8,2001:db8::/32") as behind:
        cases = {
            (): "127.0.0.1",
            (CLIENT,): CLIENT,
            (f"1.2.3.4, {CLIENT}",): CLIENT,
            (f"1.2.3.4,{CLIENT},10.1.2.3",): CLIENT,
            (f"{CLIENT}, 2001:db8::7 ,10.1.2.3",): CLIENT,
            ("1.2.3.4", f"{CLIENT}, 10.9.9.9"): CLIENT,
            (CLIENT, "10.9.9.9"): CLIENT,
            ("10.1.1.1, 10.2.2.2",): "10.1.1.1",
            ("2001:db9::1",): "2001:db9::1",
            (f"{CLIENT}:4711",): CLIENT,
            ("[2001:db9::1]:4711",): "2001:db9::1",
            # One address has one text, however it is written.
            (f"::ffff:{CLIENT}, ::ffff:10.1.2.3",): CLIENT,
            ("[::FFFF:cb00:7109]:80",): CLIENT,
            ("2001:DB9:0::1",): "2001:db9::1",
            ("[2001:db9::1]garbage",): "127.0.0.1",
            (f"{CLIENT}:abc",): "127.0.0.1",
            (f"{CLIENT} evil",): "127.0.0.1",
            # What is no address ends the list: the proxy that passed it on is all that is known.
            ("nonsense",): "127.0.0.1",
            (f"{CLIENT}, nonsense, 10.1.2.3",): "10.1.2.3",
            ("",): "127.0.0.1",
            (f"{CLIENT},",): "127.0.0.1",
            ("unknown, 10.1.2.3",): "10.1.2.3",
        }
        for fields, address in cases.items():
            equal(behind.recorded(*fields), address, f"the address for {fields}")


@scenario
def nobody_else_is_believed(world):
    for trusted in (None, "10.0.0.0/8", "127.0.0.2"):
        with Behind(world, trusted) as behind:
            equal(behind.recorded(CLIENT), "127.0.0.1", f"the address when {trusted} is trusted")
            secure = policy(allow(FIRST.root), deny("*", "kms:Encrypt", **INSECURE))
            key = behind.wire.call("CreateKey", {"Policy": secure}).json["KeyMetadata"]["KeyId"]
            answer = behind.wire.call("Encrypt", {"KeyId": key, "Plaintext": "AAAA"}, **{"X-Forwarded-Proto": "https"})
            equal(answer.code, "AccessDeniedException", "TLS that somebody claims")


@scenario
def policies_hear_what_the_proxy_says(world):
    with Behind(world, "127.0.0.1/32") as behind:
        local = policy(
            allow(FIRST.root),
            deny("*", "kms:Encrypt", Condition={"NotIpAddress": {"aws:SourceIp": f"{CLIENT}/32"}}),
            deny("*", "kms:Decrypt", **INSECURE),
        )
        key = behind.wire.call("CreateKey", {"Policy": local}).json["KeyMetadata"]["KeyId"]
        call = {"KeyId": key, "Plaintext": "AAAA"}
        equal(behind.wire.call("Encrypt", call).code, "AccessDeniedException", "without a word of the proxy")
        sent = behind.wire.call("Encrypt", call, **{"X-Forwarded-For": CLIENT})
        equal(sent.status, 200, f"from the client's address: {sent}")
        carried = behind.wire.call("Encrypt", call, **{"X-Forwarded-For": f"::ffff:{CLIENT}"})
        equal(carried.status, 200, f"from the client's address, carried by IPv6: {carried}")
        blob = {"CiphertextBlob": sent.json["CiphertextBlob"]}
        for said, is_allowed in (
            (None, False), ("https", True), ("HTTPS", True), ("http", False), ("https, http", False), ("", False),
        ):  # fmt: skip
            headers = {} if said is None else {"X-Forwarded-Proto": said}
            answer = behind.wire.call("Decrypt", blob, **headers)
            equal(answer.status == 200, is_allowed, f"X-Forwarded-Proto: {said!r}")


@scenario
def the_console_knows_its_visitors_behind_a_proxy(world):
    with Behind(world, "127.0.0.0/8") as behind:
        visitor = Visitor(behind)
        wrong = visitor.form()
        wrong["secret-access-key"] = "wrong"
        for _ in range(10):
            visitor.post("/console/sign-in", wrong, 403, x_forwarded_for=CLIENT)
        equal(visitor.send("POST", "/console/sign-in", wrong, x_forwarded_for=CLIENT).status, 429, "an eleventh guess")
        for said, is_secure in (("https", True), ("http", False)):
            # Another client behind the same proxy is not slowed down.
            page = visitor.sign_in(x_forwarded_for="203.0.113.10", x_forwarded_proto=said)
            cookie = next(text for text in page.all("set-cookie") if f"{SESSION}=" in text and "Max-Age" not in text)
            equal(cookie.startswith("__Host-"), is_secure, f"X-Forwarded-Proto: {said}")
            equal("Secure" in cookie.split("; "), is_secure, f"X-Forwarded-Proto: {said}")


@scenario
def by_tls_only_a_cookie_counts_that_was_set_by_tls(world):
    with Behind(world, "127.0.0.0/8") as behind:
        visitor, name = Visitor(behind), f"__Host-{SESSION}"
        by_tls = {"x_forwarded_proto": "https"}
        page = visitor.sign_in(**by_tls)
        equal((page.location, list(visitor.cookies)), (KEYS, [name]))
        visitor.get(KEYS, 200, **by_tls)
        equal("Max-Age=0" in "".join(visitor.get(KEYS, 200, **by_tls).all("set-cookie")), False)
        value = visitor.cookies[name]
        visitor.cookies = {SESSION: value}
        holds(visitor.get(KEYS, 303, **by_tls).location.startswith(SIGN_IN), "one that anybody on the way can plant")
        # By HTTP there is nothing better.
        visitor.get(KEYS, 200)
        visitor.cookies = {SESSION: "0" * 64, name: value}
        token = visitor.get(KEYS, 200).token
        visitor.post("/console/sign-out", {"token": token}, 303)
        equal(visitor.cookies, {}, "both are taken away")
        form = visitor.get(SIGN_IN, 200, **by_tls)
        holds(form.header("set-cookie").startswith("__Host-chatelaine-sign-in="), form.header("set-cookie"))


if __name__ == "__main__":
    run()
