"""The Debian package as its users have it: installed, started, upgraded, removed and purged on a machine of its own.

Usage: packaging/tests/package.py   (after `make deb`, as root: `make test-deb` does both)
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

from machine import REPOSITORY, Machine, equal, hierarchy, holds, must, sh, the_package

SERVICE = "chatelaine.service"
CONFIGURATION = "/etc/chatelaine/chatelaine.json"
DATA = "/var/lib/chatelaine"

# What a client finds: it keeps in a file what it must find again.
CLIENT = """
import base64, json, pathlib, sys, boto3
known = pathlib.Path(sys.argv[1])
memory = json.loads(known.read_text())
kms = boto3.client("kms", endpoint_url="http://127.0.0.1:4599", region_name="eu-central-1",
                   aws_access_key_id=memory["AWS_ACCESS_KEY_ID"], aws_secret_access_key=memory["AWS_SECRET_ACCESS_KEY"])
if "key" not in memory:
    memory["key"] = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=memory["key"], Plaintext=b"kept")["CiphertextBlob"]
    memory["blob"] = base64.b64encode(blob).decode()
    known.write_text(json.dumps(memory))
assert kms.decrypt(CiphertextBlob=base64.b64decode(memory["blob"]))["Plaintext"] == b"kept"
"""


class Installation:
    """The machine, and what is known of the package on it. The scenarios follow one another."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.package = the_package()
        self.machine = Machine(directory)
        self.memory = self.directory / "memory.json"

    def property(self, name):
        return self.machine.must("systemctl", "show", "--value", "-p", name, SERVICE).strip()

    def stat(self, path, pattern="%U:%G %a"):
        return self.machine.must("stat", "-c", pattern, path).strip()

    def journal(self):
        return self.machine.must("journalctl", "--no-pager", "-o", "cat", "-u", SERVICE)

    def install(self, package):
        """What dpkg says, which gets no answer to a question."""
        shutil.copy(package, self.machine.root / "var" / "tmp" / package.name)
        return self.machine.must("dpkg", "-i", f"/var/tmp/{package.name}")

    def client(self):
        """Uses the service as boto3 does, which the machine itself does not have."""
        must(*self.machine.enter(sys.executable, "-c", CLIENT, str(self.memory), namespaces=("--net",)))

    def wait(self, condition, what, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            holds(time.monotonic() < deadline, f"{what}: not within {seconds} s\n{self.journal()}")
            time.sleep(0.1)


def the_package_is_what_debian_asks_for(it):
    done = sh("lintian", "--fail-on", "error,warning", "--allow-root", str(it.package))
    equal(done.returncode, 0, f"lintian: {done.stdout}{done.stderr}")


def it_has_nothing_that_others_may_change(it):
    for line in must("dpkg-deb", "--contents", str(it.package)).splitlines():
        mode, owner, *_, name = line.split()[:6]
        equal(owner, "root/root", f"owner of {name}")
        holds(mode[0] == "l" or not (mode[5] == "w" or mode[8] == "w" or "s" in mode), f"{name} has mode {mode}")


def debian_has_all_that_it_needs(it):
    needs = [must("dpkg-deb", "--field", str(it.package), field).strip() for field in ("Depends", "Recommends")]
    it.machine.prepare("apt-get", "update", "-qq")
    it.machine.prepare("apt-get", "satisfy", "-qq", "-y", "--no-install-recommends", *needs)
    unpacked = it.directory / "unpacked"
    must("dpkg-deb", "--extract", str(it.package), str(unpacked))
    shutil.copy(unpacked / "usr/bin/chatelaine", it.machine.root / "var/tmp/chatelaine")
    libraries = it.machine.prepare("ldd", "/var/tmp/chatelaine")
    holds("not found" not in libraries, f"libraries: {libraries}")
    holds("libswift" not in libraries, f"libraries of the toolchain: {libraries}")
    it.machine.boot()


def installing_starts_nothing_and_says_what_comes_next(it):
    said = it.install(it.package)
    holds("chatelaine init" in said and "systemctl enable --now chatelaine" in said, f"it says {said}")
    equal(it.property("ActiveState"), "inactive", "state")
    equal(it.property("UnitFileState"), "disabled", "state of the unit")
    user = it.machine.must("getent", "passwd", "chatelaine").strip().split(":")
    equal(user[5:], [DATA, "/usr/sbin/nologin"], "home and shell of the user")
    holds(0 < int(user[2]) < 1000, f"{user[2]} is the number of a system user")
    equal(it.machine.must("id", "-Gn", "chatelaine").strip(), "chatelaine", "its groups")
    equal(it.stat(DATA), "chatelaine:chatelaine 700", DATA)
    equal(it.stat("/etc/chatelaine"), "root:chatelaine 750", "/etc/chatelaine")
    equal(it.stat(CONFIGURATION), "root:chatelaine 640", CONFIGURATION)
    equal(it.stat("/usr/bin/chatelaine"), "root:root 755", "/usr/bin/chatelaine")
    package = it.machine.must("dpkg-query", "-W", "-f", "${Version}", "chatelaine")
    equal(it.machine.must("chatelaine", "--version").strip(), package, "version of the program")


def without_keys_it_refuses_to_start_and_makes_none(it):
    holds(it.machine("systemctl", "start", SERVICE).returncode != 0, "it started")
    equal(it.property("ExecMainStatus"), "2", "exit code")
    equal(it.property("NRestarts"), "0", "how often it was tried again")
    holds(f"{DATA} is not a data directory yet" in it.journal(), f"the journal says {it.journal()}")
    equal(it.machine.must("ls", "-A", DATA), "", "what it made")


def a_person_makes_the_keys(it):
    said = it.machine.must("runuser", "-u", "chatelaine", "--", "chatelaine", "init", "--config", CONFIGURATION)
    found = dict(re.findall(r"export (AWS_[A-Z_]+_ID|AWS_SECRET_ACCESS_KEY)=(\S+)", said))
    equal(sorted(found), ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], "what it shows")
    it.memory.write_text(json.dumps(found))
    equal(it.stat(f"{DATA}/root.key"), "chatelaine:chatelaine 600", "root.key")


