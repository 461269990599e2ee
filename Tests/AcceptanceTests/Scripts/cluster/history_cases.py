"""That the checker would notice: reads that it must allow, and reads that it must not."""

import types

from harness import equal
from history import BOUND, PENDING_SECONDS, Counter, Register

BEGIN = 1000.0


class FakeNode:
    """`cut_at`: since when it is in trouble."""

    def __init__(self, cut_at=None):
        self.cut_at = cut_at

    def in_touch_until(self, moment):
        return moment if self.cut_at is None else min(moment, self.cut_at)


def register(*writes, kind=Register, value=0):
    """`writes`: value, node, when it began, how long it took, outcome. The first value is old."""
    made = kind("description", types.SimpleNamespace(id="k"), value, HERE, BEGIN - 100)
    for value, node, start, seconds, outcome in writes:
        write = made.begin(value, node, BEGIN + start)
        if outcome:
            made.finish(write, BEGIN + start + seconds, outcome)
    return made


HERE, THERE, CUT = FakeNode(), FakeNode(), FakeNode(cut_at=BEGIN + 0.5)
DONE, UNKNOWN, REFUSED, PENDING = "done", "unknown", "refused", "pending"
LATE = PENDING_SECONDS + 10

# What was written after the value 0; what is read where and when; whether it may be read.
CASES = (
    ([(1, HERE, 0, 0.1, DONE)], 1, HERE, 0.2, True),
    ([(1, HERE, 0, 0.1, DONE)], 0, HERE, 0.2, False),
    ([(1, HERE, 0, 0.1, DONE)], 0, THERE, 0.2, True),
    ([(1, HERE, 0, 0.1, DONE)], 0, THERE, 0.2 + BOUND, False),
    ([(1, HERE, 0, 0.1, DONE)], 1, THERE, 0.2 + BOUND, True),
    ([(1, HERE, 0, 0.1, DONE)], 2, THERE, 0.2 + BOUND, False),
    # A node that is cut off may show what it knew, and not what was old then already.
    ([(1, HERE, 0, 0.1, DONE)], 0, CUT, 9, True),
    ([(1, HERE, -BOUND, 0.1, DONE)], 0, CUT, 9, False),
    # An unacknowledged write may have been done or not, and not be undone by a later one.
    ([(1, HERE, 0, 0.1, UNKNOWN)], 0, THERE, 9, True),
    ([(1, HERE, 0, 0.1, UNKNOWN)], 1, THERE, 9, True),
    ([(1, HERE, 0, 0.1, UNKNOWN), (2, THERE, 1, 0.1, DONE)], 1, HERE, 9, False),
    ([(1, HERE, 0, 0.1, UNKNOWN), (2, THERE, 1, 0.1, DONE)], 2, HERE, 9, True),
    ([(1, HERE, 0, 0.1, DONE), (2, THERE, 1, 0.1, UNKNOWN)], 1, HERE, 9, True),
    ([(1, HERE, 0, 0.1, DONE), (2, THERE, 1, 0.1, UNKNOWN)], 0, HERE, 9, False),
    ([(1, HERE, 0, 0.1, REFUSED)], 1, HERE, 9, False),
    ([(1, HERE, 0, 0.1, DONE), (2, HERE, 1, 0.1, REFUSED)], 1, HERE, 9, True),
    ([(1, HERE, 0, 0.1, PENDING), (2, THERE, 1, 0.1, DONE)], 1, HERE, 9, True),
    ([(1, HERE, 0, 0.1, PENDING), (2, THERE, 1, 0.1, DONE)], 1, HERE, LATE, False),
    ([(1, HERE, 0, None, None)], 1, THERE, 0.1, True),
)
COUNTS = (
    ([(1, HERE, 0, 0.1, DONE), (2, HERE, 1, 0.1, DONE)], 1, HERE, 2, False),
    ([(1, HERE, 0, 0.1, DONE), (2, HERE, 1, 0.1, DONE)], 1, THERE, 2, True),
    ([(1, HERE, 0, 0.1, DONE), (2, HERE, 1, 0.1, UNKNOWN)], 1, HERE, 2, True),
    ([(1, HERE, 0, 0.1, DONE), (2, HERE, 1, 0.1, UNKNOWN)], 2, HERE, 2, True),
    ([(1, HERE, 0, 0.1, DONE), (2, HERE, 1, 0.1, REFUSED)], 2, HERE, 2, False),
)


def check():
    for kind, cases in ((Register, CASES), (Counter, COUNTS)):
        for number, (writes, value, node, moment, allowed) in enumerate(cases):
            start = BEGIN + moment
            verdict = register(*writes, kind=kind).judge(value, node, start, start + 0.01)
            equal(verdict.allowed, allowed, f"{kind.__name__}, case {number}: may {value} be read of {writes}")
    stale = register((1, HERE, 0, 0.5, DONE), (2, HERE, 2, 0.5, DONE)).judge(0, THERE, BEGIN + 3, BEGIN + 3)
    equal(stale.staleness, 2.5, "how stale it is")
