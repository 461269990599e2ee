"""What is shipped beside the program says what is true: the unit, the image, the package and their documentation."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

from harness import equal, holds, run, scenario
from sealing import Sealed, SealedServer
from secure import Secure
from server import REPOSITORY, binary

UNIT = REPOSITORY / "deploy" / "systemd" / "chatelaine.service"
DOCKERFILE = REPOSITORY / "deploy" / "docker" / "Dockerfile"
CONFIGURATION = REPOSITORY / "packaging" / "chatelaine.json"


def settings(unit):
    """The unit's assignments, each with all its values."""
    found = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith(("#", "[")):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def instructions(dockerfile):
    """(instruction, its text) of each, with continued lines joined."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        if line.strip():
            yield line.split(None, 1)


@scenario
def the_units_exposure_is_what_the_documentation_says(world):
    if not shutil.which("systemd-analyze"):
        print("skipped: there is no systemd-analyze")
        return
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNIT)],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    measured = re.search(r"Overall exposure level for \S+: ([\d.]+) ", done.stdout)
    holds(measured, f"systemd-analyze says {done.stdout}{done.stderr}")
    documented = re.search(r"exposure level of (\d\.\d)", (REPOSITORY / "docs" / "install.md").read_text())
    holds(documented, "docs/install.md says it")
    equal(documented[1], measured[1], "the exposure level in docs/install.md")
    # What systemd does not know or cannot parse, it ignores at the start.
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(UNIT)], capture_output=True, text=True, timeout=30
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if str(UNIT) in line or "Unknown" in line]
    equal(said, [], "what systemd says of the unit")


@scenario
def the_unit_starts_what_the_package_installs(world):
    unit = settings(UNIT)
    program, *arguments = shlex.split(unit["ExecStart"][0])
    equal(program, "/usr/bin/chatelaine", "the program")
    installed = dict(
        reversed(line.split()) for line in (REPOSITORY / "packaging/debian/chatelaine.install").read_text().splitlines()
    )
    equal(installed["usr/bin"], "files/chatelaine", "what is installed as the program")
    equal(installed["etc/chatelaine"], "files/chatelaine.json", "what is installed as the configuration")
    configuration = json.loads(CONFIGURATION.read_text())
    equal(configuration["data-dir"], f"/var/lib/{unit['StateDirectory'][0]}", "the data directory")
    equal(configuration["new-data-dir"], "refuse", "what happens without one")
    # The program knows each option of it; only the data directory is another here.
    configuration["data-dir"] = str(world.directory / "nothing")
    own = world.directory / "chatelaine.json"
    own.write_text(json.dumps(configuration))
    equal(arguments[:2], ["serve", "--config"], "the command")
    done = subprocess.run(
        [binary(), *arguments[:2], str(own), *arguments[3:]], capture_output=True, text=True, timeout=30
    )  # fmt: skip
    equal(done.returncode, 2, f"exit code without a data directory: {done.stderr}")
    holds("is not a data directory yet" in done.stderr, f"it says {done.stderr!r}")
    holds("2" in unit["RestartPreventExitStatus"], "it is not tried again")


@scenario
def the_package_is_of_the_programs_version(world):
    first = (REPOSITORY / "packaging/debian/changelog").read_text().splitlines()[0]
    version = subprocess.run([binary(), "--version"], capture_output=True, text=True, timeout=30).stdout.strip()
    equal(re.match(r"chatelaine \(([^)]+)\) ", first)[1], version, "version in packaging/debian/changelog")


@scenario
def the_image_is_built_of_what_is_there(world):
    names = [name for name, _ in instructions(DOCKERFILE)]
    texts = [text for _, text in instructions(DOCKERFILE)]
    equal(names[0], "FROM", "the first instruction")
    holds(set(names) <= set("FROM ENV RUN WORKDIR COPY USER VOLUME EXPOSE HEALTHCHECK ENTRYPOINT CMD".split()), names)
    admitted = {
        line[1:] for line in (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }  # fmt: skip
    copied = [source for name, text in zip(names, texts) if name == "COPY" for source in text.split()[:-1]]
    for source in copied:
        holds((REPOSITORY / source).exists(), f"{source}, which is copied, exists")
    equal(set(copied), admitted, "what the engine is given, and what is copied")
    # What the manifest names must be there for SwiftPM to read it.
    manifest = (REPOSITORY / "Package.swift").read_text()
    for path in re.findall(r'path: "([^"/]+)/', manifest):
        holds(path in copied, f"{path}, which Package.swift names, is copied")
    for name, text in zip(names, texts):
        if name in ("ENTRYPOINT", "CMD"):
            json.loads(text)
    users = [text for name, text in zip(names, texts) if name == "USER"]
    equal(users, ["10001:10001"], "who it runs as")
    holds("latest" not in " ".join(texts), "bases have versions")


@scenario
def debian_has_what_the_image_installs(world):
    if not shutil.which("apt-cache") or not any(pathlib.Path("/var/lib/apt/lists").glob("*_Packages*")):
        print("skipped: there is no list of Debian's packages (apt-get update)")
        return
    for name, text in instructions(DOCKERFILE):
        for command in text.split("&&") if name == "RUN" else []:
            if "apt-get install" not in command:
                continue
            holds("--no-install-recommends" in command, f"{command} installs no more than it says")
            holds("rm -rf /var/lib/apt/lists" in text, "no list of packages stays in the layer")
            for package in command.split("install", 1)[1].split():
                if package.startswith(("-", "/")):
                    continue
                found = subprocess.run(["apt-cache", "show", package], capture_output=True, timeout=30)
                equal(found.returncode, 0, f"apt-cache show {package}")


@scenario
def the_images_health_check_knows_a_server_that_answers(world):
    check = json.loads(next(text for name, text in instructions(DOCKERFILE) if name == "HEALTHCHECK").split("CMD", 1)[1])
    sealed_directory = world.directory / "sealed"
    sealed_directory.mkdir()
    sealed = Sealed(sealed_directory, "shares").encrypt()
    server = SealedServer("serve", "--listen", "127.0.0.1:0", "--data-dir", str(sealed.data))
    with Secure(world, "healthy") as secure:
        try:
            for data, is_healthy in (
                (secure.directory / "data", True), (sealed.data, False), (world.directory / "absent", False)
            ):  # fmt: skip
                equal(health(check, data), is_healthy, f"health of {data}")
            server.start()
            equal(health(check, sealed.data), True, "health of a server that waits for key shares")
        finally:
            if server.process:
                server.stop()
            server.forget_log()


def health(check, data):
    path = f"{pathlib.Path(binary()).resolve().parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "CHATELAINE_DATA_DIR": str(data)}
    return subprocess.run(check, capture_output=True, timeout=10, env=environment).returncode == 0


if __name__ == "__main__":
    run()
