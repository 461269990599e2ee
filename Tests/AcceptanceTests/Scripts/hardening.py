"""What the process does to keep its memory to itself, and to have no right that it does not need."""

import os
import pathlib
import re
import stat
import subprocess

from harness import equal, holds, run, scenario
from server import Server, binary

NOBODY = 65534
IS_ROOT = os.geteuid() == 0


def directory_of_nobody(world, name):
    """A directory in which nobody may make another; as somebody else than root, one's own."""
    directory = world.directory / name
    directory.mkdir()
    if IS_ROOT:
        os.chown(directory, NOBODY, NOBODY)
        world.directory.chmod(0o755)
    return directory


def as_nobody(*command):
    """The command as run by nobody; by whoever runs this, if that is not root."""
    if not IS_ROOT:
        return list(command)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]


def serve(world, name, *flags, wrapper=()):
    """A running server of a new data directory."""
    data = directory_of_nobody(world, name) / "data"
    server = Server("serve", "--listen", "127.0.0.1:0", "--data-dir", str(data), *flags)
    # The first start says how to use it before it says that it listens.
    made = subprocess.run(
        as_nobody(binary(), "init", "--data-dir", str(data)),
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    equal(made.returncode, 0, f"exit code of init: {made.stderr}")
    server.command = [*wrapper, *server.command]
    return server.start()


def refused(*command):
    """What the program says when it refuses a command line."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    equal((done.returncode, done.stdout), (2, ""), f"exit code and output of {command}: {done.stderr}")
    return done.stderr


def process_of(server):
    return pathlib.Path("/proc", str(server.process.pid))


def statuses(server):
    """What the kernel says of each thread, as a dictionary."""
    for thread in (process_of(server) / "task").iterdir():
        lines = (thread / "status").read_text().splitlines()
        yield {name: value.split() for name, value in (line.split(":", 1) for line in lines)}


def end(server):
    server.stop()
    server.forget_log()


@scenario
def no_core_is_dumped_and_no_process_of_the_same_user_may_look_inside(world):
    # Not root's: of root's processes, the system does not tell which may be dumped.
    server = serve(world, "ordinary", wrapper=as_nobody())
    try:
        keeps_its_memory(server, NOBODY if IS_ROOT else None)
    finally:
        end(server)


def keeps_its_memory(server, user):
    process = process_of(server)
    limits = (process / "limits").read_text()
    holds(re.search(r"^Max core file size +0 +0 ", limits, re.M), f"core dumps are off: {limits}")
    # proc(5): the files of a process that may not be dumped are root's, whoever runs it.
    holds((process / "status").read_text().split("Uid:")[1].split()[0] != "0", "it is a process of root")
    equal((process / "mem").stat().st_uid, 0, "the owner of its memory, as others of its user see it")
    reading = subprocess.run(["head", "-c1", str(process / "environ")], capture_output=True, user=user)
    equal(reading.returncode, 1, "what its own user gets who reads its environment")


@scenario
def nothing_that_it_starts_can_gain_rights(world):
    server = serve(world, "no-gain", wrapper=as_nobody())
    try:
        equal({tuple(status["NoNewPrivs"]) for status in statuses(server)}, {("1",)}, "NoNewPrivs of its threads")
    finally:
        end(server)


@scenario
def what_it_makes_is_nobody_elses_whatever_the_umask_is(world):
    data = world.directory / "made"
    made = subprocess.run(
        ["sh", "-c", 'umask 0 && exec "$@"', "sh", binary(), "init", "--data-dir", str(data)],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    equal(made.returncode, 0, f"exit code of init: {made.stderr}")
    private(data)


def private(data, owner=None):
    for path in [data, *data.rglob("*")]:
        status = path.stat()
        equal(stat.S_IMODE(status.st_mode), 0o700 if path.is_dir() else 0o600, f"mode of {path}")
        if owner is not None:
            equal((status.st_uid, status.st_gid), owner, f"owner of {path}")


@scenario
def root_goes_on_as_the_user_it_names_for_good(world):
    if not IS_ROOT:
        print("skipped: this is not root")
        return
    # A name has the groups of its user, a number that is nobody's has none.
    for text, user, group, groups in [
        ("nobody", NOBODY, NOBODY, {NOBODY}),
        ("nobody:daemon", NOBODY, 1, {1}),
        (f"{NOBODY}:{NOBODY}", NOBODY, NOBODY, {NOBODY}),
        ("54321:54322", 54321, 54322, set()),
    ]:
        directory = directory_of_nobody(world, f"as-{text}")
        os.chown(directory, user, group)
        data = directory / "data"
        subprocess.run(
            ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", binary(), "init", "--data-dir", data],
            check=True, capture_output=True, timeout=30,
        )  # fmt: skip
        server = Server("serve", "--listen", "127.0.0.1:0", "--data-dir", str(data), "--user", text).start()
        try:
            seen = list(statuses(server))
            holds(len(seen) > 1, "it has several threads")
            for status in seen:
                equal(status["Uid"], [str(user)] * 4, f"user of a thread as {text}")
                equal(status["Gid"], [str(group)] * 4, f"group of a thread as {text}")
                equal({int(number) for number in status["Groups"]}, groups, f"groups of a thread as {text}")
                for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                    equal(status[kind], ["0" * 16], f"{kind} of a thread as {text}")
                equal(status["NoNewPrivs"], ["1"], f"NoNewPrivs of a thread as {text}")
            keeps_its_memory(server, user)
            private(data, (user, group))
            holds("Running as root" not in server.log_text(), "it does not run as root")
        finally:
            end(server)


@scenario
def a_server_that_stays_root_says_so(world):
    if not IS_ROOT:
        print("skipped: this is not root")
        return
    data = world.directory / "of-root"
    subprocess.run([binary(), "init", "--data-dir", str(data)], check=True, capture_output=True, timeout=30)
    server = Server("serve", "--listen", "127.0.0.1:0", "--data-dir", str(data)).start()
    try:
        equal(server.log_text().count("Running as root"), 1, "how often it says so")
    finally:
        end(server)


@scenario
def a_user_who_is_not_there_or_no_change_is_refused(world):
    for text, reason in [
        ("no-such-user", 'there is no user "no-such-user"'),
        ("nobody:no-such-group", 'there is no group "no-such-group"'),
        ("54321", "there is no user 54321, so a group must be given: 54321:GROUP"),
        ("", 'there is no user ""'),
        ("root", "--user names who to go on as instead of root"),
        ("0:0", "--user names who to go on as instead of root"),
        ("nobody:root", "--user names a group to go on as instead of root's"),
        ("nobody:0", "--user names a group to go on as instead of root's"),
    ]:
        message = refused(binary(), "serve", "--user", text, "--data-dir", str(world.directory / "refused"))
        equal(message, f"chatelaine: {reason}\n", f"what --user {text!r} gets")
    holds(not (world.directory / "refused").exists(), "nothing was made")


@scenario
def only_root_can_name_another_user(world):
    command = as_nobody(binary(), "serve", "--data-dir", str(world.directory / "refused"), "--user")
    own = NOBODY if IS_ROOT else os.geteuid()
    message = refused(*command, "daemon")
    equal(message, f"chatelaine: only root can go on as another user (daemon): this is user {own}\n", "what it says")
    # Itself is no change.
    name = "nobody" if IS_ROOT else f"{os.getuid()}:{os.getgid()}"
    server = serve(world, "itself", "--user", name, wrapper=as_nobody())
    end(server)


@scenario
def one_that_is_the_user_already_keeps_no_right(world):
    if not IS_ROOT:
        print("skipped: this is not root")
        return
    rights = ["--inh-caps=+net_bind_service,+dac_read_search", "--ambient-caps=+net_bind_service,+dac_read_search"]
    wrapper = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *rights]
    server = serve(world, "rights", "--user", "nobody", wrapper=wrapper)
    try:
        for status in statuses(server):
            for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                equal(status[kind], ["0" * 16], f"{kind} of a thread")
    finally:
        end(server)
    for number, more in enumerate((
        ["--groups=0,42"], ["--groups=42"], ["--clear-groups", "--rgid=42", f"--egid={NOBODY}"],
        ["--clear-groups", "--ruid=42", f"--euid={NOBODY}"],
    )):  # fmt: skip
        ids = [] if len(more) > 1 else [f"--reuid={NOBODY}", f"--regid={NOBODY}"]
        if len(more) > 1:
            ids = [f"--regid={NOBODY}"] if "ruid" in more[1] else [f"--reuid={NOBODY}"]
        data = str(world.directory / f"refused-{number}")
        message = refused("setpriv", *ids, *more, binary(), "serve", "--user", "nobody", "--data-dir", data)
        holds("only root can leave other users and groups" in message, f"what it says with {more}: {message}")


@scenario
def memory_that_cannot_be_locked_is_said_once(world):
    for limit, warnings in [("65536:65536", 1), ("65536:8388608", 0)]:
        server = serve(world, f"locked-{limit}", wrapper=["prlimit", f"--memlock={limit}", *as_nobody()])
        try:
            text = server.log_text()
            equal(text.count("The memory of keys is not locked"), warnings, f"warnings with {limit}: {text}")
            most = limit.split(":")[1]
            limits = (process_of(server) / "limits").read_text()
            holds(re.search(rf"^Max locked memory +{most} +{most} ", limits, re.M), f"it takes all it may: {limits}")
            if warnings:
                holds(f"limit={most} bytes" in text, f"the warning names the limit: {text}")
        finally:
            end(server)


if __name__ == "__main__":
    run()
