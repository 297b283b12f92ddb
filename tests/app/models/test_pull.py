"""Pulling a model from a server that speaks the hub's API: resumed, checked, and nothing half under its name."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.errors import ModelError
from app.models.pull import ModelHub, PullProgress
from app.models.store import ModelStore
from tests.app.models.tiny_model import write_tiny_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "someone/tiny-model"
LARGE = "model.safetensors"


class Hub:
    """Serves one repository from memory. The fields say how it misbehaves; ``requests`` is what it was asked."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        self.break_after: list[int] = []  # bytes after which the connection breaks, one for each request of LARGE
        self.ranges = True
        self.status = 200  # of the listing
        self.error_code = ""
        self.failures = 0  # that many requests get 503 first
        self.redirect_to: str | None = None
        self.requests: list[tuple[str, str | None, str | None]] = []  # path, range, authorization
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append((request.path, request.headers["Range"], request.headers["Authorization"]))
        if self.failures:
            self.failures -= 1
            send(request, 503, b"")
        elif request.path.startswith("/api/models/"):
            known = request.path == f"/api/models/{REPO}/revision/main?blobs=true"
            status = self.status if known else 404
            headers = {"X-Error-Code": self.error_code if known else "RepoNotFound"}
            send(request, status, json.dumps(self.listing()).encode() if status == 200 else b"{}", headers)
        elif self.redirect_to and request.path.startswith(f"/{REPO}/"):
            send(request, 302, b"", {"Location": self.redirect_to + request.path.replace(REPO, "blobs")})
        else:
            self.send_file(request, request.path.rpartition("/")[2])

    def listing(self) -> dict[str, Any]:
        siblings: list[dict[str, Any]] = []
        for name, content in self.files.items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(content)}
            if name.endswith((".safetensors", ".bin")):
                entry["lfs"] = {"sha256": self.hashes[name], "size": len(content), "pointerSize": 134}
            entry["blobId"] = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            siblings.append(entry)
        return {"id": REPO, "sha": COMMIT, "siblings": siblings}

    def send_file(self, request: BaseHTTPRequestHandler, name: str) -> None:
        content = self.files[name]
        start, wanted = 0, request.headers["Range"]
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        body = content[start:]
        if name == LARGE and self.break_after:
            body = body[: self.break_after.pop(0)]
        request.wfile.write(body)


def send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = write_tiny_model(tmp_path / "source")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files |= {"README.md": b"# hello", "pytorch_model.bin": b"pickle", "run.py": b"print('no')"}
    files |= {"onnx/model.json": b"{}", "consolidated.safetensors": b"the same again"}
    served = Hub(files)
    yield served
    served.close()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def pull(hub: Hub, store: ModelStore, repo: str = REPO, token: str = "secret") -> list[PullProgress]:
    seen: list[PullProgress] = []
    ModelHub(hub.url, token=token, pause_s=0).pull(store, repo, on_progress=seen.append)
    return seen


def large_requests(hub: Hub) -> list[str | None]:
    return [given for path, given, _ in hub.requests if path.endswith(LARGE)]


def test_a_pulled_model_is_complete_and_holds_only_what_is_needed(hub: Hub, store: ModelStore) -> None:
    seen = pull(hub, store)
    info = store.info("tiny-model")
    assert not info.problem
    assert info.origin == f"{REPO}@{COMMIT}"
    names = {path.name for path in info.folder.iterdir()}
    assert names == {"config.json", "tokenizer.json", "tokenizer_config.json", LARGE, "docent-origin.json"}
    assert (info.folder / LARGE).read_bytes() == hub.files[LARGE]
    assert seen[-1].done == seen[-1].total
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert all(authorization == "Bearer secret" for _, _, authorization in hub.requests)
    assert list(store.root.iterdir()) == [info.folder]


def test_a_broken_connection_is_taken_up_where_it_broke(hub: Hub, store: ModelStore) -> None:
    hub.break_after = [1000, 3000]
    pull(hub, store)
    assert large_requests(hub) == [None, "bytes=1000-", "bytes=4000-"]
    assert (store.folder("tiny-model") / LARGE).read_bytes() == hub.files[LARGE]


