"""What the process does to keep its memory to itself."""

import os
import pathlib
import re
import subprocess

from harness import equal, holds, run, scenario
from server import Server

NOBODY = 65534


def server_of_an_ordinary_user(world):
    """A running server that is not root's: of root's processes, the system does not tell which may be dumped."""
    data = world.directory / "hardened"
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data))
    if os.geteuid() == 0:
        data.mkdir()
        os.chown(data, NOBODY, NOBODY)
        world.directory.chmod(0o755)
        server.command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *server.command]
    return server.start()


@scenario
def no_core_is_dumped_and_no_process_of_the_same_user_may_look_inside(world):
    server = server_of_an_ordinary_user(world)
    process = pathlib.Path("/proc", str(server.process.pid))
    try:
        limits = (process / "limits").read_text()
        holds(re.search(r"^Max core file size +0 +0 ", limits, re.M), f"core dumps are off: {limits}")
        # proc(5): the files of a process that may not be dumped are root's, whoever runs it.
        holds((process / "status").read_text().split("Uid:")[1].split()[0] != "0", "it is a process of root")
        equal((process / "mem").stat().st_uid, 0, "the owner of its memory, as others of its user see it")
        user = NOBODY if os.geteuid() == 0 else None
        reading = subprocess.run(["head", "-c1", str(process / "environ")], capture_output=True, user=user)
        equal(reading.returncode, 1, "what its own user gets who reads its environment")
    finally:
        server.stop()
        server.forget_log()


if __name__ == "__main__":
    run()
