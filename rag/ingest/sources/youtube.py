"""Fetches the transcripts of YouTube videos and playlists, with times.

This is the only module of the package that uses the network, and only when a person has named a URL. It loads no video,
pauses between requests and keeps every transcript on disk, so that reading one again costs no request. The failure of
one video is a ReadError that says whose doing it is.
"""

import contextlib
import json
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from xml.etree.ElementTree import ParseError

import requests
from requests.adapters import HTTPAdapter
from youtube_transcript_api import (
    AgeRestricted,
    CouldNotRetrieveTranscript,
    InvalidVideoId,
    IpBlocked,
    PoTokenRequired,
    RequestBlocked,
    Transcript,
    TranscriptList,
    TranscriptsDisabled,
    VideoUnavailable,
    VideoUnplayable,
    YouTubeRequestFailed,
    YouTubeTranscriptApi,
)

from docent import install_extra
from files import replace_text
from rag.errors import ReadError, SkippedError, SourceError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.captions import Caption, add_captions
from rag.types import ParsedDocument

logger = logging.getLogger(__name__)

MEDIA_TYPE = "video/youtube"
INSTALL_PLAYLISTS = f"Install it with: {install_extra('youtube')}"

_SITE = "https://www.youtube.com"
_HOSTS = frozenset(("youtube.com", "m.youtube.com", "music.youtube.com", "youtube-nocookie.com", "youtu.be"))
_VIDEO_ID = re.compile(r"[\w-]{11}", re.ASCII)
_PLAYLIST_ID = re.compile(r"[\w-]{2,100}", re.ASCII)
_VIDEO_PATHS = frozenset(("shorts", "embed", "live", "v", "e"))
_TIMEOUT_S = (10, 30)  # to connect, and between two bytes
_CACHE_VERSION = 1

_OFFLINE = "YouTube could not be reached."
_OFFLINE_REMEDY = "Check the connection to the internet, then sync again."
_LATER = "Wait some hours, or use another connection; videos that were read already stay."
# The first class that fits names the failure, so subclasses stand before their base.
_REASONS: tuple[tuple[type[Exception], str, str], ...] = (
    (IpBlocked, "YouTube blocks this internet connection because of too many requests.", _LATER),
    (RequestBlocked, "YouTube asks for proof that no robot is reading and refused the transcript.", _LATER),
    (TranscriptsDisabled, "This video has no transcript: subtitles are turned off for it.", ""),
    (AgeRestricted, "This video is age-restricted; YouTube gives its transcript only to people who are signed in.", ""),
    (VideoUnavailable, "This video does not exist or is no longer available.", "Check the URL."),
    (InvalidVideoId, "YouTube knows no video with this address.", "Check the URL."),
    (PoTokenRequired, "YouTube gives this transcript to its own player only.", ""),
)


# Codes of one language: of Norwegian, and withdrawn ones beside those that took their place.
_SAME_LANGUAGE = {"nb": "no", "nn": "no", "iw": "he", "in": "id", "ji": "yi", "fil": "tl"}
# The scripts in which regions write Chinese.
_SCRIPTS = {"cn": "hans", "sg": "hans", "tw": "hant", "hk": "hant", "mo": "hant"}


def choose_language(available: Sequence[tuple[str, bool]], wanted: Sequence[str]) -> int | None:
    """Returns the index of the transcript to take; None where none is in a wanted language.

    ``available`` holds the language code of each transcript and whether it was generated, ``wanted`` codes, best first.
    Any variant of a language is taken before the next language, and what a person wrote before what was generated.
    """
    for language in wanted:
        ranked = [
            (is_generated, _distance(code, language), index)
            for index, (code, is_generated) in enumerate(available)
            if _base(code) == _base(language)
        ]
        if ranked:
            return min(ranked)[2]
    return None


def _base(code: str) -> str:
    base = code.replace("_", "-").partition("-")[0].lower()
    return _SAME_LANGUAGE.get(base, base)


def _distance(code: str, wanted: str) -> int:
    """Returns 0 for the very variant, 1 for one in its script or the language without a variant, 2 for others."""
    code, wanted = (text.replace("_", "-").lower() for text in (code, wanted))
    variant, wanted_variant = code.partition("-")[2], wanted.partition("-")[2]
    if code == wanted:
        return 0
    same_script = _SCRIPTS.get(variant, variant) == _SCRIPTS.get(wanted_variant, wanted_variant)
    return 1 if same_script or not variant else 2


class YouTubeUrl(NamedTuple):
    """What a URL points at: one video, or else a playlist. Exactly one is given."""

    video_id: str | None
    playlist_id: str | None


@dataclass(frozen=True, slots=True)
class Video:
    """One entry of a source. ``title`` is empty where the URL alone is known."""

    id: str
    title: str

    @property
    def url(self) -> str:
        return video_url(self.id)