def test_an_interrupted_pull_goes_on_the_next_time(hub: Hub, store: ModelStore) -> None:
    hub.break_after = [5000, 0, 0, 0, 0, 0]
    with pytest.raises(ModelError, match="broke off"):
        pull(hub, store)
    assert store.names() == []
    hub.requests.clear()
    pull(hub, store)
    assert large_requests(hub) == ["bytes=5000-"]
    assert not any(path.endswith("config.json") for path, _, _ in hub.requests)


def test_a_server_without_ranges_is_started_over(hub: Hub, store: ModelStore) -> None:
    hub.ranges = False
    hub.break_after = [1000]
    pull(hub, store)
    assert (store.folder("tiny-model") / LARGE).read_bytes() == hub.files[LARGE]


def test_a_wrong_checksum_leaves_nothing_behind_that_would_be_used(hub: Hub, store: ModelStore) -> None:
    right = hub.files[LARGE]
    hub.files[LARGE] = right[:-1] + bytes([right[-1] ^ 1])
    with pytest.raises(ModelError, match="checksum"):
        pull(hub, store)
    assert store.names() == []
    hub.files[LARGE] = right
    pull(hub, store)
    assert store.names() == ["tiny-model"]


def test_a_part_of_another_revision_is_fetched_anew(hub: Hub, store: ModelStore) -> None:
    hub.break_after = [5000, 0, 0, 0, 0, 0]
    with pytest.raises(ModelError):
        pull(hub, store)
    part = next(store.root.glob(".*/*.part"))
    part.write_bytes(b"x" * 5000)
    pull(hub, store)
    assert (store.folder("tiny-model") / LARGE).read_bytes() == hub.files[LARGE]


def test_a_small_file_with_a_wrong_hash_is_refused_too(hub: Hub, store: ModelStore) -> None:
    listing = hub.listing()
    hub.listing = lambda: listing  # type: ignore[method-assign]
    hub.files["config.json"] = hub.files["config.json"].replace(b"llama", b"gemma")
    with pytest.raises(ModelError, match=r"config\.json"):
        pull(hub, store)


def test_errors_that_pass_are_repeated(hub: Hub, store: ModelStore) -> None:
    hub.failures = 3
    pull(hub, store)
    assert store.names() == ["tiny-model"]


def test_the_token_is_not_shown_to_other_hosts(hub: Hub, store: ModelStore) -> None:
    other = Hub(hub.files)
    hub.redirect_to = other.url
    try:
        pull(hub, store)
    finally:
        other.close()
    assert other.requests
    assert {authorization for _, _, authorization in other.requests} == {None}


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "GatedRepo", "HF_TOKEN"),
        (403, "GatedRepo", "terms"),
        (404, "RepoNotFound", "has no model"),
        (500, "", "500"),
    ],
)
def test_refusals_say_what_to_do(hub: Hub, store: ModelStore, status: int, code: str, words: str) -> None:
    hub.status, hub.error_code = status, code
    with pytest.raises(ModelError) as caught:
        pull(hub, store)
    assert words in str(caught.value)
    assert store.names() == []


def test_an_unknown_repository_and_a_wrong_name(hub: Hub, store: ModelStore) -> None:
    with pytest.raises(ModelError, match="has no model"):
        pull(hub, store, "someone/else")
    for wrong in ("tiny", "../x/y", "a/b/c", "a/b?c"):
        with pytest.raises(ModelError, match="names no model"):
            pull(hub, store, wrong)


def test_pickled_weights_alone_are_refused_before_anything_is_fetched(hub: Hub, store: ModelStore) -> None:
    del hub.files[LARGE], hub.files["consolidated.safetensors"]
    with pytest.raises(ModelError, match="pickle"):
        pull(hub, store)
    assert len(hub.requests) == 1


def test_a_disk_that_is_too_small_is_noticed_first(
    hub: Hub, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ModelError, match="free"):
        pull(hub, store)
    assert len(hub.requests) == 1


def test_a_model_that_is_there_is_not_overwritten(hub: Hub, store: ModelStore) -> None:
    pull(hub, store)
    with pytest.raises(ModelError, match="already"):
        pull(hub, store)


def test_a_server_that_is_no_hub(hub: Hub, store: ModelStore) -> None:
    hub.listing = lambda: {"hello": "world"}  # type: ignore[method-assign]
    with pytest.raises(ModelError, match="like a model hub"):
        pull(hub, store)


def test_nobody_there(store: ModelStore) -> None:
    with pytest.raises(ModelError, match="cannot be reached"):
        ModelHub("http://127.0.0.1:9", pause_s=0).pull(store, REPO)
