"""What was written, as the writers know it, and which values a read may therefore return.

A register is something that has one value at a time: the description of a key, its state, what an alias names, whether
there is a certain grant. Only one thread writes a register, so its writes have an order, and their values differ from
one another or are told apart by that order.

A read may return the last value that was acknowledged before the read began, or that of any later write that was not
refused. On the node that made a write, acknowledged means acknowledged; on another it means: at least the bound ago.
A node in trouble is only held to what was acknowledged the bound before the trouble began.

What is unknown may have been done. The store keeps the order of writes to a record, so it is not done any more once a
later one is acknowledged. Only what nobody waited for may still be done, for a while.
"""

import dataclasses
import threading

BOUND = 1.0
PENDING_SECONDS = 90


@dataclasses.dataclass
class Write:
    value: object
    node: object
    start: float
    end: float | None = None
    outcome: str = "under way"


@dataclasses.dataclass
class Verdict:
    """Whether a value may be read, and how stale it was: how long ago the first newer one was acknowledged.

    `expected`: what may be read. `writer`: the name of the node that made the change that has to be seen, if any.
    """

    allowed: bool
    staleness: float
    expected: list
    writer: str = "another node"


class Register:
    """`kind`: what of the key it is. `value` was acknowledged by `node` at `moment`; before that there was nothing."""

    def __init__(self, kind, key, value, node, moment, *, detail=None):
        self.kind, self.key, self.detail = kind, key, detail
        self._lock = threading.Lock()
        self._writes = [Write(value, node, moment, moment, "done")]

    @property
    def name(self):
        return f"the {self.kind}{f' {self.detail}' if self.detail else ''} of {self.key}"

    def begin(self, value, node, start):
        write = Write(value, node, start)
        with self._lock:
            self._writes.append(write)
        return write

    def finish(self, write, end, outcome):
        with self._lock:
            write.end, write.outcome = end, outcome

    @property
    def last(self):
        """The value of the last write that may have been done."""
        with self._lock:
            return next(write.value for write in reversed(self._writes) if write.outcome != "refused")

    def is_settled(self, node, moment, bound=BOUND):
        """Whether this node must know by then what the value is, so that it has no reason to refuse the next write."""
        with self._lock:
            last = next(write for write in reversed(self._writes) if write.outcome != "refused")
            if last.outcome != "done" or node.in_touch_until(moment) != moment:
                return False
            return last.node is node or last.end <= moment - bound

    def acknowledged_count(self):
        with self._lock:
            return sum(write.outcome == "done" for write in self._writes) - 1

    def judge(self, value, node, start, end, bound=BOUND):
        """What to think of a read of this value on this node between these moments."""
        in_touch = node.in_touch_until(start)
        with self._lock:
            candidates, floor = [], None
            for write in reversed(self._writes):
                seen_by = start if write.node is node and start == in_touch else in_touch - bound
                if floor is None and write.outcome == "done" and write.end <= seen_by:
                    floor = write
                    candidates.append(write)
                    continue
                may_come_late = write.outcome == "pending" and start < write.start + PENDING_SECONDS
                if (floor is None and write.outcome != "refused" and write.start <= end) or may_come_late:
                    candidates.append(write)
                elif floor is not None and write.start < floor.start - PENDING_SECONDS:
                    break
            # Before the first write arrives, there is nothing to be read.
            allowed = any(write.value == value for write in candidates) or (floor is None and value in (None, False))
            writer = getattr(floor and floor.node, "name", "nobody")
            expected = [write.value for write in reversed(candidates)]
            return Verdict(allowed, self._staleness(value, start), expected, writer)

    def _staleness(self, value, start):
        """How long ago, at `start`, the oldest write was acknowledged that the reader did not see."""
        oldest = None
        for write in reversed(self._writes):
            if write.value == value and write.outcome != "refused":
                break
            if write.outcome == "done" and write.end <= start:
                oldest = write
        else:
            return 0.0
        return start - oldest.end if oldest else 0.0


class Counter(Register):
    """A register that only grows by one at a time: what is read is a number of writes."""

    def judge(self, value, node, start, end, bound=BOUND):
        in_touch = node.in_touch_until(start)
        with self._lock:
            first, later = self._writes[0], self._writes[1:]
            least = first.value + sum(
                write.outcome == "done"
                and write.end <= (start if write.node is node and start == in_touch else in_touch - bound)
                for write in later
            )
            most = first.value + sum(write.outcome != "refused" and write.start <= end for write in later)
            seen = first.value + sum(write.outcome == "done" and write.end <= start for write in later)
            done = [write for write in later if write.outcome == "done"]
            missed = done[value - first.value].end if first.value <= value < seen else start
        return Verdict(least <= value <= most, max(0.0, start - missed), [least, most])
