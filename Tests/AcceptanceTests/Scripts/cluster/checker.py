"""Who writes, reads and encrypts on the nodes of a cluster all the time, and says what was not as promised.

- No acknowledged change is lost: the node that made it shows it at once, every other one within the bound.
- No node that is well refuses anything that it should do; one that lost the store goes on with cryptography for as long
  as it may; whatever is refused in trouble is refused in a way that says: try again.
- A key that was disabled is not used later than the bound after that was acknowledged.
"""

import collections
import contextlib
import math
import random
import re
import statistics
import threading
import time
import traceback

from calls import Caller, is_retryable
from history import BOUND, Counter, Register

REGIONS = ("us-east-1", "eu-central-1")
# How much sooner than a node's time without the store is over it may begin to refuse, as seen from outside.
WINDOW_MARGIN = 1.5
MOST_ROTATIONS = 8
# What a write may be refused with while its node may not know yet what was written just before.
UNSETTLED = {
    "AlreadyExistsException", "NotFoundException", "KMSInvalidStateException", "DisabledException",
    "ConflictException", "InvalidGrantIdException",
}  # fmt: skip
# So many faults of a kind are shown.
MOST_SHOWN = 4


class Key:
    """A key, and the registers that belong to it."""

    def __init__(self, identifier, region, spec="SYMMETRIC_DEFAULT"):
        self.id, self.region, self.spec = identifier, region, spec
        self.rotations = None

    def __str__(self):
        return f"key {self.id} in {self.region}"


class Sealed:
    """A ciphertext, and which processes have opened it before."""

    def __init__(self, key, blob, text):
        self.key, self.blob, self.text, self.opened = key, blob, text, set()


