"""Where a server listens, and what must be there before another computer may reach it."""

import json
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.errors import AppError, ConfigError
from app.settings.schema import ServerSettings
from app.settings.users import new_key
from tests.app.served import ROOT, start
from ui.binding import binding, listen

USER = {"name": "anna", "key": new_key("anna")[1]}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A certificate for 127.0.0.1 and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    how = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=docent"
    named = "-addext subjectAltName=IP:127.0.0.1"
    command = ["openssl", *how.split(), *named.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    key.chmod(0o600)
    return {"tls_certificate": certificate, "tls_key": key}


def settings(**values: Any) -> ServerSettings:
    return ServerSettings.model_validate(values)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.8.8"])
def test_this_computer_needs_nothing(host: str) -> None:
    found = binding(settings(), host, has_key=False)
    assert (found.is_local, found.scheme) == (True, "http")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "2001:db8::1"])
def test_strangers_are_kept_out(host: str, files: dict[str, Path]) -> None:
    for values, has_key, reason in (
        ({}, False, "nobody has a key"),
        (files, False, "nobody has a key"),
        ({"plain_http": True}, False, "nobody has a key"),
        ({"users": [USER]}, False, "without TLS"),
        ({}, True, "without TLS"),
    ):
        with pytest.raises(ConfigError, match=reason) as caught:
            binding(settings(**values), host, has_key=has_key)
        assert caught.value.remedy
    assert not binding(settings(users=[USER], **files), host, has_key=False).is_local
    assert binding(settings(**files), host, has_key=True).scheme == "https"
    assert binding(settings(users=[USER], plain_http=True), host, has_key=False).scheme == "http"


def test_an_address_is_named() -> None:
    for host in ("docent.example", "", "1.2.3", "127.0.0.1:80", "*"):
        with pytest.raises(ConfigError, match="no address of this computer"):
            binding(settings(), host, has_key=True)
    elsewhere = binding(settings(plain_http=True), "192.0.2.1", has_key=True)  # RFC 5737: nobody has it
    assert elsewhere.hosts(80) == ["192.0.2.1:80"]
    with pytest.raises(AppError, match=r"does not have the address 192\.0\.2\.1"):
        listen(elsewhere, 0, is_wanted=True)


def test_files_that_speak_no_tls(files: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "key.pem"
    shutil.copy(files["tls_key"], other)
    other.chmod(0o644)
    for wrong, reason in (
        ({"tls_key": None}, "needs a certificate and its key"),
        ({"tls_certificate": None}, "needs a certificate and its key"),
        ({"tls_certificate": tmp_path / "none.pem"}, "TLS cannot be spoken"),
        ({"tls_certificate": files["tls_key"]}, "TLS cannot be spoken"),
        ({"tls_key": other}, "Everybody on this computer can read"),
    ):
        with pytest.raises(ConfigError, match=reason):
            binding(settings(**{**files, **wrong}), "127.0.0.1", has_key=False)


def test_one_of_the_next_ports_is_taken() -> None:
    here = binding(settings(), "127.0.0.1", has_key=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with listen(here, port, is_wanted=False) as other:
            assert other.getsockname()[1] in range(port + 1, port + 20)
        with pytest.raises(AppError, match=f"Port {port} cannot be used"):
            listen(here, port, is_wanted=True)


def test_a_user_reaches_a_server_over_tls(files: dict[str, Path], tmp_path: Path) -> None:
    """The whole of it, in a process of its own: the command that adds a user, and what that user then sees."""

    data = tmp_path / "data"
    added = subprocess.run(
        [*_docent(data), "user", "add", "anna", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    key = json.loads(added.stdout)["key"]
    config = data / "config.yaml"
    assert key not in config.read_text(encoding="utf-8")
    assert config.stat().st_mode & 0o077 == 0
    named = [f"--set=server.{name}={path}" for name, path in files.items()]
    process = start(tmp_path, "--host", "0.0.0.0", "--no-browser", "--port", "0", "--json", *named)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()
        port = json.loads(line)["port"]
        trusted = ssl.create_default_context(cafile=str(files["tls_certificate"]))
        base = f"https://127.0.0.1:{port}"
        with httpx.Client(base_url=base, verify=trusted, headers={"origin": base}, timeout=60) as browser:
            page = browser.get("/", headers={"accept": "text/html"})
            assert (page.status_code, "sign_in.js" in page.text) == (401, True)
            assert browser.post("/api/session/key", json={"key": key}).status_code == 200
            assert "app.js" in browser.get("/", headers={"accept": "text/html"}).text
            assert browser.get("/api/conversations").json()["conversations"] == []
            assert browser.get("/api/settings").status_code == 403
            first = browser.post("/gradio/gradio_api/call/news", json={"data": []})
            assert first.json()["event_id"]
        assert (data / "users" / "anna" / "conversations.db").is_file()
    finally:
        process.terminate()
        _, complaints = process.communicate(timeout=30)
    assert "Traceback" not in complaints


def test_a_user_reaches_the_models_by_grpc_over_tls(files: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("grpc", reason="grpcio is not installed")
    triton = pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed")
    key, kept = new_key("anna")
    named = [f"--set=server.{name}={path}" for name, path in files.items()]
    users = "--set=server.users=" + json.dumps([{"name": "anna", "key": kept}])
    options = ("--host", "0.0.0.0", "--no-window", "--port", "0", "--grpc-port", "0", "--json", users, *named)
    process = start(tmp_path, *options)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()
        place, trusted = f"127.0.0.1:{json.loads(line)['grpc_port']}", str(files["tls_certificate"])
        with triton.InferenceServerClient(place, ssl=True, root_certificates=trusted) as client:
            assert client.is_server_ready(headers={"authorization": f"Bearer {key}"})
            with pytest.raises(triton.InferenceServerException, match="key"):
                client.is_server_ready()
    finally:
        process.terminate()
        _, complaints = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in complaints


def test_a_port_of_grpc_that_is_taken_is_named(tmp_path: Path) -> None:
    pytest.importorskip("grpc", reason="grpcio is not installed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = start(tmp_path, "--no-window", "--port", "0", "--grpc-port", port)
        _, complaints = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Port {port} cannot be used for gRPC" in complaints
    assert "Traceback" not in complaints


def _docent(data: Path) -> list[str]:

    return [sys.executable, "-m", "ui.main", "--data-dir", str(data)]
