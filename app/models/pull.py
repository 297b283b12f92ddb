"""Downloads a model from the Hugging Face hub, or from a server that speaks its API, into the folder of models.

huggingface_hub lists the repository and opens the connections. Only safetensors, JSON, tokenizer and template files of
the repository's root are fetched, each is compared with its published hash, and nothing is visible under the model's
name before all of it is there. Writing the files is done here because huggingface_hub does not take up what an
interrupted process has fetched; here it is kept for the next pull.
"""

import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import ModelError
from app.models.store import ModelInfo, ModelStore, check, describe, is_pickle, note_origin
from docent import __version__
from engines.files.locks import exclusive

if TYPE_CHECKING:
    from httpx2 import Response
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.hf_api import RepoSibling

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
_PASSING = frozenset({408, 429})  # and all from 500 on


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
    license: str = ""


class ModelHub:
    """``hub`` is the server's address, ``pause_s`` the wait before the first repetition of a failed request."""

    def __init__(self, hub: str = HUB, token: str | None = None, pause_s: float = 1.0) -> None:
        from huggingface_hub import HfApi  # takes half a second

        self._hub = hub.rstrip("/")
        self._token = token or os.environ.get(TOKEN_ENV) or None
        # False, so that a token that other programs have left on this computer is not sent.
        self._api = HfApi(self._hub, self._token or False, library_name="docent", library_version=__version__)
        self._pause_s = pause_s

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
        note_origin(unfinished, f"{repo}@{listing.commit}", hashes, listing.license)
        unfinished.rename(target)
        return describe(target, target.name)

    def _listing(self, repo: str, revision: str) -> _Listing:
        from httpx2 import HTTPError, InvalidURL
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        for attempt in range(1, _TRIES + 1):
            try:
                found = self._api.model_info(repo, revision=revision, files_metadata=True, timeout=_TIMEOUT_S)
                stated = getattr(found.card_data, "license", None)
                return _chosen_files(found.sha, found.siblings or (), repo, stated if isinstance(stated, str) else "")
            except HfHubHTTPError as error:
                if attempt == _TRIES or not _passes(error):
                    raise self._refusal(error, repo) from error
            except HTTPError as error:
                if attempt == _TRIES:
                    remedy = "Check the connection and pull again."
                    raise ModelError(f"{self._hub} cannot be reached ({error}).", remedy) from error
            except OfflineModeIsEnabled as error:
                raise ModelError("HF_HUB_OFFLINE forbids downloads.", "Unset it and pull again.") from error
            except (ValueError, KeyError, TypeError, InvalidURL) as error:
                raise ModelError(f"{self._hub} did not answer like a model hub.", "Check model.hub.") from error
            time.sleep(self._pause_s * 2 ** (attempt - 1))
        raise AssertionError("the last attempt returns or raises")

    def _check_space(self, listing: _Listing, folder: Path) -> None:
        have = sum(path.stat().st_size for path in folder.iterdir())
        need = sum(file.size for file in listing.files) - have + _SPARE
        free = shutil.disk_usage(folder).free
        if need > free:
            raise ModelError(f"The model needs {need / 1e9:.1f} GB and {free / 1e9:.1f} GB are free.", "Make room.")

    def _fetch(self, repo: str, commit: str, file: RemoteFile, path: Path, report: Callable[[int], None]) -> None:
        """Brings one file to ``path``. A wrong hash after going on from an earlier part starts it anew, once."""
        from huggingface_hub import hf_hub_url

        if path.is_file() and _fits(file, path):
            report(file.size)
            return
        part = path.with_name(path.name + ".part")
        url = hf_hub_url(repo, file.name, revision=commit, endpoint=self._hub)
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
        from httpx2 import HTTPError
        from huggingface_hub.errors import HfHubHTTPError

        failures = 0
        while not part.exists() or part.stat().st_size < file.size:
            have = _size(part)
            refused: HfHubHTTPError | None = None
            try:
                with self._opened(url, have) as response:
                    if response.status_code == _RANGE_REFUSED:  # the part is of another file
                        part.unlink(missing_ok=True)
                    else:
                        start = have if response.status_code == _PARTIAL else 0
                        _append(response.iter_bytes(), part, start, file.size, report)
            except HfHubHTTPError as error:
                refused = error
                if not _passes(error):
                    raise self._refusal(error, repo) from error
            except HTTPError as error:
                _log.info("the download of %s broke off at %d bytes: %s", url, _size(part), error)
            failures = 0 if _size(part) > have else failures + 1
            if failures >= _TRIES:
                broken = ModelError(f"The download of {file.name} broke off.", "Pull again; what is there is kept.")
                raise broken if refused is None else self._refusal(refused, repo)
            if failures and _size(part) < file.size:
                time.sleep(self._pause_s * 2 ** (failures - 1))

    @contextmanager
    def _opened(self, url: str, start: int) -> "Iterator[Response]":
        """The answer to a request for a file from byte ``start`` on, its content not read yet."""
        from huggingface_hub import get_session, hf_raise_for_status

        headers = {"User-Agent": f"docent/{__version__}", "Accept-Encoding": "identity"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if start:
            headers["Range"] = f"bytes={start}-"
        # Files lie on other hosts, to which the client does not send the token.
        with get_session().stream("GET", url, headers=headers, timeout=_TIMEOUT_S) as response:
            if self._hub.startswith("https:") and response.url.scheme != "https":
                raise ModelError(f"{self._hub} leads to {response.url}, which is not safe.", "Check model.hub.")
            if response.status_code != _RANGE_REFUSED:
                hf_raise_for_status(response)
            yield response

    def _refusal(self, error: "HfHubHTTPError", repo: str) -> ModelError:
        status, kind = error.response.status_code, error.response.headers.get("X-Error-Code", "")
        if _passes(error):
            return ModelError(f"{self._hub} answers with error {status}.", "Try again later.")
        gated = kind == "GatedRepo" or status in (401, 403)
        if gated and kind != "RepoNotFound":
            remedy = f"Accept its terms at {self._hub}/{repo} and set {TOKEN_ENV} to an access token."
            return ModelError(f"{repo} is not open to everyone, or does not exist.", remedy)
        return ModelError(f"{self._hub} has no model {repo}, or no such revision.", "Check the spelling.")


def _passes(error: "HfHubHTTPError") -> bool:
    """Whether the same request may be answered later."""
    return error.response.status_code >= 500 or error.response.status_code in _PASSING


def _chosen_files(commit: str | None, siblings: "Iterable[RepoSibling]", repo: str, license: str) -> _Listing:
    """The files that are fetched, smallest first. Raises ModelError where there are no safetensors among them."""
    entries = {entry.rfilename: entry for entry in siblings}
    weights = [name for name in entries if name.endswith(".safetensors") and "/" not in name]
    if commit is None or not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        raise ValueError("the commit is no hash")
    if not weights:
        if any(is_pickle(Path(name)) for name in entries):
            raise ModelError(
                f"{repo} holds its weights as pickle files alone, and those can run programs.",
                "Choose a repository with safetensors files.",
            )
        raise ModelError(f"{repo} holds no safetensors files.", "Choose a repository with a language model in them.")
    # Some repositories hold the same weights once more, as "consolidated" shards in another layout.
    main = [name for name in weights if name.startswith("model")] or weights
    skipped = set(weights) - set(main)
    files = [_remote_file(entries[name]) for name in entries if _WANTED.fullmatch(name) and name not in skipped]
    return _Listing(commit, tuple(sorted(files, key=lambda file: file.size)), license)


def _remote_file(entry: "RepoSibling") -> RemoteFile:
    sha256 = entry.lfs.sha256 if entry.lfs else None
    git_sha1 = None if sha256 else entry.blob_id
    size = entry.lfs.size if entry.lfs else entry.size
    if size is None or not (sha256 or git_sha1):
        raise ValueError("a file without a size or a hash")
    return RemoteFile(entry.rfilename, size, sha256, git_sha1)


def _append(blocks: Iterable[bytes], part: Path, start: int, size: int, report: Callable[[int], None]) -> None:
    """Writes what comes behind the first ``start`` bytes, and no more than tells that there is too much."""
    try:
        with part.open("r+b" if start else "wb") as target:
            target.seek(start)
            target.truncate()
            count = start
            for block in blocks:
                target.write(block)
                count += len(block)
                report(min(count, size))
                if count > size:
                    break
    except OSError as error:
        raise ModelError(f"{part} cannot be written ({error.strerror}).", "Check the disk and pull again.") from error


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
