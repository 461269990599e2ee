"""Clocks that are wrong, for processes that are started with them."""

import pathlib
import shutil
import struct
import subprocess

from harness import holds


class MovedClock:
    """A clock that is ahead of the machine's by some seconds, and can be moved while processes have it."""

    def __init__(self, library, file, seconds=0):
        self.library, self.file = library, file
        self.file.write_bytes(struct.pack("=q", seconds))
        self.seconds = seconds

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self.library), "MOVED_CLOCK_FILE": str(self.file)}

    def move(self, seconds):
        """From now on it is ahead by so many."""
        # In place, because processes have mapped the file.
        with open(self.file, "r+b") as file:
            file.write(struct.pack("=q", seconds))
        self.seconds = seconds


def build_library(directory):
    """The library that moves a process's clock, built by the compiler that Swift comes with, or another."""
    compiler = next(filter(None, map(shutil.which, ("clang", "cc", "gcc"))), None)
    holds(compiler, "no C compiler is on this machine: apt-get install gcc")
    library = directory / "moved_clock.so"
    source = pathlib.Path(__file__).with_name("moved_clock.c")
    done = subprocess.run(
        [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", str(library), str(source), "-ldl"],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    holds(done.returncode == 0, f"{source.name}: {done.stderr}")
    return library
