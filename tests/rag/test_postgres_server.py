"""The server that tests run, when the tests are killed."""

import subprocess
import sys
import time
from pathlib import Path

from tests.rag.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
_TESTS = """
import sys
from tests.rag.postgres_server import running_server
with running_server() as server:
    print(server.data, flush=True)
    sys.stdin.read()
"""


def test_a_killed_test_run_leaves_no_server_and_no_folder(postgres: PostgresServer) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _TESTS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout is not None
        data = Path(tests.stdout.readline().strip())
        server = int((data / "postmaster.pid").read_text().splitlines()[0])
        tests.kill()
    deadline = time.monotonic() + 30
    while (data.exists() or Path(f"/proc/{server}").exists()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not data.exists() and not Path(f"/proc/{server}").exists()
    assert postgres.data.exists()  # others' servers go on
