"""A PostgreSQL of its own with millions of genuine keys in it, for many_keys.py."""

import hashlib
import os
import pathlib
import subprocess
import time

import load  # noqa: F401  (the path of what follows)
from postgres import PostgreSQL
from server import binary

# What memory there is for the database's own cache, besides the system's.
SHARED_BUFFERS = os.environ.get("BENCH_SHARED_BUFFERS", "2GB")
DATABASE = "keys"
# Those with a row for each key or for some.
TABLES = ("kms_key", "material", "alias", "key_usage")
WRITERS = 2


def key_id(number):
    """As NumberedKeys.keyID in ManyKeys."""
    digits = bytearray(hashlib.sha256(f"many-keys/{number}".encode()).digest()[:16])
    digits[6] = digits[6] & 0x0F | 0x40
    digits[8] = digits[8] & 0x3F | 0x80
    text = digits.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def processor_seconds(number, ended=False):
    """What a process has used."""
    try:
        fields = pathlib.Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11 : 15 if ended else 13])) / os.sysconf("SC_CLK_TCK")


class ManyKeysStore(PostgreSQL):
    """Fast and careless while it is filled, then as a database should be."""

    def __init__(self):
        self.careless = False
        super().__init__()
        self.location = self.database(DATABASE)

    def start(self):
        settings = {
            "shared_buffers": SHARED_BUFFERS, "max_wal_size": "8GB", "maintenance_work_mem": "512MB",
            "checkpoint_timeout": "15min", "wal_level": "minimal", "max_wal_senders": "0", "max_connections": "50",
            **({"fsync": "off", "full_page_writes": "off", "autovacuum": "off"} if self.careless else {}),
        }  # fmt: skip
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run(
            "pg_ctl", "-D", self._directory / "data", "-w", "-l", self._directory / "log", "-o",
            f"-p {self.port} -h 127.0.0.1 -k {self._directory} {options}", "start")  # fmt: skip

    def begin_again(self, careless):
        """`careless`: what is written meanwhile need not survive anything."""
        self.ask("CHECKPOINT")
        self._run("pg_ctl", "-D", self._directory / "data", "-w", "-m", "fast", "-t", "110", "stop")
        if self.careless:
            subprocess.run(["sync"], check=True)
        self.careless = careless
        self.start()

    def psql(self, *arguments):
        """psql's command line; COPY is told not to look whether each row's key is there, which it is."""
        options = "PGOPTIONS=-c session_replication_role=replica"
        return [
            "env", options, str(self._bin / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "owner", "-d", DATABASE,
            "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", *arguments,
        ]  # fmt: skip

    def ask(self, sql):
        """As long as it takes."""
        done = subprocess.run(self.psql("-c", sql), capture_output=True, text=True, check=False)
        if done.returncode:
            raise load.Failure(f"{sql[:100]}: {done.stderr}")
        return done.stdout.strip()

    def fill(self, root_key, account, regions, count):
        """Makes keys and writes them, by the rows that the server would have written, with COPY."""
        self.begin_again(careless=True)
        indexes = self.ask(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename IN "
            f"({', '.join(repr(table) for table in TABLES)}) AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        ).splitlines()
        begun = time.monotonic()
        for index in indexes:
            self.ask(f"DROP INDEX {index.split()[2]}")
        pairs = []
        for number in range(WRITERS):
            maker = subprocess.Popen(
                [
                    binary("many-keys"), "fill", "--root-key", str(root_key), "--account", account, "--regions",
                    ",".join(regions), "--first", str(number), "--end", str(count), "--stride", str(WRITERS),
                ], stdout=subprocess.PIPE)  # fmt: skip
            writer = subprocess.Popen(self.psql("-f", "-"), stdin=maker.stdout, stdout=subprocess.DEVNULL)
            maker.stdout.close()
            pairs.append((maker, writer))
        if any([process.wait() for pair in pairs for process in pair]):
            raise load.Failure("the store could not be filled")
        written = time.monotonic()
        print(f"{count:,} keys written in {written - begun:,.0f} s", flush=True)
        for index in indexes:
            self.ask(index)
        self.ask(
            "INSERT INTO key_count SELECT account, region, count(*) FROM kms_key GROUP BY account, region "
            "ON CONFLICT (account, region) DO UPDATE SET count = excluded.count")  # fmt: skip
        self.ask("VACUUM ANALYZE")
        self.begin_again(careless=False)
        print(f"indexes and statistics made in {time.monotonic() - written:,.0f} s", flush=True)

    def processor_seconds(self):
        """What the server has used, with those of its processes that have ended."""
        first = int((self._directory / "data" / "postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return processor_seconds(first, ended=True) + sum(processor_seconds(child) for child in children)

    def sizes(self):
        """Bytes of each table: rows and what is beside them, and indexes."""
        found = {}
        for table in TABLES:
            text = self.ask(f"SELECT pg_table_size('{table}'), pg_indexes_size('{table}'), count(*) FROM {table}")
            found[table] = tuple(map(int, text.split("|")))
        return found
