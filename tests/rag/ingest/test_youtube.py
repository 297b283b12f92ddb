"""Transcripts through the real library, against a local server that speaks YouTube's answers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from rag.errors import ReadError, SkippedError, SourceError
from rag.ingest.sources.youtube import Video, YouTubeClient, YouTubeUrl, choose_language, parse_url, video_url

ID = "dQw4w9WgXcQ"
CAPTIONS = (
    '<?xml version="1.0" encoding="utf-8" ?><transcript><text start="0.5" dur="4">We are no strangers</text>'
    '<text start="3.5" dur="4">to love &amp;amp; &lt;i&gt;rules&lt;/i&gt;.</text>'
    '<text start="100" dur="2">Later.</text></transcript>'
)


def track(language: str, *, generated: bool = False, name: str = "captions") -> dict[str, Any]:
    return {
        "baseUrl": f"https://www.youtube.com/api/timedtext?v={ID}&lang={language}&name={name}",
        "name": {"runs": [{"text": language}]},
        "languageCode": language,
        **({"kind": "asr"} if generated else {}),
    }


class FakeYouTube:
    """What the server answers next, and what it was asked."""

    def __init__(self) -> None:
        self.page: tuple[int, str] = (200, '{"INNERTUBE_API_KEY": "key"}')
        self.playability: dict[str, Any] = {"status": "OK"}
        self.tracks: list[dict[str, Any]] | None = [track("en")]
        self.captions = CAPTIONS
        self.title: str | None = "A song"
        self.requests: list[str] = []
        self.base = ""

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, str]:
        self.requests.append(path)
        if path == "/watch":
            return self.page
        if path == "/youtubei/v1/player":
            captions = {} if self.tracks is None else {"captionTracks": self.tracks}
            player = {"playabilityStatus": self.playability, "captions": {"playerCaptionsTracklistRenderer": captions}}
            return 200, json.dumps(player)
        if path == "/api/timedtext":
            return 200, self.captions.replace("strangers", f"strangers ({query['lang'][0]}, {query['name'][0]})")
        if path == "/oembed" and self.title is not None:
            return 200, json.dumps({"title": self.title})
        return 404, "no such page"


class Redirect(HTTPAdapter):
    """Sends what is meant for YouTube to the local server."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        assert request.url is not None
        assert request.url.startswith("https://www.youtube.com/")
        request.url = request.url.replace("https://www.youtube.com", self.base, 1)
        return super().send(request, *args, **options)


@pytest.fixture
def youtube() -> Iterator[FakeYouTube]:
    fake = FakeYouTube()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            status, text = fake.answer(parts.path, parse_qs(parts.query))
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  (the name is the base class's)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    fake.base = f"http://127.0.0.1:{server.server_port}"
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def session(youtube: FakeYouTube) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", Redirect(youtube.base))
        yield session


@pytest.mark.parametrize(
    "url",
    [
        f"https://www.youtube.com/watch?v={ID}",
        f"http://youtube.com/watch?feature=share&v={ID}&t=10s#x",
        f"https://m.youtube.com/watch?v={ID}&list=PL1234567890&index=2",
        f"youtu.be/{ID}?si=abc",
        f"https://youtu.be/{ID}",
        f"https://www.youtube.com/shorts/{ID}?feature=share",
        f"https://www.youtube.com/embed/{ID}?start=3",
        f"https://www.youtube-nocookie.com/embed/{ID}",
        f"https://www.youtube.com/live/{ID}",
        f"https://music.youtube.com/watch?v={ID}",
        f"  www.youtube.com/v/{ID} ",
    ],
)
def test_every_form_of_a_video_url(url: str) -> None:
    assert parse_url(url) == YouTubeUrl(ID, None)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/playlist?list=PLabc_-123&si=x",
        "youtube.com/playlist?list=PLabc_-123",
        "https://www.youtube.com/embed/videoseries?list=PLabc_-123",
        "https://music.youtube.com/playlist?list=PLabc_-123",
    ],
)
def test_every_form_of_a_playlist_url(url: str) -> None:
    assert parse_url(url) == YouTubeUrl(None, "PLabc_-123")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/watch?v=" + ID,
        "https://youtube.com.example.org/watch?v=" + ID,
        "https://www.youtube.com/watch?v=tooshort",
        "https://www.youtube.com/@someone",
        "ftp://www.youtube.com/watch?v=" + ID,
        "file:///youtube.com/watch",
        "http://[::1/watch",
        "/home/me/youtube.com",
        "",
    ],
)
def test_other_addresses(url: str) -> None:
    assert parse_url(url) is None
    with pytest.raises(SourceError, match="no address of a YouTube"):
        YouTubeClient().videos(url)


