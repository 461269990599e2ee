"""A PostgreSQL primary with a synchronous standby, which Patroni keeps and fails over; it votes in etcd.

Each of the three has a host of its own. The times are short, so that a failover takes ten seconds and not the half a
minute of Patroni's own defaults.

`synchronous_mode` is on and `synchronous_mode_strict` is off. With two hosts, strict would stop every write as soon as
either is gone. Without it the primary goes on alone, but only after it has written into etcd that the other one may not
become primary; so no commit that was acknowledged is lost by the loss of any one host.
"""

import contextlib
import http.client
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import urllib.error
import urllib.request

from harness import eventually
from server import REPOSITORY

# Patroni asks that TTL is at least LOOP_WAIT and twice RETRY_TIMEOUT.
TTL, LOOP_WAIT, RETRY_TIMEOUT = 8, 1, 3
NAMES = ("db1", "db2")
DATABASE = USER = "chatelaine"
PASSWORD = "of the tests only"
OWNER = "postgres"
START_SECONDS = 90


class Missing(Exception):
    """A program that the databases need is not on this machine."""


def postgres_programs():
    """Where the newest PostgreSQL's programs are."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise Missing("PostgreSQL is not on this machine: apt-get install postgresql")
    return found[-1].parent


def check_programs():
    postgres_programs()
    for program, package in {"etcd": "etcd-server", "patroni": "patroni", "psql": "postgresql-client"}.items():
        if not program_path(program):
            raise Missing(f"{program} is not on this machine: apt-get install {package}")


def program_path(name):
    """Where a program is: on the search path, or where make put what it took out of a package."""
    taken = REPOSITORY / ".build" / "tools" / name
    return shutil.which(name) or (str(taken) if taken.exists() else None)


class Databases:
    """etcd and the two members.

    `clock`: what the members' PostgreSQL takes for the time.
    """

    def __init__(self, network, directory, clock):
        check_programs()
        self.directory, self.clock = directory, clock
        self.voter = network.host("etcd")
        self.members = {name: network.host(name) for name in NAMES}
        owner = pwd.getpwnam(OWNER)
        for name in (*NAMES, "etcd"):
            path = directory / name
            path.mkdir()
            os.chown(path, owner.pw_uid, owner.pw_gid)
            path.chmod(0o700)
        # The owner of the databases passes through, and sees no more.
        directory.chmod(0o711)
        self.programs = self._programs_with_clock()

    def _programs_with_clock(self):
        """PostgreSQL's programs, of which the server has another clock, in a directory of their own."""
        directory = self.directory / "bin"
        directory.mkdir()
        for program in postgres_programs().iterdir():
            (directory / program.name).symlink_to(program)
        server = directory / "postgres"
        own = server.readlink()
        server.unlink()
        settings = " ".join(f"{name}='{value}'" for name, value in self.clock.environment.items())
        server.write_text(f'#!/bin/sh\n{settings} exec {own} "$@"\n')
        server.chmod(0o755)
        return directory

    @property
    def hosts(self):
        return list(self.members.values())

    def start(self):
        self._start_etcd()
        first, second = NAMES
        self.start_member(first)
        eventually(lambda: self.leader() == first, f"{first} becomes primary", START_SECONDS, pause=0.2)
        self.start_member(second)
        eventually(self.is_safe, "the standby is synchronous", START_SECONDS, pause=0.2)
        self._make_database()

    def _start_etcd(self):
        address = self.voter.address()
        self._run(self.voter, "etcd", [
            program_path("etcd"), "--name", "etcd", "--data-dir", str(self.directory / "etcd" / "data"),
            "--listen-client-urls", f"http://{address}:2379", "--advertise-client-urls", f"http://{address}:2379",
            "--listen-peer-urls", f"http://{address}:2380", "--initial-advertise-peer-urls", f"http://{address}:2380",
            "--initial-cluster", f"etcd=http://{address}:2380",
        ])  # fmt: skip
        eventually(lambda: self._answers(f"http://{address}:2379/health"), "etcd answers", 30)

    def start_member(self, name):
        """Starts a member, for the first time or after its host was killed; returns at once."""
        host = self.members[name]
        file = self.directory / name / "patroni.json"
        file.write_text(json.dumps(self._configuration(name, host), indent=1))
        self._run(host, name, [program_path("patroni"), str(file)])

    def _run(self, host, name, command):
        with open(self.directory / f"{name}.log", "ab") as log:
            # Another user: PostgreSQL refuses to be root's.
            subprocess.Popen(
                host.command("setpriv", "--reuid", OWNER, "--regid", OWNER, "--init-groups", "--", *command),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory / name,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.directory / name)},
                start_new_session=True,
            )  # fmt: skip

    def _configuration(self, name, host):
        address, network = host.address(), host.address().rpartition(".")[0] + ".0/24"
        replication, superuser = (
            {"username": who, "password": PASSWORD} for who in ("replicator", "postgres"))
        return {
            "scope": "chatelaine", "name": name,
            "restapi": {"listen": f"{address}:8008", "connect_address": f"{address}:8008"},
            "etcd3": {"host": f"{self.voter.address()}:2379"},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL, "loop_wait": LOOP_WAIT, "retry_timeout": RETRY_TIMEOUT,
                    "synchronous_mode": True, "synchronous_mode_strict": False,
                    "maximum_lag_on_failover": 0, "primary_start_timeout": TTL,
                    "postgresql": {
                        "use_pg_rewind": True, "use_slots": True,
                        "parameters": {
                            "max_connections": 60, "shared_buffers": "64MB", "wal_keep_size": "256MB",
                            # A standby that is cut off must not be waited for longer than Patroni needs to notice.
                            "wal_sender_timeout": "4s", "wal_receiver_timeout": "4s",
                            "wal_receiver_status_interval": "1s", "wal_retrieve_retry_interval": "500ms",
                            "tcp_user_timeout": "4s",
                        },
                    },
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
            },
            "postgresql": {
                "listen": f"{address}:5432", "connect_address": f"{address}:5432",
                "data_dir": str(self.directory / name / "data"), "bin_dir": str(self.programs),
                "pgpass": str(self.directory / name / "pgpass"),
                "authentication": {"replication": replication, "superuser": superuser, "rewind": superuser},
                "parameters": {"unix_socket_directories": str(self.directory / name)},
                "pg_hba": [
                    "local all all trust", f"host replication replicator {network} scram-sha-256",
                    f"host all all {network} scram-sha-256",
                ],
            },
        }  # fmt: skip

    def _make_database(self):
        self.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'", user="postgres", database="postgres")
        self.sql(f"CREATE DATABASE {DATABASE} OWNER {USER}", user="postgres", database="postgres")

    # What others see

    def url(self, database=DATABASE, user=USER):
        hosts = ",".join(f"{host.address()}:5432" for host in self.hosts)
        password = PASSWORD.replace(" ", "%20")
        return f"postgresql://{user}:{password}@{hosts}/{database}?target_session_attrs=read-write&connect_timeout=3"

    def sql(self, text, user=USER, database=DATABASE, timeout=30):
        """What the primary answers, as lines of fields between tabs."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", self.url(database, user), "-c", text],
            capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        if "WARNING" in done.stderr:
            # Such as: canceling wait for synchronous replication.
            raise RuntimeError(f"what became of it is not known: {done.stderr.strip()}")
        return done.stdout

    def states(self):
        """What each member that answers says of the cluster, by its name: its role, and who is synchronous."""
        for host in self.hosts:
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                with urllib.request.urlopen(f"http://{host.address()}:8008/cluster", timeout=2) as answer:
                    return {each["name"]: each for each in json.load(answer)["members"]}
        return {}

    def leader(self):
        """The name of the member that takes writes, or None."""
        for name, host in self.members.items():
            if self._answers(f"http://{host.address()}:8008/primary"):
                return name
        return None

    def is_safe(self):
        """Whether there is a primary and a synchronous standby that has all of it."""
        leader = self.leader()
        others = [host for name, host in self.members.items() if name != leader]
        return leader is not None and any(self._answers(f"http://{host.address()}:8008/sync") for host in others)

    @staticmethod
    def _answers(url):
        with contextlib.suppress(OSError, http.client.HTTPException):
            with urllib.request.urlopen(url, timeout=2) as answer:
                return answer.status == 200
        return False

    # Faults

    def kill(self, name):
        """Takes a member's host away as a loss of power does: nobody is told, not even by a closed connection."""
        self.members[name].cut_loudly()
        self.members[name].kill()

    def kill_voter(self):
        self.voter.kill()

    def bring_back_voter(self):
        self._start_etcd()

    def wait_for_other_leader(self, name, seconds=60):
        # The lost one is not asked: it would take its time not to answer.
        others = [host for other, host in self.members.items() if other != name]

        def found():
            return any(self._answers(f"http://{host.address()}:8008/primary") for host in others)

        eventually(found, f"another primary than {name}", seconds, pause=0.05)

    def bring_back(self, name, seconds=START_SECONDS):
        """Starts a member whose host was killed, and waits until it is a synchronous standby."""
        self.members[name].heal_loud_cut()
        self.start_member(name)
        eventually(self.is_safe, f"{name} is a synchronous standby", seconds, pause=0.2)

    def logs(self):
        for name in ("etcd", *NAMES):
            path = self.directory / f"{name}.log"
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            yield name, "\n".join([line for line in lines if "no action" not in line][-25:])