class Checker:
    def __init__(self, account, nodes, seed):
        self.call_node, self.nodes, self.seed = Caller(account), nodes, seed
        self.faults, self.kinds, self.counts = [], collections.Counter(), collections.Counter()
        # When writes were acknowledged, and on which node.
        self.acknowledged = []
        self.propagation = {"a change is read": [], "a disabled key is refused": []}
        self.staleness = 0.0
        self.registers, self.crypto_keys, self.sealed = [], [], collections.deque(maxlen=400)
        self._told, self._silent = set(), False
        self._lock = threading.Lock()
        self._stop, self._open = threading.Event(), threading.Event()
        self._open.set()
        self._threads, self._parked = [], 0
        self._changed = threading.Condition()

    # Its threads

    def work(self, name, step, pause):
        """Does the step again and again, on a thread of its own."""

        def run():
            dice = random.Random(f"{self.seed} {name}")
            while not self._stop.wait(pause):
                if not self._open.is_set():
                    self._park()
                try:
                    step(dice)
                except Exception:
                    self.fault(f"the checker itself failed: {traceback.format_exc()}")
                    return

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _park(self):
        with self._changed:
            self._parked += 1
            self._changed.notify_all()
        self._open.wait()
        with self._changed:
            self._parked -= 1

    @contextlib.contextmanager
    def paused(self):
        """Nobody asks anything while the block runs."""
        self._open.clear()
        with self._changed:
            self._changed.wait_for(lambda: self._parked >= sum(thread.is_alive() for thread in self._threads), 60)
        yield
        self._open.set()

    def stop(self):
        self._stop.set()
        self._open.set()
        for thread in self._threads:
            thread.join(timeout=60)
            if thread.is_alive():
                self.fault(f"{thread.name} did not end")

    def is_over(self, seconds=0.0):
        """Whether the checker is to end, now or within some seconds."""
        return self._stop.wait(seconds)

    def silence(self):
        """Further faults are not told."""
        self._silent = True

    def fault(self, text):
        if self._silent:
            return
        kind = re.sub(r"[0-9a-f]{8}-\S+|\d+|'[^']*'", "#", text)
        with self._lock:
            self.faults.append(text)
            self.kinds[kind] += 1
            is_shown = self.kinds[kind] <= MOST_SHOWN
        if is_shown:
            print(f"FAULT: {text}", flush=True)

    def count(self, what, amount=1):
        with self._lock:
            self.counts[what] += amount

    # Calls and what to think of them

    def any_node(self, dice, besides=None, well=False):
        """A node that runs; one in trouble seldom, because it answers slowly."""
        running = [node for node in self.nodes if node is not besides and node.is_running]
        now = time.monotonic()
        healthy = [node for node in running if not node.troubles_during(now, now)]
        if healthy and (well or dice.random() < 0.9):
            return dice.choice(healthy)
        return dice.choice(running or self.nodes)

    def ask(self, node, region, operation, *, allowed=(), **parameters):
        """A call whose failure has to be excused by a trouble of its node."""
        call = self.call_node(node, region, operation, **parameters)
        self.count(operation)
        if not call.done and call.code not in allowed:
            if not node.troubles_during(call.start, call.end):
                self.fault(f"nothing is wrong with the node, but {call}")
            elif not is_retryable(call.code):
                self.fault(f"in trouble a node must answer that one may try again, but {call}")
            else:
                self.count("excused failures")
        return call

    def write(self, register, value, node, operation, **parameters):
        """Writes a register; whether that was acknowledged."""
        start = time.monotonic()
        allowed = () if register.is_settled(node, start) else UNSETTLED
        write = register.begin(value, node, start)
        call = self.ask(node, register.key.region, operation, allowed=allowed, **parameters)
        register.finish(write, call.end, call.outcome)
        if call.done:
            self.note_write(call)
        return call

    def note_write(self, call):
        with self._lock:
            self.acknowledged.append((call.end, call.node.name))
            self.counts["acknowledged writes"] += 1

    def saw(self, register, value, call, how):
        """A call showed this value of a register."""
        verdict = register.judge(value, call.node, call.start, call.end)
        self.count("checked reads")
        if not verdict.allowed:
            # One lost change is seen again and again.
            what = (register.name, value, call.node.name, repr(verdict.expected))
            with self._lock:
                is_known, _ = what in self._told, self._told.add(what)
            if not is_known:
                self.fault(
                    f"{register.name} is {value!r} by {how} on {call.node.name}, {verdict.staleness:.2f} s after it "
                    f"was changed on {verdict.writer}; {verdict.expected!r} may be read"
                )
        elif not call.node.troubles_during(call.start, call.end):
            with self._lock:
                self.staleness = max(self.staleness, verdict.staleness)
        return verdict.allowed

    # Cryptography

    def use(self, node, region, operation, *, known=False, **parameters):
        """A call of the data plane, which a node answers from memory.

        `known`: whether its process did the same before, so that it needs nothing from the store.
        """
        call = self.ask(node, region, operation, **parameters)
        if call.done or not known:
            return call
        troubles = node.troubles_during(call.start, call.end)
        if troubles and all(trouble.kind != "down" for trouble in troubles):
            over = min(trouble.start for trouble in troubles) + node.outage - WINDOW_MARGIN
            if call.end < over:
                self.fault(f"the node may serve {node.outage} s without the store, but {call}")
        return call

    def seal(self, key, node, text):
        call = self.use(node, key.region, "Encrypt", KeyId=key.id, Plaintext=text)
        if call.done:
            return Sealed(key, call.answer["CiphertextBlob"], text)
        return None

    def open(self, sealed, node):
        process = (node.name, node.incarnation)
        call = self.use(
            node, sealed.key.region, "Decrypt", known=process in sealed.opened, CiphertextBlob=sealed.blob
        )  # fmt: skip
        if call.done:
            if call.answer["Plaintext"] != sealed.text:
                self.fault(f"{node.name} decrypts something else: {sealed.key}")
            sealed.opened.add((node.name, call.incarnation))
        return call

    def make_key(self, node, region, **parameters):
        """A key and the call that made it, or None."""
        call = self.ask(node, region, "CreateKey", **parameters)
        if not call.done:
            return None, call
        self.note_write(call)
        key = Key(call.answer["KeyMetadata"]["KeyId"], region, parameters.get("KeySpec", "SYMMETRIC_DEFAULT"))
        self.add(Register("existence", key, True, node, call.end))
        return key, call

    def add(self, register):
        with self._lock:
            self.registers.append(register)
        return register

    def with_rotations(self, key, call):
        key.rotations = self.add(Counter("rotations", key, 0, call.node, call.end))
        return key

    # Reading a register

    def read(self, register, node):
        """Reads a register on a node and checks the value; the call."""
        ask, value_of = READERS[register.kind]
        operation, parameters = ask(register)
        call = self.ask(node, register.key.region, operation, allowed=("NotFoundException",), **parameters)
        if call.done or call.code == "NotFoundException":
            self.saw(register, value_of(register, call), call, operation)
        return call

    # The end

    def read_everything(self):
        """Every node shows the last value of every register, and opens every ciphertext."""
        time.sleep(BOUND)
        for node in self.nodes:
            for register in list(self.registers):
                if not self.read(register, node).done and register.last not in (None, False):
                    self.count("not found at the end")
            for sealed in list(self.sealed):
                self.open(sealed, node)

    def longest_gap(self, start, end):
        """The longest time without an acknowledged write that has a part between these moments."""
        with self._lock:
            moments = sorted(moment for moment, _ in self.acknowledged)
        before = [moment for moment in moments if moment < start][-1:]
        during = before + [moment for moment in moments if start <= moment <= end]
        return max((later - sooner for sooner, later in zip(during, during[1:])), default=math.inf)

    def report(self):
        counts = self.counts
        lines = [
            f"{sum(number for name, number in counts.items() if name[0].isupper())} calls, "
            f"{counts['acknowledged writes']} writes acknowledged, {counts['checked reads']} reads checked, "
            f"{counts['excused failures']} failures excused by a trouble",
            f"the most stale read of a node that was well: {self.staleness * 1000:.0f} ms",
        ]
        lines += [f"{count} faults like: {kind}" for kind, count in self.kinds.most_common() if count > MOST_SHOWN]
        for what, samples in self.propagation.items():
            if samples:
                lines.append(
                    f"until {what} on another node: p50 {percentile(samples, 0.5) * 1000:.0f} ms, "
                    f"p99 {percentile(samples, 0.99) * 1000:.0f} ms, most {max(samples) * 1000:.0f} ms, "
                    f"{len(samples)} times"
                )
        return lines