def test_a_transcript_with_times_and_title(youtube: FakeYouTube, session: requests.Session) -> None:
    document = YouTubeClient(session, pause_s=0).transcript(ID)
    assert document.title == "A song"
    assert document.text == "We are no strangers (en, captions) to love & rules.\n\nLater."
    assert [(block.kind, block.start_s, block.end_s) for block in document.blocks] == [
        ("caption", 0.5, 7.5),
        ("caption", 100.0, 102.0),
    ]
    assert document.metadata["url"] == video_url(ID) == f"https://www.youtube.com/watch?v={ID}"
    assert video_url(ID, 61.9) == f"https://www.youtube.com/watch?v={ID}&t=61s"


def test_without_a_title_the_id_stands_for_it(youtube: FakeYouTube, session: requests.Session) -> None:
    youtube.title = None
    assert YouTubeClient(session, pause_s=0).transcript(ID).title == ID


@pytest.mark.parametrize(
    ("tracks", "wanted", "language", "kind"),
    [
        ([track("en", generated=True, name="asr"), track("en", name="person")], ("en",), "en", "person"),
        ([track("de", name="person"), track("en", generated=True, name="asr")], ("en", "de"), "en", "asr"),
        ([track("de"), track("fr")], ("xx", "fr"), "fr", "captions"),
        ([track("en-GB")], ("en",), "en-GB", "captions"),
        ([track("fr", name="person"), track("ja", generated=True, name="asr")], ("en",), "ja", "asr"),
        ([track("fr"), track("it")], ("en",), "fr", "captions"),
    ],
)
def test_the_choice_of_language(
    youtube: FakeYouTube,
    session: requests.Session,
    tracks: list[dict[str, Any]],
    wanted: tuple[str, ...],
    language: str,
    kind: str,
) -> None:
    youtube.tracks = tracks
    document = YouTubeClient(session, languages=wanted, pause_s=0).transcript(ID)
    assert f"({language}, {kind})" in document.text
    assert document.metadata["language"] == language
    assert document.metadata["transcript"] == ("generated" if kind == "asr" else "manual")


BOT = {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you’re not a bot"}
AGE = {"status": "LOGIN_REQUIRED", "reason": "This video may be inappropriate for some users."}
GONE = {"status": "ERROR", "reason": "This video is unavailable"}
PRIVATE = {"status": "LOGIN_REQUIRED", "reason": "This is a private video"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"playability": BOT}, "no robot"),
        ({"playability": AGE}, "age-restricted"),
        ({"playability": GONE}, "no longer available"),
        ({"playability": PRIVATE}, "This is a private video"),
        ({"tracks": None}, "subtitles are turned off"),
        ({"tracks": []}, "subtitles are turned off"),
        ({"page": (429, "")}, "too many requests"),
        ({"page": (200, '<div class="g-recaptcha">')}, "too many requests"),
        ({"page": (500, "")}, "answered with an error: 500"),
        ({"page": (200, "something new")}, "could not be understood"),
        ({"captions": ""}, "no transcript that can be read"),
        ({"captions": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}, "no transcript that can be read"),
        ({"tracks": [{"languageCode": "en"}]}, "no transcript that can be read"),
    ],
)
def test_each_failure_has_its_own_reason(
    youtube: FakeYouTube, session: requests.Session, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    for name, value in change.items():
        setattr(youtube, name, value)
    with pytest.raises(ReadError, match=words):
        YouTubeClient(session, pause_s=0, cache_dir=tmp_path).transcript(ID)
    assert not list(tmp_path.iterdir()), "a failure must not be kept"


def test_an_empty_transcript_is_skipped(youtube: FakeYouTube, session: requests.Session) -> None:
    youtube.captions = '<transcript><text start="0" dur="1"> </text></transcript>'
    with pytest.raises(SkippedError, match="empty"):
        YouTubeClient(session, pause_s=0).transcript(ID)


def test_offline_is_said_plainly(youtube: FakeYouTube) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", Redirect("http://127.0.0.1:9"))
        with pytest.raises(ReadError, match=r"could not be reached.*connection"):
            YouTubeClient(session, pause_s=0).transcript(ID)


def test_a_second_read_costs_no_request(youtube: FakeYouTube, session: requests.Session, tmp_path: Path) -> None:
    first = YouTubeClient(session, pause_s=0, cache_dir=tmp_path / "cache").transcript(ID)
    asked = len(youtube.requests)
    assert asked == 4
    assert YouTubeClient(session, pause_s=0, cache_dir=tmp_path / "cache").transcript(ID) == first
    assert len(youtube.requests) == asked
    YouTubeClient(session, languages=("de",), pause_s=0, cache_dir=tmp_path / "cache").transcript(ID)
    assert len(youtube.requests) == 2 * asked, "another wish of languages is another question"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1}', '{"version": 99, "captions": []}'])