def it_serves_inside_its_sandbox(it):
    it.machine.must("systemctl", "enable", "--now", SERVICE)
    equal(it.property("ActiveState"), "active", "state")
    equal(it.property("StatusText"), "listening on http://127.0.0.1:4599", "what it told systemd")
    it.client()
    it.main = it.property("MainPID")
    status = dict(line.split(":\t", 1) for line in it.machine.must("cat", f"/proc/{it.main}/status").splitlines())
    number = it.machine.must("id", "-u", "chatelaine").strip()
    equal(status["Uid"].split(), [number] * 4, "user")
    for name, value in {"NoNewPrivs": "1", "Seccomp": "2", "CapBnd": "0" * 16, "CapEff": "0" * 16}.items():
        equal(status[name], value, name)
    locked = re.search(r"^Max locked memory +(\d+)", it.machine.must("cat", f"/proc/{it.main}/limits"), re.M)
    holds(locked and int(locked[1]) >= 8 << 20, "it may lock memory")
    for word in ("not locked", "error", "denied", "Running as root"):
        holds(word not in it.journal(), f"the journal has {word!r}: {it.journal()}")
    secret = json.loads(it.memory.read_text())["AWS_SECRET_ACCESS_KEY"]
    holds(secret not in it.machine.must("journalctl", "--no-pager"), "the journal has no secret")
    made = it.machine.must("find", DATA, "-printf", "%u %m %y %p\n").splitlines()
    for line in made:
        owner, mode, kind, path = line.split(maxsplit=3)
        equal((owner, mode), ("chatelaine", "700" if kind == "d" else "600"), path)


def the_sandbox_holds_for_the_process(it):
    """Its files are looked at through /proc, so as it sees them."""
    seen = f"/proc/{it.main}/root"
    for path in ("/etc", "/usr/bin", "/var", "/var/lib", "/"):
        said = it.machine("touch", f"{seen}{path}/written").stderr
        holds("Read-only file system" in said, f"writing to {path} says {said!r}")
    for path in (DATA, "/tmp"):
        it.machine.must("touch", f"{seen}{path}/written")
        it.machine.must("rm", f"{seen}{path}/written")
    for path in ("/home", "/root"):
        equal(it.machine.must("ls", "-A", f"{seen}{path}"), "", f"what is in {path}")
    devices = it.machine.must("ls", f"{seen}/dev").split()
    holds("null" in devices and "mem" not in devices and "ptmx" in devices, f"devices: {devices}")
    for path in ("/bin/sh", "/usr/bin/env"):
        said = it.machine(f"{seen}{path}").stderr
        holds("Permission denied" in said, f"running {path} says {said!r}")
    exposure = it.machine.must("systemd-analyze", "security", "--no-pager", SERVICE)
    documented = re.search(r"exposure level[^.]*?(\d\.\d)", (REPOSITORY / "docs/install.md").read_text())
    holds(documented, "docs/install.md gives the exposure level")
    holds(f": {documented[1]} " in exposure.splitlines()[-1], f"docs/install.md says {documented[1]}: {exposure[-200:]}")


def a_reload_keeps_it_running(it):
    it.machine.must("systemctl", "reload", SERVICE)
    time.sleep(0.5)
    equal((it.property("ActiveState"), it.property("MainPID")), ("active", it.main), "state and process after it")
    it.client()


