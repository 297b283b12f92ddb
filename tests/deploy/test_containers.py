"""The files of containers name what exists, and set what Docent takes. (No image is built here.)"""

import re
import runpy
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings.sources import load_settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def example() -> dict[str, str]:
    """What deploy/example.env sets and names."""
    lines = (DEPLOY / "example.env").read_text(encoding="utf-8").splitlines()
    pairs = [line.lstrip("# ").partition("=") for line in lines if re.match(r"(# )?[A-Z_]+=", line)]
    return {name: value for name, _, value in pairs}


def filled(text: str) -> str:
    """As Compose puts variables in, with those of the example."""
    return _VARIABLE.sub(lambda found: example()[found[1]] or (found[3] if found[2] == "-" else "secret"), text)


def test_every_variable_is_explained_and_what_is_needed_is_asked_for(compose: Any) -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    named = {found[0] for found in _VARIABLE.findall(text)}
    assert named == example().keys()
    asked = {name for name, kind, _ in _VARIABLE.findall(text) if kind == "?"}
    assert asked == {"DOCENT_NAME", "DOCENT_TLS", "DOCENT_DOCUMENTS", "POSTGRES_PASSWORD"}
    volumes = {one.partition(":")[0] for service in compose["services"].values() for one in service["volumes"]}
    assert {one for one in volumes if not one.startswith("$")} == compose["volumes"].keys()


@pytest.mark.parametrize("endpoint", ["", "http://vllm:8000/v1"])
def test_docent_takes_what_compose_sets(compose: Any, tmp_path: Path, endpoint: str) -> None:
    service = compose["services"]["docent"]
    environ = {name: filled(value) for name, value in service["environment"].items()}
    settings = load_settings(data_dir=tmp_path, environ={**environ, "DOCENT_MODEL__ENDPOINT": endpoint}).settings
    assert settings.library.address == "postgresql://docent@postgres/docent"
    assert settings.server.allowed_hosts == ["docent.example:7860"]
    assert str(settings.server.tls_key) == "/tls/key.pem"
    assert settings.model.endpoint == (endpoint or None)
    assert service["ports"] == ["${DOCENT_PORT:-7860}:7860"]


def test_the_image_is_made_of_what_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    for named in re.findall(r"(?:requirements|deploy)/[\w.]+", text):
        assert (ROOT / named).exists(), named
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {"app", "rag", "engines", "ui", "samples", "docs", "requirements", "deploy", "start.py", "pyproject.toml"}
    assert not kept & {*ignored}
    port = re.search(r'"--port", "(\d+)"', text)
    assert port is not None
    assert f"EXPOSE {port[1]}\n" in text
    assert f'healthy.py", "{port[1]}"' in text


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(["hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(("status", "is_healthy"), [(200, True), (401, True), (500, False), (503, False)])
def test_a_server_that_answers_is_healthy(status: int, is_healthy: bool) -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    answers = runpy.run_path(str(DEPLOY / "healthy.py"))["answers"]
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        assert answers(server.server_port) is is_healthy
        server.shutdown()
    assert not answers(server.server_port)