def test_a_damaged_cache_is_asked_again(
    youtube: FakeYouTube, session: requests.Session, tmp_path: Path, damage: str
) -> None:
    (tmp_path / f"{ID}.json").write_text(damage)
    assert YouTubeClient(session, pause_s=0, cache_dir=tmp_path).transcript(ID).title == "A song"


def test_a_cache_that_cannot_be_written_costs_nothing(
    youtube: FakeYouTube, session: requests.Session, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert YouTubeClient(session, pause_s=0, cache_dir=tmp_path / "file").transcript(ID).title == "A song"


def test_there_is_a_pause_between_videos_but_not_for_the_cache(
    youtube: FakeYouTube, session: requests.Session, tmp_path: Path
) -> None:
    pauses: list[float] = []
    client = YouTubeClient(session, pause_s=1_000, cache_dir=tmp_path, sleep=pauses.append)
    client.transcript(ID)
    assert pauses == []
    client.transcript("aaaaaaaaaaa")
    client.transcript(ID)
    assert len(pauses) == 1
    assert 900 < pauses[0] <= 1_000


@pytest.mark.parametrize("video_id", ["", "../../etc/pw", "short", "aaaaaaaaaaa\n"])
def test_an_id_that_is_none_is_not_asked_for(youtube: FakeYouTube, session: requests.Session, video_id: str) -> None:
    with pytest.raises(ReadError, match="no id"):
        YouTubeClient(session, pause_s=0).transcript(video_id)
    assert youtube.requests == []


def test_the_videos_of_a_playlist(session: requests.Session) -> None:
    def listing(playlist_id: str) -> list[Video]:
        assert playlist_id == "PLabc"
        return [Video(ID, "One"), Video("not an id", "Broken"), Video("aaaaaaaaaaa", "")]

    client = YouTubeClient(session, pause_s=0, list_playlist=listing)
    videos = client.videos("https://www.youtube.com/playlist?list=PLabc")
    assert videos == [Video(ID, "One"), Video("aaaaaaaaaaa", "")]
    assert videos[0].url == video_url(ID)
    assert client.videos(f"https://youtu.be/{ID}") == [Video(ID, "")]


def test_a_playlist_without_yt_dlp_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yt_dlp", None)
    with pytest.raises(SourceError, match=r'pip install "docent-chat\[youtube\]"'):
        YouTubeClient(pause_s=0).videos("https://www.youtube.com/playlist?list=PLabc")


@pytest.mark.parametrize(
    ("available", "wanted", "taken"),
    [
        ([("pt", False), ("en", True)], ["pt-BR"], 0),
        ([("de", True), ("en", False)], ["en-US"], 1),
        ([("de", True), ("en", False)], ["EN"], 1),
        ([("no", False), ("en", True)], ["nb"], 0),
        ([("pt-PT", False), ("pt", False), ("pt-BR", True)], ["pt-BR"], 1),
        ([("zh-TW", False), ("zh-Hans", False)], ["zh-CN"], 1),
        ([("fr", True)], ["de", "en"], None),
    ],
)
def test_a_variant_of_a_wanted_language_comes_before_the_next(
    available: list[tuple[str, bool]], wanted: list[str], taken: int | None
) -> None:
    assert choose_language(available, wanted) == taken