def parse_url(url: str) -> YouTubeUrl | None:
    """Returns the video or playlist that ``url`` means, None for any other address.

    A video opened from a playlist (watch?v=...&list=...) means that video.
    """
    text = url.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or host not in _HOSTS:
        return None
    query = parse_qs(parts.query)
    path = [piece for piece in parts.path.split("/") if piece]
    if host == "youtu.be":
        candidate = path[0] if path else ""
    elif len(path) >= 2 and path[0] in _VIDEO_PATHS and path[1] != "videoseries":
        candidate = path[1]
    else:
        candidate = query.get("v", [""])[0]
    if _VIDEO_ID.fullmatch(candidate):
        return YouTubeUrl(candidate, None)
    playlist = query.get("list", [""])[0]
    return YouTubeUrl(None, playlist) if _PLAYLIST_ID.fullmatch(playlist) else None


def video_url(video_id: str, start_s: float | None = None) -> str:
    """Returns the address of a video, at a second of it if one is given."""
    return f"{_SITE}/watch?v={video_id}" + (f"&t={int(start_s)}s" if start_s else "")


def list_with_yt_dlp(playlist_id: str) -> list[Video]:
    """Returns the entries of a playlist, in its order, by yt-dlp (the optional extra ``youtube``)."""
    try:
        import yt_dlp
    except ImportError as error:
        raise SourceError("Reading a playlist needs yt-dlp, which is not installed.", INSTALL_PLAYLISTS) from error
    options = {
        "extract_flat": "in_playlist",
        "skip_download": True,
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": logger,
        "retries": 0,
        "extractor_retries": 0,
        "socket_timeout": _TIMEOUT_S[0],
        "cachedir": False,
    }
    try:
        with yt_dlp.YoutubeDL(options) as downloader:
            found = downloader.extract_info(f"{_SITE}/playlist?list={playlist_id}", download=False)
    except yt_dlp.utils.YoutubeDLError as error:
        reason = str(error).removeprefix("ERROR: ").splitlines()[0]
        raise SourceError(
            f"The playlist could not be read: {reason}.", "Check the URL and that it is public."
        ) from error
    entries = (found or {}).get("entries") or ()
    return [Video(entry["id"], entry.get("title") or "") for entry in entries if entry and entry.get("id")]


