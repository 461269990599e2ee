"""The last stage of the Dockerfile, carried out on a Debian system without a Docker engine, and what it makes, run.

Usage: packaging/tests/image.py   (after `make deb`, as root: `make test-deb` does both)
"""

import json
import re
import shutil
import sys
import tempfile

from machine import REPOSITORY, Machine, equal, holds, must, the_package

DOCKERFILE = REPOSITORY / "deploy" / "docker" / "Dockerfile"

# As the container's first process and the engine's health check would be: with a network of their own, no capability,
# and no place to write to but the volume.
RUN = """
set -e
root=$1; user=$2; home=$3; check=$4; shift 4
ip link set lo up
mount --bind "$root" "$root"
mount --bind "$root$home" "$root$home"
mount -t proc proc "$root/proc"
mount -o remount,ro,bind "$root"
run() {
    exec env -i PATH=/usr/sbin:/usr/bin CHATELAINE_CONFIG="$CONFIGURATION" chroot "$root" \
        setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups --bounding-set=-all --no-new-privs "$@"
}
if (run bash -c "$check") 2>/dev/null; then echo "it is healthy before it runs"; exit 1; fi
if (run "$@") 2>&1; then echo "it served without keys"; exit 1; fi
(run chatelaine init)
run "$@" &
for try in $(seq 100); do
    if (run bash -c "$check") 2>/dev/null; then healthy=yes; break; fi
    sleep 0.1
done
kill $!
wait $!
echo "healthy: ${healthy:-no}"
"""


def last_stage():
    """(instruction, its text) of each in the last stage."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    found = [line.split(None, 1) for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines() if line.strip()]
    begin = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    return found[begin:]


def main():
    directory = tempfile.mkdtemp(prefix="image-")
    machine = Machine(directory)
    try:
        stage = last_stage()
        equal(stage[0], ["FROM", "debian:bookworm-slim"], "what the image begins with")
        texts = {name: text for name, text in stage}
        shutil.copy(the_package(), machine.root / "mnt")
        for command in [text for name, text in stage if name == "RUN"]:
            machine.prepare("sh", "-ec", re.sub(r"--mount=\S+", "", command))
        holds(not (machine.root / "var/lib/apt/lists/lock").exists(), "no list of packages is left")
        libraries = machine.prepare("ldd", "/usr/bin/chatelaine")
        holds("not found" not in libraries, f"libraries: {libraries}")
        check = json.loads(texts["HEALTHCHECK"].split("CMD", 1)[1])[2]
        configuration = re.search(r"CHATELAINE_CONFIG=(\S+)", texts["ENV"])[1]
        command = json.loads(texts["ENTRYPOINT"]) + json.loads(texts["CMD"])
        said = must(
            "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
            "env", f"CONFIGURATION={configuration}", "bash", "-c", RUN, "bash",
            str(machine.root), texts["USER"], texts["VOLUME"], check, *command, cwd=directory,
        )  # fmt: skip
        for part in ("is not a data directory yet", "AWS_SECRET_ACCESS_KEY=", "listening on http://127.0.0.1:4599",
                     "healthy: yes"):  # fmt: skip
            holds(part in said, f"it says {part!r}: {said}")
        owner = (machine.root / "var/lib/chatelaine/root.key").stat()
        equal(f"{owner.st_uid}:{owner.st_gid}", texts["USER"], "owner of the root key")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print("passed: the image's last stage is made, runs as its user and is healthy")


if __name__ == "__main__":
    sys.exit(main())