def percentile(samples, share):
    ordered = sorted(samples)
    if share == 0.5:
        return statistics.median(ordered)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _of_key(register):
    return "DescribeKey", {"KeyId": register.key.id}


def _metadata(member):
    return lambda register, call: call.answer["KeyMetadata"][member] if call.done else None


# How each kind of register is read.
READERS = {
    "existence": (_of_key, lambda register, call: call.done),
    "description": (_of_key, _metadata("Description")),
    "state": (_of_key, _metadata("KeyState")),
    "tag": (
        lambda register: ("ListResourceTags", {"KeyId": register.key.id}),
        lambda register, call: next(
            (tag["TagValue"] for tag in call.answer.get("Tags", ()) if tag["TagKey"] == "round"), None),
    ),
    "alias": (
        lambda register: ("DescribeKey", {"KeyId": register.detail}),
        lambda register, call: call.answer["KeyMetadata"]["KeyId"] if call.done else None,
    ),
    "grant": (
        lambda register: ("ListGrants", {"KeyId": register.key.id, "GrantId": register.detail}),
        lambda register, call: bool(call.answer.get("Grants")),
    ),
    "rotations": (
        lambda register: ("ListKeyRotations", {"KeyId": register.key.id}),
        lambda register, call: sum(
            each["RotationType"] == "ON_DEMAND" for each in call.answer.get("Rotations", ())),
    ),
}  # fmt: skip
