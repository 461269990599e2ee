"""What goes wrong in a cluster. The checker works all the while; each scenario also looks at what it alone can see."""

import collections
import concurrent.futures
import contextlib
import json
import math
import time

import calls
from calls import RETRYABLE_CODES
from checker import REGIONS
from harness import audit_lines, equal, eventually, holds

SKEW = 300
# Rotations are due after 90 days, deletions after 7.
JUMP = 100 * 86_400
DUE_ROTATIONS, DUE_DELETIONS = 24, 12


def calm(cluster, checker, seconds=8):
    """Nothing goes wrong."""
    time.sleep(1)
    begun = time.monotonic()
    time.sleep(seconds)
    cluster.figure("longest time without an acknowledged write, all well",
                   f"{checker.longest_gap(begun, time.monotonic()):.2f} s")  # fmt: skip


def a_node_is_killed(cluster, checker, node=None):
    node = node or cluster.nodes[1]
    with node.in_trouble("down") as trouble:
        node.kill()
        time.sleep(3)
        begun = time.monotonic()
        node.start()
        node.wait_until_ready()
        ready = time.monotonic() - begun
    cluster.figure("a killed node is ready again after its start within", f"{ready:.2f} s")
    cluster.figure("longest time without an acknowledged write, a node killed",
                   f"{checker.longest_gap(trouble.start, trouble.end):.2f} s")  # fmt: skip
    time.sleep(2)


def a_node_is_cut_off_silently(cluster, checker, node=None):
    node = node or cluster.nodes[-1]
    _cut(cluster, checker, node, "silently", node.cut_silently, node.heal_silent_cut)


def a_node_is_cut_off_loudly(cluster, checker, node=None):
    node = node or cluster.nodes[-1]
    _cut(cluster, checker, node, "loudly", node.cut_loudly, node.heal_loud_cut)


def _cut(cluster, checker, node, how, cut, heal):
    """A node loses the store for longer than it may serve without it."""
    sealed = checker.sealed[0]
    for each in cluster.nodes:
        holds(checker.open(sealed, each).done, f"{each.name} decrypts")
    with concurrent.futures.ThreadPoolExecutor(2) as pool, node.in_trouble("cut") as trouble:
        cut(cluster.databases.hosts)
        try:
            control = pool.submit(_control_plane_without_store, checker, node, sealed.key)
            refused = _first_refusal(checker, node, sealed, trouble.start + node.outage + 10)
            equal(node.probe("/health/ready"), 503, f"/health/ready of {node.name} while it refuses")
            equal(node.probe("/health/live"), 200, f"/health/live of {node.name} meanwhile")
            slowest, codes = control.result(timeout=60)
            eventually(lambda: not _connections(cluster, node), f"the database gives {node.name} up", 30)
        finally:
            heal(cluster.databases.hosts)
        healed = time.monotonic()
        node.wait_until_ready()
        recovered = time.monotonic() - healed
    serves = refused - trouble.start
    cluster.figure(f"cut off {how}: cryptography is refused after (asked for: {node.outage} s)", f"{serves:.1f} s")
    cluster.figure(f"cut off {how}: a change is refused within", f"{slowest:.1f} s, by {', '.join(sorted(codes))}")
    cluster.figure(f"cut off {how}: ready again after the healing within", f"{recovered:.2f} s")
    holds(node.outage - 2 <= serves <= node.outage + 5, f"it served {serves:.1f} s without the store")
    holds(checker.open(sealed, node).done, f"{node.name} decrypts again")
    time.sleep(2)


def _connections(cluster, node):
    """How many connections the database takes the node to have."""
    query = f"SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%{node.name}'"
    return int(cluster.databases.sql(query))


def _first_refusal(checker, node, sealed, deadline):
    """When the node first refuses to decrypt."""
    while time.monotonic() < deadline:
        call = checker.open(sealed, node)
        if not call.done:
            holds(call.code in RETRYABLE_CODES, f"{call} is no way to say that one may try again")
            return call.end
        time.sleep(0.1)
    raise AssertionError(f"{node.name} still decrypts {node.outage + 10} s after it lost the store")


def _control_plane_without_store(checker, node, key):
    """How long a change is waited for until it is refused, and the codes that refuse it."""
    slowest, codes = 0.0, set()
    for _ in range(2):
        call = checker.ask(node, key.region, "TagResource", KeyId=key.id, Tags=[{"TagKey": "cut", "TagValue": "off"}])
        holds(not call.done, f"{node.name} acknowledged a change without the store")
        holds(call.code in RETRYABLE_CODES, f"{call} is no way to say that one may try again")
        slowest = max(slowest, call.end - call.start)
        codes.add(call.code)
    return slowest, codes


def the_primary_is_lost(cluster, checker):
    """The host of the primary is gone, and comes back when the standby has become primary."""
    databases = cluster.databases
    lost = databases.leader()
    with cluster.all_in_trouble():
        begun = time.monotonic()
        databases.kill(lost)
        databases.wait_for_other_leader(lost)
        promoted = time.monotonic() - begun
        cluster.wait_for_writes(checker)
    end = time.monotonic()
    cluster.figure("failover: the standby is primary after", f"{promoted:.1f} s")
    cluster.figure("failover: time without an acknowledged write", f"{checker.longest_gap(begun, end):.1f} s")
    cluster.figure("failover: every node writes after", f"{end - begun:.1f} s")
    # To be waited for, it first makes the other commits wait.
    with cluster.all_in_trouble():
        databases.bring_back(lost)
        cluster.wait_for_writes(checker)
    time.sleep(2)


