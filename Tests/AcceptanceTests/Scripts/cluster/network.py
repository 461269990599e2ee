"""Hosts that are network namespaces, on two networks: one that clients use, one that only nodes and databases use.

With two networks, a node can lose the store and still be asked. There are two ways to lose it. A loud cut takes the
interface down: what is sent fails at once. A silent cut lets every packet go to a hardware address that nobody has, as
a broken switch does: nothing fails, nothing arrives. It needs no filter in the kernel.

Needs root. A host's name has the number of the process that made it, so that the next run can take away what one left
that was killed.
"""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

FRONT, BACK = "front", "back"
PREFIX = "chatelaine"
NOBODY = "02:00:00:00:00:fe"
# Of the addresses that are set aside for tests of networks (RFC 2544).
NETWORKS = {FRONT: "198.18", BACK: "198.19"}


class NotPermitted(Exception):
    """This machine does not let this process make networks."""


def ip(*arguments, namespace=None):
    """Runs `ip`, which must succeed."""
    command = ["ip", *(("-n", namespace) if namespace else ()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Host:
    """A namespace with an address on each of some networks."""

    def __init__(self, network, name, number, links):
        self.network, self.name, self.number, self.links = network, name, number, links
        self.namespace = f"{PREFIX}-{os.getpid()}-{name}"

    def address(self, link=BACK):
        return self.network.address(link, self.number)

    def make(self):
        ip("netns", "add", self.namespace)
        ip("link", "set", "lo", "up", namespace=self.namespace)
        for link in self.links:
            outside = self.network.interface(link, self.number)
            ip("link", "add", outside, "type", "veth", "peer", "name", link, "netns", self.namespace)
            ip("link", "set", outside, "master", self.network.bridge(link), "up")
            ip("addr", "add", f"{self.address(link)}/24", "dev", link, namespace=self.namespace)
            ip("link", "set", link, "up", namespace=self.namespace)

    def command(self, *command):
        """A command that runs there."""
        return ["ip", "netns", "exec", self.namespace, *command]

    def processes(self):
        return [int(number) for number in ip("netns", "pids", self.namespace).split()]

    def kill(self):
        """Ends every process there as a loss of power would, and returns when none is left."""
        deadline = time.monotonic() + 20
        while numbers := self.processes():
            for number in numbers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name} still has the processes {numbers}")
            time.sleep(0.02)

    def cut_loudly(self, link=BACK):
        ip("link", "set", link, "down", namespace=self.namespace)

    def heal_loud_cut(self, link=BACK):
        ip("link", "set", link, "up", namespace=self.namespace)

    def cut_silently(self, others, link=BACK):
        """From now on nothing that this host and the others send each other arrives, and nobody is told."""
        for here, there in self._pairs(others):
            ip("neigh", "replace", there.address(link), "lladdr", NOBODY, "dev", link, "nud", "permanent",
               namespace=here.namespace)  # fmt: skip

    def heal_silent_cut(self, others, link=BACK):
        for here, there in self._pairs(others):
            ip("neigh", "del", there.address(link), "dev", link, namespace=here.namespace)

    def _pairs(self, others):
        for other in others:
            yield self, other
            yield other, self


class Network:
    """Two bridges, on which this process has addresses too, and the hosts on them."""

    def __init__(self):
        self.hosts = []
        # Two runs at the same time need addresses of their own.
        self.part = os.getpid() % 250 + 1

    def __enter__(self):
        try:
            remove_leftovers()
            for link in NETWORKS:
                ip("link", "add", self.bridge(link), "type", "bridge")
                ip("addr", "add", f"{self.address(link, 254)}/24", "dev", self.bridge(link))
                ip("link", "set", self.bridge(link), "up")
            trial = self.host("trial")
            ip("netns", "exec", trial.namespace, "true")
        except (RuntimeError, OSError) as failure:
            self.close()
            raise NotPermitted(
                "the cluster test makes network namespaces and bridges, which needs root, iproute2 and a kernel that "
                f"permits it; here that failed: {failure}"
            ) from None
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for host in self.hosts:
            with contextlib.suppress(RuntimeError):
                host.kill()
            with contextlib.suppress(RuntimeError):
                ip("netns", "del", host.namespace)
        for link in NETWORKS:
            with contextlib.suppress(RuntimeError, OSError):
                ip("link", "del", self.bridge(link))

    def host(self, name, links=(BACK,)):
        host = Host(self, name, len(self.hosts) + 1, links)
        self.hosts.append(host)
        host.make()
        return host

    def bridge(self, link):
        return f"{link[0]}br{os.getpid()}"

    def interface(self, link, number):
        return f"{link[0]}{number}v{os.getpid()}"

    def address(self, link, number):
        return f"{NETWORKS[link]}.{self.part}.{number}"


def remove_leftovers():
    """Takes away what runs left that were killed before they could."""
    for line in ip("netns", "list").splitlines():
        found = re.match(rf"({PREFIX}-(\d+)-\S+)", line)
        if found and not pathlib.Path("/proc", found[2]).exists():
            for number in ip("netns", "pids", found[1]).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(number), signal.SIGKILL)
            ip("netns", "del", found[1])
    for found in re.findall(r"^\d+: ([fb]br(\d+)):", ip("-o", "link", "show", "type", "bridge"), re.MULTILINE):
        if not pathlib.Path("/proc", found[1]).exists():
            ip("link", "del", found[0])
