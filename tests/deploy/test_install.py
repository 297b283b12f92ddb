"""The script that installs a server, in a plain folder: what it puts where, again and again, and what it refuses.

The set-up itself (``start.py``) has tests of its own; here it stands for one that makes an environment at once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP = """
import sys
from pathlib import Path
assert sys.argv[1:] == ["setup"]
bin = Path(".venv/bin")
bin.mkdir(parents=True, exist_ok=True)
for name in ("python", "docent"):
    (bin / name).write_text('#!/bin/sh\\necho "$0 $*" >> calls.txt\\n')
    (bin / name).chmod(0o755)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it installs a server on Linux")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small one, with what the script needs."""
    made = tmp_path / "checkout"
    shutil.copytree(ROOT / "deploy", made / "deploy")
    (made / "requirements").mkdir()
    (made / "requirements" / "server.lock").write_text("")
    (made / "start.py").write_text(SETUP)
    (made / "app").mkdir()
    (made / "app" / "old.py").write_text("")
    for left_out in (".git/config", ".venv/bin/python", "app/__pycache__/old.pyc"):
        (made / left_out).parent.mkdir(parents=True, exist_ok=True)
        (made / left_out).write_text("")
    return made


def install(checkout: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["sh", str(checkout / "deploy" / "install.sh"), *arguments]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_files_environment_and_unit_are_put_where_they_belong(checkout: Path, tmp_path: Path) -> None:
    system = tmp_path / "system"
    done = install(checkout, "--root", str(system))
    assert (done.returncode, done.stderr) == (0, "")
    home = system / "opt/docent"
    assert (home / "app/old.py").is_file()
    assert not (home / ".git").exists()
    assert not (home / "app/__pycache__").exists()
    assert "-m pip install -q --require-hashes -r requirements/server.lock" in (home / "calls.txt").read_text()
    unit = (system / "etc/systemd/system/docent.service").read_text()
    assert "ExecStart=/opt/docent/.venv/bin/docent serve --no-browser" in unit
    assert "docent user add" in done.stdout


def test_again_it_brings_up_to_date_and_leaves_nothing_old(checkout: Path, tmp_path: Path) -> None:
    system = tmp_path / "system"
    install(checkout, "--root", str(system), "--prefix", "/srv/docent")
    (system / "srv/docent/.venv/kept").write_text("")
    (checkout / "app/old.py").rename(checkout / "app/new.py")
    done = install(checkout, "--root", str(system), "--prefix", "/srv/docent")
    assert done.returncode == 0, done.stderr
    assert [one.name for one in (system / "srv/docent/app").iterdir()] == ["new.py"]
    assert (system / "srv/docent/.venv/kept").is_file()
    assert "/srv/docent/.venv/bin/docent" in (system / "etc/systemd/system/docent.service").read_text()


def test_it_refuses_what_would_do_harm(checkout: Path, tmp_path: Path) -> None:
    system = tmp_path / "system"
    (system / "srv").mkdir(parents=True)
    (system / "srv/precious.txt").write_text("")
    for arguments, reason in (
        (("--root", str(system), "--prefix", "/srv"), "holds something else than Docent"),
        (("--root", str(system), "--prefix", "srv"), "must be a path from /"),
        (("--root",), "--root needs a folder"),
        (("--help-me",), "unknown option"),
    ):
        done = install(checkout, *arguments)
        assert done.returncode == 1
        assert reason in done.stderr
    assert (system / "srv/precious.txt").is_file()
    (checkout / "start.py").write_text("raise SystemExit(3)\n")
    assert install(checkout, "--root", str(system)).returncode == 3, "a set-up that fails ends it"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "docent.service"
    text = (ROOT / "deploy" / "docent.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/docent/.venv/bin/docent", "/bin/true").replace("User=docent", "User=root"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