def the_standby_is_lost(cluster, checker):
    databases = cluster.databases
    lost = next(name for name in databases.members if name != databases.leader())
    with cluster.all_in_trouble():
        begun = time.monotonic()
        databases.kill(lost)
        time.sleep(0.5)
        cluster.wait_for_writes(checker)
        end = time.monotonic()
        databases.bring_back(lost)
        cluster.wait_for_writes(checker)
    cluster.figure("standby lost: time without an acknowledged write", f"{checker.longest_gap(begun, end):.1f} s")


def the_voter_is_lost(cluster, checker, seconds=15):
    """Without etcd nobody may be primary; with it again somebody is."""
    with cluster.all_in_trouble():
        cluster.databases.kill_voter()
        time.sleep(seconds)
        cluster.databases.bring_back_voter()
        eventually(cluster.databases.is_safe, "there is a primary and a synchronous standby", 90, pause=0.2)
        cluster.wait_for_writes(checker)


def clocks_are_wrong(cluster, checker):
    """One node is five minutes ahead and one behind, while rotations and deletions become due and a node is killed.

    All of them go by the databases' clock, which is moved for that.
    """
    nodes = cluster.nodes
    for node, seconds in zip(nodes, (0, SKEW, -SKEW), strict=True):
        # Between its end and its start: nobody asks it then.
        with node.in_trouble("down"):
            node.stop()
            node.clock = cluster.moved_clock(node.name, seconds)
            node.start()
            node.wait_until_ready()
        _wait_for_lead(checker, node, 0)
    time.sleep(5)
    rotating, ending = _make_due(checker, nodes)
    # A standby that has not been heard of for a hundred days is not waited for until it says something.
    with checker.paused(), cluster.all_in_trouble():
        cluster.databases.clock.move(JUMP)
        calls.clock.seconds = JUMP
        # Whoever does the first of it is killed in the middle of it.
        worker, begun = _wait_for_worker(nodes), time.monotonic()
        with worker.in_trouble("down"):
            worker.kill()
            cluster.say(f"{worker.name} does what is due, and is killed")
            for node in nodes:
                if node is not worker:
                    _wait_until_done(checker, node, rotating, ending)
            cluster.figure("what a killed node had begun is done after", f"{time.monotonic() - begun:.1f} s")
            worker.start()
            worker.wait_until_ready()
        _wait_until_done(checker, worker, rotating, ending)
    _check_once(nodes, rotating, ending)
    time.sleep(3)


def _wait_for_lead(checker, node, seconds):
    eventually(lambda: abs(_lead(checker, node) - seconds) < 5, f"{node.name} goes by the databases' clock", 5)


def _lead(checker, node):
    """How far the node's clock is ahead of the machine's, by what it answers."""
    call = checker.call_node(node, REGIONS[0], "CreateKey")
    return call.answer["KeyMetadata"]["CreationDate"].timestamp() - time.time() if call.done else math.inf


def _make_due(checker, nodes):
    """Keys that will rotate, and keys that will end, by themselves."""

    def make(number):
        node, region = nodes[number % len(nodes)], REGIONS[number % len(REGIONS)]
        key = checker.call_node(node, region, "CreateKey").answer["KeyMetadata"]
        what = {"RotationPeriodInDays": 90} if number < DUE_ROTATIONS else {"PendingWindowInDays": 7}
        operation = "EnableKeyRotation" if number < DUE_ROTATIONS else "ScheduleKeyDeletion"
        done = checker.call_node(node, region, operation, KeyId=key["KeyId"], **what)
        holds(done.done, str(done))
        return region, key["KeyId"], key["Arn"]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(make, range(DUE_ROTATIONS + DUE_DELETIONS)))
    return keys[:DUE_ROTATIONS], keys[DUE_ROTATIONS:]


def _wait_for_worker(nodes):
    def found():
        return next((node for node in nodes if _service_events(node)), None)

    eventually(found, "a node does what is due", 60, pause=0.01)
    return found()


def _wait_until_done(checker, node, rotating, ending):
    """Each key rotated once, and each key that was to end is gone, as this node sees it."""
    _wait_for_lead(checker, node, JUMP)

    def done():
        for region, key, _ in rotating:
            call = checker.ask(node, region, "ListKeyRotations", KeyId=key)
            rotations = call.answer.get("Rotations", ())
            holds(len(rotations) <= 1, f"{key} was rotated {len(rotations)} times")
            if len(rotations) != 1:
                return False
        calls = [checker.ask(node, region, "DescribeKey", allowed=("NotFoundException",), KeyId=key)
                 for region, key, _ in ending]  # fmt: skip
        return all(call.code == "NotFoundException" for call in calls)

    eventually(done, f"{node.name} sees that all is done that was due", 90, pause=0.2)


def _service_events(node):
    """The records of what the node did by itself, records with one identifier taken for one."""
    events = {}
    with contextlib.suppress(FileNotFoundError):
        for line in audit_lines(node.data):
            if '"DeleteKey"' in line or '"AUTOMATIC"' in line:
                record = json.loads(line)
                events[record["eventID"]] = record
    return events


def _check_once(nodes, rotating, ending):
    """The audit logs of all nodes together have each rotation and each deletion once."""

    def once():
        # Of a node that was killed, another one may have written the same record too.
        records = {identifier: record for node in nodes for identifier, record in _service_events(node).items()}
        counts = collections.Counter()
        for record in records.values():
            if record["eventName"] == "DeleteKey":
                counts[record["resources"][0]["ARN"]] += 1
            else:
                counts[record["serviceEventDetails"]["keyId"]] += 1
        wrong = {name: counts[name] for name in names if counts[name] > 1}
        equal(wrong, {}, "what was done more than once, by the audit logs")
        return all(counts[name] == 1 for name in names)

    names = [key for _, key, _ in rotating] + [arn for *_, arn in ending]
    eventually(once, "the audit logs have a record of everything that was due", 30, pause=0.2)
