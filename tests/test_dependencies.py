"""What the project declares and what its lock files pin fit what the code imports. No test touches the network."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("app", "rag", "engines", "ui")
LOCKS = ("base.lock", "dev.lock", "gpu.lock", "server.lock")
# Import names of packages that an extra brings and that need not be installed here.
DISTRIBUTIONS = {
    "cuda": {"cuda-bindings"},
    "google": {"protobuf"},
    "grpc": {"grpcio"},
    "prometheus_client": {"prometheus-client"},
    "psycopg": {"psycopg"},
    "psycopg_pool": {"psycopg-pool"},
    "rapidocr": {"rapidocr"},
    "tensorrt": {"tensorrt-rtx"},
    "tensorrt_rtx": {"tensorrt-rtx"},
    "torch": {"torch"},
    "webview": {"pywebview"},
    "yt_dlp": {"yt-dlp"},
}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def canonical(requirement: str) -> str:
    """The normalized name at the beginning of a requirement (PEP 503)."""
    match = re.match(r"[\w.-]+", requirement)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def declared(*extras: str) -> set[str]:
    found = project()["project"]
    lines = [*found["dependencies"], *(line for extra in extras for line in found["optional-dependencies"][extra])]
    return {canonical(line) for line in lines}


def third_party(path: Path) -> set[str]:
    """The top-level modules that a file imports, without the standard library's and the project's own."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {*SHIPPED, "docent", "files"}


@pytest.mark.parametrize("package", SHIPPED)
def test_every_import_of_a_shipped_package_is_declared(package: str) -> None:
    providers = packages_distributions()
    everything = declared(*(extra for extra in project()["project"]["optional-dependencies"] if extra != "dev"))
    for path in sorted((ROOT / package).rglob("*.py")):
        for module in sorted(third_party(path)):
            names = {canonical(name) for name in providers.get(module, ())} or DISTRIBUTIONS.get(module, set())
            assert names & everything, (
                f"{path.relative_to(ROOT)} imports {module}, which pyproject.toml does not declare"
            )


def pins(name: str) -> dict[str, str]:
    """Package -> version of a lock file."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    return {canonical(package): version for package, version in found}


def test_the_locks_pin_every_dependency_and_agree() -> None:
    base, dev, gpu, server = (pins(name) for name in LOCKS)
    assert declared() <= set(base)
    assert declared("dev") <= set(dev)
    assert declared("gpu") <= set(gpu)
    assert base.items() <= dev.items()
    assert base.items() <= gpu.items()
    assert declared("postgres", "metrics", "traces", "grpc") <= set(server)
    assert base.items() <= server.items()
    assert server.items() <= dev.items(), "what the tests run with"
    build = {canonical(line) for line in project()["dependency-groups"]["build"]}
    assert build <= set(base)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_hashes_and_names_no_registry(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "index-url" not in text
    assert "torch" not in pins(name)