class YouTubeClient:
    """Lists playlists and fetches transcripts, one request after the other; one thread at a time may use it."""

    def __init__(
        self,
        session: requests.Session | None = None,
        languages: Sequence[str] = ("en",),
        pause_s: float = 1.5,
        cache_dir: Path | None = None,
        list_playlist: Callable[[str], list[Video]] = list_with_yt_dlp,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``languages`` are codes, best first; where none of them is there, the video's own language is taken."""
        self._session = session if session is not None else _session()
        self._languages = tuple(languages)
        self._pause_s = pause_s
        self._cache_dir = cache_dir
        self._list_playlist = list_playlist
        self._sleep = sleep
        self._next_request = 0.0

    def videos(self, url: str) -> list[Video]:
        """Returns the video, or the videos of the playlist, behind ``url``. Raises SourceError."""
        target = parse_url(url)
        if target is None:
            raise SourceError(f"This is no address of a YouTube video or playlist: {url}")
        if target.video_id is not None:
            return [Video(target.video_id, "")]
        assert target.playlist_id is not None
        self._pace()
        return [video for video in self._list_playlist(target.playlist_id) if _VIDEO_ID.fullmatch(video.id)]

    def transcript(self, video_id: str) -> ParsedDocument:
        """Returns the transcript of one video. Raises ReadError with the reason."""
        if not _VIDEO_ID.fullmatch(video_id):
            raise ReadError(f"This is no id of a YouTube video: {video_id}")
        record = self._cached(video_id)
        if record is None:
            record = self._fetch(video_id)
            self._keep(video_id, record)
        return _document(video_id, record)

    def _fetch(self, video_id: str) -> dict[str, Any]:
        self._pace()
        try:
            transcript = self._choose(YouTubeTranscriptApi(http_client=self._session).list(video_id))
            fetched = transcript.fetch()
        except (CouldNotRetrieveTranscript, requests.RequestException) as error:
            raise _read_error(error) from error
        except (ParseError, LookupError, TypeError, ValueError) as error:
            raise ReadError(
                "YouTube's answer held no transcript that can be read.", "Try again later, or update Docent."
            ) from error
        return {
            "version": _CACHE_VERSION,
            "languages": list(self._languages),
            "title": self._title(video_id),
            "language": fetched.language_code,
            "generated": fetched.is_generated,
            "captions": [[snippet.start, snippet.duration, snippet.text] for snippet in fetched],
        }

    def _choose(self, available: TranscriptList) -> Transcript:
        """Chooses a transcript: languages in the person's order, written by people before made by machine."""
        transcripts = sorted(available, key=lambda transcript: transcript.is_generated)
        best = choose_language([(one.language_code, one.is_generated) for one in transcripts], self._languages)
        if best is not None:
            return transcripts[best]
        if not transcripts:
            raise TranscriptsDisabled(available.video_id)
        # The machine transcribes the language that is spoken; a person's text in it is better still.
        spoken = next((one.language_code for one in transcripts if one.is_generated), transcripts[0].language_code)
        return next(one for one in transcripts if one.language_code == spoken)

    def _title(self, video_id: str) -> str:
        """Returns the video's title, its id where YouTube does not tell."""
        try:
            answer = self._session.get(
                f"{_SITE}/oembed", params={"url": video_url(video_id), "format": "json"}, timeout=_TIMEOUT_S
            )
            answer.raise_for_status()
            title = answer.json()["title"]
        except (requests.RequestException, LookupError, TypeError):
            logger.info("no title for video %s", video_id)
            return video_id
        return title if isinstance(title, str) and title.strip() else video_id

    def _pace(self) -> None:
        """Waits until ``pause_s`` have passed since the last request."""
        now = time.monotonic()
        if now < self._next_request:
            self._sleep(self._next_request - now)
            now = max(now, self._next_request)
        self._next_request = now + self._pause_s

    def _cached(self, video_id: str) -> dict[str, Any] | None:
        if self._cache_dir is None:
            return None
        with contextlib.suppress(OSError, ValueError):
            record = json.loads((self._cache_dir / f"{video_id}.json").read_text(encoding="utf-8"))
            if _is_current(record, self._languages):
                return dict(record)
        return None

    def _keep(self, video_id: str, record: Mapping[str, Any]) -> None:
        if self._cache_dir is None:
            return
        try:
            replace_text(self._cache_dir / f"{video_id}.json", json.dumps(record, ensure_ascii=False))
        except OSError as error:
            # The cache only saves requests: a full disk must not cost the transcript.
            logger.warning("transcript of %s not cached: %s", video_id, error)


def _is_current(record: object, languages: tuple[str, ...]) -> bool:
    """Tells whether a cached record is whole and was made for the same wish of languages."""
    return (
        isinstance(record, dict)
        and record.get("version") == _CACHE_VERSION
        and record.get("languages") == list(languages)
        and all(isinstance(record.get(key), str) for key in ("title", "language"))
        and isinstance(record.get("generated"), bool)
        and isinstance(record.get("captions"), list)
        and all(
            isinstance(caption, list)
            and len(caption) == 3
            and all(isinstance(number, int | float) for number in caption[:2])
            and isinstance(caption[2], str)
            for caption in record["captions"]
        )
    )


def _document(video_id: str, record: Mapping[str, Any]) -> ParsedDocument:
    builder = DocumentBuilder(title=record["title"], media_type=MEDIA_TYPE)
    builder.metadata.update(
        video_id=video_id,
        url=video_url(video_id),
        language=record["language"],
        transcript="generated" if record["generated"] else "manual",
    )
    add_captions(builder, _captions(record["captions"]))
    if not builder.has_text:
        raise SkippedError("The transcript of this video is empty.")
    return builder.build()


def _captions(rows: Sequence[tuple[float, float, str]]) -> list[Caption]:
    """Makes captions of rows (start, duration, text); each ends at the latest where the next one begins."""
    starts = [start for start, _, _ in rows[1:]] + [float("inf")]
    return [
        Caption(text, start, max(start, min(start + duration, following)))
        for (start, duration, text), following in zip(rows, starts, strict=True)
    ]


def _read_error(error: Exception) -> ReadError:
    for kind, message, remedy in _REASONS:
        if isinstance(error, kind):
            return ReadError(message, remedy)
    if isinstance(error, VideoUnplayable):
        reason = (error.reason or "it gives no reason").rstrip(".")
        return ReadError(f"YouTube does not play this video: {reason}.")
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return ReadError(_OFFLINE, _OFFLINE_REMEDY)
    if isinstance(error, YouTubeRequestFailed):
        return ReadError(f"YouTube answered with an error: {error.reason}.", "Try again later.")
    return ReadError("YouTube's answer could not be understood.", "Try again later, or update Docent.")


class _PatientAdapter(HTTPAdapter):
    """Gives every request a time limit: the transcript library sets none and would wait for ever."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        options["timeout"] = options.get("timeout") or _TIMEOUT_S
        return super().send(request, **options)


def _session() -> requests.Session:
    session = requests.Session()
    session.mount("https://", _PatientAdapter())
    return session
