"""Downloads a model from the Hugging Face hub, or from a server that speaks its API, into the folder of models.

    GET {hub}/api/models/{repo}/revision/{revision}?blobs=true   -> commit, files with sizes and hashes
    GET {hub}/{repo}/resolve/{commit}/{file}                     -> content; Range is used to go on

Only safetensors, JSON, tokenizer and template files of the repository's root are fetched, each is compared with its
published hash, and nothing is visible under the model's name before all of it is there. What an interrupted pull has
fetched is kept for the next one. Loads and runs nothing of what it fetches.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

from app.errors import ModelError
from app.models.store import ModelInfo, ModelStore, check, describe, is_pickle, note_origin
from engines.files.locks import exclusive

_log = logging.getLogger(__name__)
HUB = "https://huggingface.co"
TOKEN_ENV = "HF_TOKEN"
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_WANTED = re.compile(r"[\w.-]+\.(?:safetensors|json|jinja)|tokenizer\.model|merges\.txt|vocab\.txt|LICENSE[\w.-]*")
_BLOCK = 1 << 20
_TIMEOUT_S = 30
_TRIES = 5
_SPARE = 200_000_000  # bytes of disk left over for everything else
_PARTIAL = 206
_RANGE_REFUSED = 416
_NOT_AGAIN = frozenset({400, 401, 403, 404, 410})


@dataclass(frozen=True, slots=True)
class PullProgress:
    """``done`` and ``total`` count bytes of all files."""

    file: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """``sha256`` is published for large files, ``git_sha1`` (over a header and the content) for all others."""

    name: str
    size: int
    sha256: str | None
    git_sha1: str | None


@dataclass(frozen=True, slots=True)
class _Listing:
    commit: str
    files: tuple[RemoteFile, ...]


class ModelHub:
    """``hub`` is the server's address, ``pause_s`` the wait before the first repetition of a failed request."""

    def __init__(self, hub: str = HUB, token: str | None = None, pause_s: float = 1.0) -> None:
        self._hub = hub.rstrip("/")
        self._token = token or os.environ.get(TOKEN_ENV) or None
        self._pause_s = pause_s
        self._opener = urllib.request.build_opener(_SafeRedirects())

    def pull(
        self,
        store: ModelStore,
        repo: str,
        *,
        name: str | None = None,
        revision: str = "main",
        on_progress: Callable[[PullProgress], None] = lambda progress: None,
    ) -> ModelInfo:
        """Fetches ``repo`` ("owner/name") and returns the model. Raises ModelError, or CheckpointError where the model
        is complete but of no use here."""
        if not _REPO.fullmatch(repo):
            raise ModelError(f'"{repo}" names no model of the hub.', "Write OWNER/NAME.")
        target = store.target(name or repo.split("/")[1])
        with exclusive(store.root / f".{target.name}.lock", f"downloading {target.name} already"):
            store.target(target.name)  # still free, now that nobody else downloads it
            return self._pull(repo, revision, target, on_progress)

    def _pull(self, repo: str, revision: str, target: Path, on_progress: Callable[[PullProgress], None]) -> ModelInfo:
        listing = self._listing(repo, revision)
        unfinished = target.with_name(f".{target.name}.pull")
        unfinished.mkdir(exist_ok=True)
        total = sum(file.size for file in listing.files)
        self._check_space(listing, unfinished)
        done = 0
        for file in listing.files:
            before = done

            def report(count: int, file: RemoteFile = file, before: int = before) -> None:
                on_progress(PullProgress(file.name, before + count, total))

            self._fetch(repo, listing.commit, file, unfinished / file.name, report)
            done += file.size
        for stray in unfinished.iterdir():  # of an earlier revision
            if stray.name not in {file.name for file in listing.files}:
                stray.unlink()
        check(unfinished)
        hashes = {file.name: file.sha256 for file in listing.files if file.sha256}
        note_origin(unfinished, f"{repo}@{listing.commit}", hashes)
        unfinished.rename(target)
        return describe(target, target.name)

    def _listing(self, repo: str, revision: str) -> _Listing:
        url = f"{self._hub}/api/models/{quote(repo)}/revision/{quote(revision, safe='')}?blobs=true"
        try:
            with self._open(url, {}, repo) as response:
                return _parse_listing(json.loads(response.read(50_000_000)), repo)
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{self._hub} did not answer like a model hub.", "Check model.hub.") from error

    def _check_space(self, listing: _Listing, folder: Path) -> None:
        have = sum(path.stat().st_size for path in folder.iterdir())
        need = sum(file.size for file in listing.files) - have + _SPARE
        free = shutil.disk_usage(folder).free
        if need > free:
            raise ModelError(f"The model needs {need / 1e9:.1f} GB and {free / 1e9:.1f} GB are free.", "Make room.")

    def _fetch(self, repo: str, commit: str, file: RemoteFile, path: Path, report: Callable[[int], None]) -> None:
        """Brings one file to ``path``. A wrong hash after going on from an earlier part starts it anew, once."""
        if path.is_file() and _fits(file, path):
            report(file.size)
            return
        part = path.with_name(path.name + ".part")
        url = f"{self._hub}/{quote(repo)}/resolve/{commit}/{quote(file.name)}"
        for resumed in (part.is_file(), False):
            self._download(url, repo, file, part, report)
            if _fits(file, part):
                part.replace(path)
                return
            part.unlink()
            if not resumed:
                break
        raise ModelError(f"{file.name} of {repo} arrived damaged: its checksum is wrong.", "Pull it again.")

    def _download(self, url: str, repo: str, file: RemoteFile, part: Path, report: Callable[[int], None]) -> None:
        """Appends to ``part`` until it has the file's size; a broken connection is taken up again where it broke."""
        failures = 0
        while not part.exists() or part.stat().st_size < file.size:
            have = _size(part)
            try:
                with self._open(url, {"Range": f"bytes={have}-"} if have else {}, repo) as response:
                    _append(response, part, have if response.status == _PARTIAL else 0, file.size, report)
            except urllib.error.HTTPError:  # the range was refused: the part is of another file
                part.unlink(missing_ok=True)
            except (OSError, HTTPException) as error:
                _log.info("the download of %s broke off at %d bytes: %s", url, _size(part), error)
            failures = 0 if _size(part) > have else failures + 1
            if failures >= _TRIES:
                raise ModelError(f"The download of {file.name} broke off.", "Pull again; what is there is kept.")
            if failures and _size(part) < file.size:
                time.sleep(self._pause_s * 2 ** (failures - 1))

    def _open(self, url: str, headers: Mapping[str, str], repo: str) -> Any:
        """The response, repeated on errors that pass. Raises ModelError for answers that mean something."""
        given = {"User-Agent": "docent", **headers}
        if self._token:
            given["Authorization"] = f"Bearer {self._token}"
        for attempt in range(1, _TRIES + 1):
            try:
                return self._opener.open(urllib.request.Request(url, headers=given), timeout=_TIMEOUT_S)
            except urllib.error.HTTPError as error:
                if error.code == _RANGE_REFUSED:
                    raise
                if error.code in _NOT_AGAIN:
                    raise self._refusal(error, repo) from error
                error.close()
                if attempt == _TRIES:
                    raise ModelError(f"{self._hub} answers with error {error.code}.", "Try again later.") from error
            except (OSError, HTTPException) as error:
                if attempt == _TRIES:
                    reason = getattr(error, "reason", error)
                    remedy = "Check the connection and pull again."
                    raise ModelError(f"{self._hub} cannot be reached ({reason}).", remedy) from error
            time.sleep(self._pause_s * 2 ** (attempt - 1))
        raise AssertionError("the last attempt returns or raises")

    def _refusal(self, error: urllib.error.HTTPError, repo: str) -> ModelError:
        with error:
            kind = error.headers.get("X-Error-Code", "")
        gated = kind == "GatedRepo" or error.code in (401, 403)
        if gated and kind != "RepoNotFound":
            remedy = f"Accept its terms at {self._hub}/{repo} and set {TOKEN_ENV} to an access token."
            return ModelError(f"{repo} is not open to everyone, or does not exist.", remedy)
        return ModelError(f"{self._hub} has no model {repo}, or no such revision.", "Check the spelling.")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Files lie on other hosts: those must not learn the token, and nothing goes from https to http."""

    def redirect_request(
        self, request: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urlsplit(request.full_url), urlsplit(newurl)
        if new.scheme not in ("http", "https") or (old.scheme == "https" and new.scheme != "https"):
            raise ModelError(f"{old.netloc} leads to {newurl}, which is not safe.", "Check model.hub.")
        following = super().redirect_request(request, fp, code, msg, headers, newurl)
        if following is not None and old.netloc != new.netloc:
            following.remove_header("Authorization")
        return following


def _parse_listing(answer: Mapping[str, Any], repo: str) -> _Listing:
    names = [str(entry["rfilename"]) for entry in answer["siblings"]]
    weights = [name for name in names if name.endswith(".safetensors") and "/" not in name]
    if not weights:
        if any(is_pickle(Path(name)) for name in names):
            raise ModelError(
                f"{repo} holds its weights as pickle files alone, and those can run programs.",
                "Choose a repository with safetensors files.",
            )
        raise ModelError(f"{repo} holds no safetensors files.", "Choose a repository with a language model in them.")
    # Some repositories hold the same weights once more, as "consolidated" shards in another layout.
    main = [name for name in weights if name.startswith("model")] or weights
    skipped = set(weights) - set(main)
    files = [
        _remote_file(entry)
        for entry in answer["siblings"]
        if _WANTED.fullmatch(str(entry["rfilename"])) and entry["rfilename"] not in skipped
    ]
    commit = str(answer["sha"])
    if not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        raise ValueError("the commit is no hash")
    return _Listing(commit, tuple(sorted(files, key=lambda file: file.size)))


def _remote_file(entry: Mapping[str, Any]) -> RemoteFile:
    lfs = entry.get("lfs") or {}
    sha256 = lfs.get("sha256") or str(lfs.get("oid", "")).removeprefix("sha256:") or None
    git_sha1 = None if sha256 else entry.get("blobId")
    if not (sha256 or git_sha1):
        raise ValueError("a file without a hash")
    return RemoteFile(str(entry["rfilename"]), int(lfs.get("size") or entry["size"]), sha256, git_sha1)


def _append(response: Any, part: Path, start: int, size: int, report: Callable[[int], None]) -> None:
    """Writes what comes behind the first ``start`` bytes, and no more than tells that there is too much."""
    try:
        with part.open("r+b" if start else "wb") as target:
            target.seek(start)
            target.truncate()
            count = start
            while count <= size and (block := _read(response)):
                target.write(block)
                count += len(block)
                report(min(count, size))
    except _Broken as broken:
        raise broken.reason from broken
    except OSError as error:
        raise ModelError(f"{part} cannot be written ({error.strerror}).", "Check the disk and pull again.") from error


class _Broken(Exception):
    """A connection that failed, told apart from a disk that did."""

    def __init__(self, reason: OSError | HTTPException) -> None:
        super().__init__()
        self.reason = reason


def _read(response: Any) -> bytes:
    try:
        block: bytes = response.read(_BLOCK)
    except (OSError, HTTPException) as error:
        raise _Broken(error) from error
    return block


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _fits(file: RemoteFile, path: Path) -> bool:
    """Whether the content has the published hash."""
    if path.stat().st_size != file.size:
        return False
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as content:
        while block := content.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == (file.sha256 or file.git_sha1)
