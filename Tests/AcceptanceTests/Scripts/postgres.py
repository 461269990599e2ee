"""A PostgreSQL server of a script's own, on a free port, which is gone when the script is."""

import atexit
import contextlib
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile

PASSWORD = "nobody/must:see@this"
_programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))


class PostgreSQL:
    def __init__(self):
        if not _programs:
            # A continuous build has one.
            print("skipped: there is no PostgreSQL in /usr/lib/postgresql", flush=True)
            sys.exit(1 if os.environ.get("CI") else 0)
        self._bin = _programs[-1].parent
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="postgres-"))
        atexit.register(self.remove)
        if os.geteuid() == 0:
            # It refuses to be run as root.
            self._user = next(name for name in ("postgres", "nobody") if _is_user(name))
            shutil.chown(self._directory, self._user)
        else:
            self._user = None
        self._run("initdb", "-D", self._directory / "data", "-U", "owner", "-A", "trust", "-N", "-E", "UTF8")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self):
        options = f"-p {self.port} -h 127.0.0.1 -k {self._directory} -c fsync=off -c max_connections=100"
        self._run(
            "pg_ctl", "-D", self._directory / "data", "-w", "-l", self._directory / "log", "-o", options, "start")

    def stop(self):
        self._run("pg_ctl", "-D", self._directory / "data", "-w", "-m", "immediate", "stop")

    def remove(self):
        with contextlib.suppress(Exception):
            self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def database(self, name):
        """A new database, as what --store takes, with a password in it that is nobody's business."""
        self._run("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "owner", name)
        password = PASSWORD.replace("/", "%2F").replace(":", "%3A").replace("@", "%40")
        return f"postgresql://owner:{password}@127.0.0.1:{self.port}/{name}"

    def query(self, database, sql):
        return self._run(
            "psql", "-h", "127.0.0.1", "-p", self.port, "-U", "owner", "-d", database, "-At", "-c", sql).strip()

    def _run(self, program, *arguments):
        command = [str(self._bin / program), *map(str, arguments)]
        if self._user:
            command = ["setpriv", f"--reuid={self._user}", "--clear-groups", *command]
        # What pg_ctl starts keeps its output open, which nobody must wait for.
        with tempfile.TemporaryFile(mode="w+") as said:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=120, cwd="/",
                env={**os.environ, "LC_ALL": "C"})  # fmt: skip
            said.seek(0)
            text = said.read()
        if done.returncode:
            raise AssertionError(f"{program} ended with {done.returncode}: {text}")
        return text


def _is_user(name):
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


def keeps_secret(text, what):
    """Fails when the password of a database is in what was said."""
    for part in (PASSWORD, "nobody%2Fmust", "must:see", "see@this"):
        if part in text:
            raise AssertionError(f"{what} shows the password of the database: {text}")
