"""Pulling a model from a server that speaks the hub's API: resumed, checked, and nothing half under its name."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import ModelError
from app.models.pull import ModelHub, PullProgress
from app.models.store import ModelStore
from tests.app.models.hub import COMMIT, LARGE, REPO, Hub
from tests.app.models.tiny_model import write_tiny_model


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


def test_a_person_who_forbids_downloads_is_told_so(hub: Hub, tmp_path: Path) -> None:
    """huggingface_hub reads the variable when it is imported, so a process of its own asks."""
    program = (
        "from pathlib import Path; from app.models.pull import ModelHub; from app.models.store import ModelStore;"
        f"ModelHub({hub.url!r}).pull(ModelStore(Path({str(tmp_path)!r})), {REPO!r})"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert "HF_HUB_OFFLINE forbids downloads. Unset it" in answer.stderr
    assert hub.requests == []
