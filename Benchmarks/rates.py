"""How many requests a second servers answer, in rounds that take turns, and how long answers take at half the most."""

import base64
import collections
import functools
import os
import statistics

import load
import table
import worlds
from raw import Wire

OURS, FRAMEWORK, BARE = "Chatelaine", "Hummingbird echo", "bare NIO echo"
PRIMITIVE = "the primitive"
LARGE = "Encrypt 4,096 bytes"
# Operations by what each is limited by, as hot-path calls it.
LIMITED = {"Sign ECC_NIST_P256": "ECC_NIST_P256", "Sign RSA_2048": "RSA_2048", "GenerateMac HMAC_256": "HMAC_256"}


def how_often(primitive, seconds):
    """How often a second all processors together do it, with nothing around it."""
    return worlds.figures("primitives", "--only", primitive, "--milliseconds", 1000 * seconds)[primitive]


class Contestant:
    """A server that is measured; `wants` answers its requests for an operation, or None when it does not have it."""

    def __init__(self, name, endpoint, wants):
        self.name, self.endpoint, self.wants = name, endpoint, wants


class Signed(Contestant):
    """One that gets what the service is asked, signed for it: the service itself, and those that echo it."""

    def __init__(self, name, endpoint, asked):
        super().__init__(name, endpoint, self.requests)
        self.wire, self.asked = Wire(endpoint), asked

    def requests(self, operation):
        if operation not in self.asked:
            return None
        return [load.http(self.wire, operation.split()[0], body) for body in self.asked[operation]]


def asked(wire):
    """What each operation is asked, `load.REQUESTS` times."""
    key = worlds.make_key(wire)
    bodies = load.bodies(wire, key)
    bodies[LARGE] = [
        {"KeyId": key, "Plaintext": base64.b64encode(os.urandom(4096)).decode(), "EncryptionContext": load.CONTEXT}
        for _ in range(load.REQUESTS)
    ]
    message = base64.b64encode(os.urandom(32)).decode()
    for name, algorithm in (("ECC_NIST_P256", "ECDSA_SHA_256"), ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256")):
        signer = worlds.make_key(wire, KeySpec=name, KeyUsage="SIGN_VERIFY")
        body = {"KeyId": signer, "Message": message, "MessageType": "DIGEST", "SigningAlgorithm": algorithm}
        bodies[f"Sign {name}"] = [body] * load.REQUESTS
    coder = worlds.make_key(wire, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    body = {"KeyId": coder, "Message": message, "MacAlgorithm": "HMAC_SHA_256"}
    bodies["GenerateMac HMAC_256"] = [body] * load.REQUESTS
    return bodies


class Rates:
    """All rounds of all contestants, and of what limits operations."""

    def __init__(self, contestants, operations, directory):
        self.contestants, self.operations, self.directory = contestants, operations, directory
        self.rounds = collections.defaultdict(lambda: collections.defaultdict(list))

    def measure(self):
        for number in range(load.ROUNDS):
            for operation in self.operations:
                for name, rate in self.one_round(operation, number).items():
                    self.rounds[operation][name].append(rate)
                    print(f"round {number + 1}: {operation:>20} {name:<17} {rate:10,.0f}/s", flush=True)

    def one_round(self, operation, number):
        """Requests a second of each contestant, in two turns, the second in the other order: a machine that becomes slower or
        faster meanwhile does so for all. What limits the operation takes its turn too, for as long, on all processors."""
        seconds = max(1, load.SECONDS // 2)
        measures = {}
        for contestant in self.contestants:
            # Signed once for both turns.
            if (requests := contestant.wants(operation)) is not None:
                measures[contestant.name] = functools.partial(self.answered, operation, contestant, requests, seconds)
        if operation in LIMITED:
            measures[PRIMITIVE] = functools.partial(how_often, LIMITED[operation], seconds)
        order = list(measures) if number % 2 == 0 else list(measures)[::-1]
        first = {name: measures[name]() for name in order}
        second = {name: measures[name]() for name in order[::-1]}
        return {name: (first[name] + second[name]) / 2 for name in order}

    def answered(self, operation, contestant, requests, seconds):
        """Requests a second that are answered."""
        whose = f"{operation} of {contestant.name}"
        return load.measure(
            whose, contestant.endpoint, requests, self.directory, seconds=seconds).requests_per_second  # fmt: skip

    def of(self, operation, name):
        return self.rounds[operation][name]

    def share(self, operation, name):
        """Of the rate of another in the same round, the median."""
        pairs = zip(self.of(operation, OURS), self.of(operation, name), strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def share_of_allowed(self, operation):
        """Of what an echo allows that does the primitive too, which all processors share."""
        found = zip(*(self.of(operation, name) for name in (OURS, FRAMEWORK, PRIMITIVE)), strict=True)
        return statistics.median(ours * (1 / echo + 1 / done) for ours, echo, done in found)

    def medians(self):
        """By operation and contestant."""
        return {
            operation: {name: statistics.median(self.of(operation, name)) for name in found if name != PRIMITIVE}
            for operation, found in self.rounds.items()
        }

    def primitives(self):
        """What all processors together do a second of what limits operations, medians by operation."""
        return {operation: statistics.median(self.of(operation, PRIMITIVE)) for operation in LIMITED}

    def rows(self):
        rows = []
        for operation in ("Encrypt", "Decrypt", "GenerateDataKey"):
            rows.append(table.at_least(operation, self.share(operation, FRAMEWORK), 0.75, f"the {FRAMEWORK}"))
            rows.append(table.at_least(operation, self.share(operation, BARE), 0.5, f"the {BARE}"))
        rows.append(table.at_least(LARGE, self.share(LARGE, FRAMEWORK), 0.6, f"the {FRAMEWORK}"))
        for operation in LIMITED:
            allowed = self.share_of_allowed(operation)
            rows.append(table.at_least(operation, allowed, 0.9, "what echo and primitive allow"))
        return rows


def at_half_load(rates):
    """The 99th percentile of Encrypt at half its most, beside the echo's with as many requests a second."""
    pair = [contestant for contestant in rates.contestants if contestant.name in (OURS, FRAMEWORK)]
    rate = statistics.median(rates.of("Encrypt", OURS)) / 2
    p99 = collections.defaultdict(list)
    for number in range(load.ROUNDS):
        for contestant in pair if number % 2 == 0 else reversed(pair):
            requests = contestant.wants("Encrypt")
            found = load.measure("half load", contestant.endpoint, requests, rates.directory, rate)
            if found.requests_per_second < rate * 0.95:
                print(f"{contestant.name} fell behind, at {found.requests_per_second:,.0f}/s", flush=True)
            p99[contestant.name].append(found.p99)
        ours, echo = p99[OURS][-1], p99[FRAMEWORK][-1]
        print(f"round {number + 1}: at {rate:,.0f}/s p99 {ours:,} us, of the echo {echo:,} us", flush=True)
    ratio = statistics.median(ours / echo for ours, echo in zip(p99[OURS], p99[FRAMEWORK], strict=True))
    return [table.under("p99 of Encrypt at half its most", ratio, 3, "times", "the echo's at the same rate")]
