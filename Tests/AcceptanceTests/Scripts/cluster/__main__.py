"""Three nodes over PostgreSQL with a synchronous standby, and everything that can go wrong between them.

Usage: python3 Tests/AcceptanceTests/Scripts/cluster [SCENARIO...]    as root; without names, all that CI runs.

Ends with 77 where networks cannot be made.

Environment: CLUSTER_SEED; CLUSTER_SOAK_SECONDS (0): how long further faults follow, in any order.
"""

import os
import pathlib
import random
import signal
import sys
import time
import traceback

# What all scripts share; a module here comes before one of the same name there.
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1]))

import history_cases  # noqa: E402
import scenarios  # noqa: E402
from checker import Checker  # noqa: E402
from cluster import Cluster  # noqa: E402
from database import Missing  # noqa: E402
from network import NotPermitted  # noqa: E402
from workload import Workload  # noqa: E402

SEED = os.environ.get("CLUSTER_SEED", str(time.time_ns() % 10**6))
# As programs say that a test was skipped.
NOT_POSSIBLE = 77
SOAK_SECONDS = float(os.environ.get("CLUSTER_SOAK_SECONDS", "0"))
# The last one moves clocks, for good.
USUAL = (
    scenarios.calm, scenarios.a_node_is_killed, scenarios.a_node_is_cut_off_silently,
    scenarios.a_node_is_cut_off_loudly, scenarios.the_standby_is_lost, scenarios.the_primary_is_lost,
    scenarios.clocks_are_wrong,
)  # fmt: skip
OF_ONE_NODE = (
    scenarios.a_node_is_killed, scenarios.a_node_is_cut_off_silently, scenarios.a_node_is_cut_off_loudly,
)  # fmt: skip
OF_THE_STORE = (scenarios.the_standby_is_lost, scenarios.the_primary_is_lost, scenarios.the_voter_is_lost)


class NotWhole(Exception):
    """A scenario failed, so that nothing is known of the state that the cluster is in."""


def attempt(cluster, checker, scenario, **more):
    """Whether a scenario passes: by itself, and by what the checker found meanwhile."""
    cluster.say(scenario.__name__)
    known = len(checker.faults)
    try:
        scenario(cluster, checker, **more)
    except Exception:
        checker.fault(f"{scenario.__name__}: {traceback.format_exc()}")
        raise NotWhole from None
    new = len(checker.faults) - known
    print(f"FAILED: {scenario.__name__}: {new} faults" if new else f"passed: {scenario.__name__}", flush=True)
    return not new


def soak(cluster, checker):
    dice, deadline = random.Random(SEED), time.monotonic() + SOAK_SECONDS
    while time.monotonic() < deadline:
        one = dice.random() < 0.6
        more = {"node": dice.choice(cluster.nodes)} if one else {}
        yield attempt(cluster, checker, dice.choice(OF_ONE_NODE if one else OF_THE_STORE), **more)


def end(cluster, checker):
    """Nothing is lost, every node ends as it should, and its audit log is whole."""
    checker.stop()
    checker.read_everything()
    for node in cluster.nodes:
        status = node.stop()
        if status:
            checker.fault(f"{node.name} ended with {status}")
    said, are_whole = cluster.nodes[0].verify_logs(cluster.nodes)
    print(said.strip(), flush=True)
    if not are_whole:
        checker.fault("the audit logs are not whole")


def run(chosen):
    with Cluster() as cluster:
        checker = Checker(cluster.account, cluster.nodes, SEED)
        workload = Workload(checker)
        workload.prepare()
        cluster.say("all keys are made")
        workload.start()
        results = []
        try:
            for scenario in chosen:
                results.append(attempt(cluster, checker, scenario))
                if scenario is USUAL[-2] and SOAK_SECONDS:
                    results += soak(cluster, checker)
            results.append(attempt(cluster, checker, end))
        except NotWhole:
            results.append(False)
            # What it finds from now on is of no interest.
            checker.silence()
            checker.stop()
        print("\n".join(checker.report()), flush=True)
        for name, value in cluster.figures:
            print(f"{name}: {value}")
        print(f"{results.count(True)} passed, {results.count(False)} failed, {len(checker.faults)} faults", flush=True)
        if not all(results) or checker.faults:
            raise SystemExit(1)


def main():
    # Ends what was started.
    os.environ["NO_PROXY"] = "*"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    history_cases.check()
    print(f"seed {SEED}", flush=True)
    names = sys.argv[1:]
    chosen = [getattr(scenarios, name) for name in names] or USUAL
    try:
        run(chosen)
    except NotPermitted as failure:
        print(failure, file=sys.stderr)
        sys.exit(NOT_POSSIBLE)
    except Missing as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