def a_server_that_hangs_is_started_anew(it):
    drop_in = f"/run/systemd/system/{SERVICE}.d"
    it.machine.must("mkdir", "-p", drop_in)
    it.machine.must("sh", "-c", f"printf '[Service]\\nWatchdogSec=2s\\n' > {drop_in}/test.conf")
    it.machine.must("systemctl", "daemon-reload")
    it.machine.must("systemctl", "restart", SERVICE)
    main = it.property("MainPID")
    time.sleep(5)
    equal(it.property("MainPID"), main, "its process while it lives")
    it.machine.must("kill", "-STOP", main)
    it.wait(lambda: it.property("MainPID") not in ("0", main) and it.property("ActiveState") == "active", "a new one")
    it.client()
    it.machine.must("rm", f"{drop_in}/test.conf")
    it.machine.must("systemctl", "daemon-reload")


def newer(it):
    """The same package, but of a later version."""
    tree = it.directory / "newer"
    must("dpkg-deb", "--raw-extract", str(it.package), str(tree))
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^(Version: .*)$", r"\1+later", control.read_text(), flags=re.M))
    package = it.directory / "chatelaine_newer.deb"
    must("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(package))
    return package


def an_upgrade_keeps_data_and_configuration(it):
    changed = it.machine.root / CONFIGURATION.lstrip("/")
    configuration = json.loads(changed.read_text())
    configuration["log-level"] = "notice"
    changed.write_text(json.dumps(configuration))
    it.machine.must("chmod", "600", CONFIGURATION)
    it.machine.must("chown", "chatelaine:chatelaine", CONFIGURATION)
    it.machine.must("systemctl", "restart", SERVICE)
    main = it.property("MainPID")
    it.install(newer(it))
    equal(json.loads(changed.read_text())["log-level"], "notice", "what was changed in the configuration")
    equal(it.stat(CONFIGURATION), "chatelaine:chatelaine 600", "its owner and mode, which were changed too")
    equal(it.property("ActiveState"), "active", "state")
    holds(it.property("MainPID") not in ("0", main), "it is started anew")
    equal(it.property("UnitFileState"), "enabled", "state of the unit")
    it.client()
    for name in ("prometheus/alerts.yaml", "prometheus/prometheus.yaml", "grafana/chatelaine.json"):
        it.machine.must("test", "-s", f"/usr/share/doc/chatelaine/deploy/{name}")


def removing_it_ends_it_and_leaves_the_keys(it):
    it.machine.must("dpkg", "--remove", "chatelaine")
    equal(it.machine("pgrep", "chatelaine").returncode, 1, "exit code of pgrep, which finds nothing of it")
    equal(it.stat(f"{DATA}/root.key"), "chatelaine:chatelaine 600", "root.key")
    it.machine.must("test", "-e", CONFIGURATION)


def purging_it_asks_nothing_and_leaves_the_keys(it):
    said = it.machine.must("dpkg", "--purge", "chatelaine")
    holds(f"the keys in {DATA}, and the user chatelaine, are left" in said, f"it says {said}")
    equal(it.stat(f"{DATA}/root.key"), "chatelaine:chatelaine 600", "root.key")
    holds(it.machine("test", "-e", "/etc/chatelaine").returncode != 0, "its configuration is gone")
    holds(it.machine("test", "-e", "/usr/bin/chatelaine").returncode != 0, "the program is gone")


def installed_again_it_finds_everything(it):
    said = it.install(it.package)
    holds("chatelaine init" not in said, f"it has keys, and says {said}")
    it.machine.must("systemctl", "start", SERVICE)
    it.client()
    it.machine.must("systemctl", "stop", SERVICE)
    equal(it.property("Result"), "success", "how it ended")


SCENARIOS = [
    the_package_is_what_debian_asks_for, it_has_nothing_that_others_may_change, debian_has_all_that_it_needs,
    installing_starts_nothing_and_says_what_comes_next, without_keys_it_refuses_to_start_and_makes_none,
    a_person_makes_the_keys, it_serves_inside_its_sandbox, the_sandbox_holds_for_the_process,
    a_reload_keeps_it_running, a_server_that_hangs_is_started_anew, an_upgrade_keeps_data_and_configuration,
    removing_it_ends_it_and_leaves_the_keys, purging_it_asks_nothing_and_leaves_the_keys,
    installed_again_it_finds_everything,
]  # fmt: skip


def main():
    if hierarchy() is None:
        sys.exit("there is no cgroup2 hierarchy to start a machine in")
    directory = tempfile.mkdtemp(prefix="package-")
    it = Installation(directory)
    passed = 0
    try:
        for scenario in SCENARIOS:
            scenario(it)
            passed += 1
            print(f"passed: {scenario.__name__}", flush=True)
    except (AssertionError, subprocess.SubprocessError, OSError):
        print(f"FAILED: {SCENARIOS[passed].__name__}\n{traceback.format_exc()}", flush=True)
    finally:
        it.machine.end()
        shutil.rmtree(directory, ignore_errors=True)
    # Each builds on those before it: what comes after a failure is not tried.
    failed = passed < len(SCENARIOS)
    print(f"{passed} passed, {int(failed)} failed, {len(SCENARIOS) - passed - int(failed)} skipped")
    sys.exit(failed)


if __name__ == "__main__":
    main()
