"""A Debian machine of its own: a fresh system with systemd as its first process, in namespaces of this one.

It needs root, debootstrap, iproute2 and a cgroup2 hierarchy that may be written to. Nothing of it outlives the test but the fresh
system itself, which is kept so that the next test need not download it.
"""

import pathlib
import shutil
import subprocess
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# What the image debian:bookworm-slim has, and what a machine has besides: systemd.
PACKAGES = "systemd,systemd-sysv,ca-certificates"

# /proc/sys and /sys belong to the whole machine, so this one may only read them.
BOOT = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/shm dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ip link set lo up
pivot_root . mnt
umount -l /mnt
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"""


def sh(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, **options)


def must(*command, **options):
    done = sh(*command, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}:\n  expected {expected!r}\n  got      {actual!r}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def the_package():
    found = sorted((REPOSITORY / "artifacts" / "deb").glob("chatelaine_*.deb"))
    equal(len(found), 1, f"number of packages made by `make deb`, {found}")
    return found[0]


def fresh_system():
    """A Debian system as it is before anything is installed on it, downloaded once."""
    system = REPOSITORY / "artifacts" / "debian" / "bookworm"
    if not (system / "etc" / "os-release").exists() or not (system.parent / "complete").exists():
        shutil.rmtree(system, ignore_errors=True)
        system.parent.mkdir(parents=True, exist_ok=True)
        must("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(system))
        (system.parent / "complete").touch()
    return system


def hierarchy():
    """Where cgroups of version 2 are made."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, where, kind, flags, *_ = line.split()
        if kind == "cgroup2" and "rw" in flags.split(","):
            return pathlib.Path(where)
    return None


class Machine:
    def __init__(self, directory):
        self.root = pathlib.Path(directory) / "root"
        must("cp", "-a", "--reflink=auto", str(fresh_system()), str(self.root))
        self.process = None
        self.group = None

    def prepare(self, *command):
        """Runs a command in the system before it is a machine, with the network of this one."""
        return must("chroot", str(self.root), "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", *command)

    def boot(self):
        self.group = hierarchy() / f"chatelaine-test-{self.root.parent.name}"
        self.group.mkdir()
        join = f'echo $$ > "{self.group}/cgroup.procs" && exec "$@"'
        unshare = ["unshare", "--mount", "--pid", "--cgroup", "--ipc", "--uts", "--net", "--fork", "--kill-child"]
        self.process = subprocess.Popen(
            ["sh", "-c", join, "sh", *unshare, "sh", "-c", BOOT, "sh", str(self.root)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while self("systemctl", "is-system-running").stdout.strip() not in ("running", "degraded"):
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.process.kill()
                raise AssertionError(f"the machine did not start: {self.process.communicate()[0].decode()}")
            time.sleep(0.2)

    def first(self):
        """The number that the machine's first process has here."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return children[0] if children else str(self.process.pid)

    def enter(self, *command, namespaces=("--mount", "--pid", "--cgroup", "--ipc", "--uts", "--net", "--root")):
        return ["nsenter", "--target", self.first(), *namespaces, *command]

    def __call__(self, *command):
        """Runs a command in the machine."""
        return sh(*self.enter("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", *command))

    def must(self, *command):
        done = self(*command)
        if done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def end(self):
        if self.process and self.process.poll() is None:
            # With the first process, the kernel ends all others.
            self.process.kill()
            self.process.wait()
        if self.group:
            for _ in range(50):
                groups = sorted(self.group.rglob("*/"), reverse=True) if self.group.exists() else []
                try:
                    for group in groups:
                        group.rmdir()
                    self.group.rmdir()
                    return
                except OSError:
                    time.sleep(0.1)
