"""The socket of the Kubernetes plugin: whose it is, what it replaces, and that others cannot hold up who makes it."""

import contextlib
import fcntl
import os
import stat
import threading
import time

from harness import equal, holds, run, scenario
from plugin import Plugin, chatelaine
from server import Server

# For so long it waits for others that change the socket too, and no longer than that.
TURN = (2, 10)


@contextlib.contextmanager
def locked(path, flags=os.O_RDONLY):
    """Locked by another process, as it would seem to the plugin."""
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def files(plugin):
    return sorted(name for name in os.listdir(plugin.path.parent) if name.startswith("kms.sock"))


@scenario
def the_socket_is_for_its_owner_and_goes_with_the_plugin(world):
    key = world.key()
    with Plugin(world, key["KeyId"]) as plugin:
        status = os.lstat(plugin.path)
        equal((stat.S_ISSOCK(status.st_mode), stat.S_IMODE(status.st_mode)), (True, 0o600), "a socket, and its mode")
        plugin.key_id()
        equal(plugin.program.stop(), 0, "exit code after SIGTERM")
        holds(not os.path.lexists(plugin.path), "it is removed")


@scenario
def a_socket_that_nobody_listens_on_is_replaced_and_no_other_file_is(world):
    key = world.key()
    with Plugin(world, key["KeyId"]) as plugin:
        plugin.program.kill()
        holds(os.path.lexists(plugin.path), "it is left by a crash")
        with Plugin(world, key["KeyId"], path=plugin.path) as successor:
            successor.key_id()
            arguments = successor.program.command[2:]
            said = chatelaine(*arguments, wanted=1)
            holds("another process listens" in said, f"it says {said!r}")
            successor.key_id()
            # What somebody else has put in its place is not removed.
            os.rename(plugin.path, f"{plugin.path}.moved")
            plugin.path.write_text("mine")
            equal(successor.program.stop(), 0, "exit code after SIGTERM")
            equal(plugin.path.read_text(), "mine", "the file of somebody else")
        holds("no socket" in chatelaine(*arguments, wanted=1), "a file is left alone")
        equal(plugin.path.read_text(), "mine", "the file of somebody else")
        plugin.path.unlink()
        os.symlink(f"{plugin.path}.moved", plugin.path)
        holds("no socket" in chatelaine(*arguments, wanted=1), "a link is left alone")


@scenario
def of_many_that_start_at_once_one_listens(world):
    key = world.key()
    with Plugin(world, key["KeyId"]) as first:
        for _ in range(5):
            first.program.kill()
            rivals = [Server(*first.program.command[1:]) for _ in range(4)]
            outcomes = []

            def begin(rival):
                try:
                    rival.start()
                    outcomes.append(rival)
                except AssertionError:
                    rival.forget_log()

            threads = [threading.Thread(target=begin, args=(rival,)) for rival in rivals]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            equal(len(outcomes), 1, "plugins that listen")
            chatelaine("check", "--socket", first.path, wanted=0)
            first.program.forget_log()
            first.program = outcomes[0]


@scenario
def who_can_read_the_directory_cannot_hold_it_up(world):
    key = world.key()
    plugin = Plugin(world, key["KeyId"])
    # It takes no more than to be able to list it.
    with locked(plugin.path.parent), plugin:
        equal(files(plugin), ["kms.sock"], "nothing else is left beside it")
        plugin.key_id()
        equal(plugin.program.stop(), 0, "exit code after SIGTERM")
        equal(files(plugin), [], "it is removed")


@scenario
def a_turn_that_does_not_end_is_not_waited_for(world):
    """The lock is a file that only its owner can open, so this is a plugin that was stopped, or root."""
    key = world.key()
    with Plugin(world, key["KeyId"]) as plugin:
        arguments = plugin.program.command[2:]
        lock = f"{plugin.path}.lock"
        with locked(lock, os.O_RDWR | os.O_CREAT):
            begin = time.monotonic()
            said = chatelaine(*arguments, wanted=1)
            holds(f"another process keeps {lock} locked" in said, f"it says {said!r}")
            holds(TURN[0] <= time.monotonic() - begin < TURN[1], "in time")
            plugin.key_id()
            begin = time.monotonic()
            equal(plugin.program.stop(), 0, "exit code after SIGTERM")
            holds(time.monotonic() - begin < TURN[1], "in time")
            holds("left behind" in plugin.program.log_text(), "the log says what is left")
            equal(files(plugin), ["kms.sock", "kms.sock.lock"], "what is left")
        # What a crash left of either is nobody's, and is used.
        with Plugin(world, key["KeyId"], path=plugin.path) as successor:
            successor.key_id()
            equal(files(successor), ["kms.sock"], "the socket that is made anew")
        # A link leads to a file of somebody else.
        os.symlink(f"{plugin.path}.elsewhere", lock)
        holds("cannot open" in chatelaine(*arguments, wanted=1), "a link is not followed")
        equal(files(plugin), ["kms.sock", "kms.sock.lock"], "nothing is made where it leads")


run()
