"""Syncs of playlists: YouTube is a fake, the library and the chunks are real."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.errors import ReadError, SkippedError, SourceError
from rag.ingest.sync import SyncReport
from rag.types import Block, ParsedDocument
from tests.rag.workbench import Workbench, bench, counts

__all__ = ["bench"]  # the fixture

PLAYLIST = "https://www.youtube.com/playlist?list=PLabcdefgh"


@dataclass(frozen=True)
class FakeVideo:
    id: str

    @property
    def url(self) -> str:
        return f"https://www.youtube.com/watch?v={self.id}"


class FakeYouTube:
    def __init__(self, *ids: str) -> None:
        self.ids = list(ids)
        self.texts: dict[str, str] = {}
        self.broken: dict[str, ReadError] = {}
        self.offline = False
        self.reads: list[str] = []

    def videos(self, url: str) -> Sequence[FakeVideo]:
        if self.offline:
            raise SourceError("YouTube could not be reached.", "Check the connection.")
        return [FakeVideo(id_) for id_ in self.ids]

    def transcript(self, video_id: str) -> ParsedDocument:
        self.reads.append(video_id)
        if video_id in self.broken:
            raise self.broken[video_id]
        text = self.texts.get(video_id, f"Transcript of {video_id}.")
        return ParsedDocument(text, (Block(0, len(text), start_s=12.5),), f"Video {video_id}", "video/youtube")


def sync_videos(bench: Workbench, youtube: FakeYouTube) -> SyncReport:
    syncer = bench.syncer(videos=youtube)
    syncer.add(PLAYLIST)
    report = syncer.run(None, bench.events.append)
    bench.library.check()
    return report


def test_a_playlist_becomes_documents_and_is_read_once(bench: Workbench) -> None:
    youtube = FakeYouTube("one", "two", "bad", "none")
    youtube.broken = {"bad": ReadError("YouTube refuses."), "none": SkippedError("No transcript.")}
    assert counts(sync_videos(bench, youtube)) == {"ok": 2, "failed": 1, "skipped": 1}
    (chunk,) = bench.library.chunk_range(bench.library.documents()[2].id, 0, 9)
    assert chunk.start_s == 12.5
    youtube.reads, youtube.broken = [], {}
    assert counts(sync_videos(bench, youtube)) == {"ok": 1, "unchanged": 3}
    assert youtube.reads == ["bad"]


def test_videos_follow_the_playlist_but_survive_being_offline(bench: Workbench) -> None:
    youtube = FakeYouTube("one", "two")
    sync_videos(bench, youtube)
    youtube.offline = True
    report = sync_videos(bench, youtube)
    assert len(report.unreachable) == 1 and len(bench.library.documents()) == 2
    youtube.offline, youtube.ids = False, ["two"]
    assert counts(sync_videos(bench, youtube)) == {"removed": 1, "unchanged": 1}


def test_a_transcript_of_many_hours_is_stored(bench: Workbench) -> None:
    youtube = FakeYouTube("long", "short")
    youtube.texts["long"] = "\n\n".join(f"{'Paragraph ' * 36} {number}." for number in range(2100))
    assert counts(sync_videos(bench, youtube)) == {"ok": 2}
    assert [document.chunks > 2048 for document in bench.library.documents()] == [True, False]
    assert counts(sync_videos(bench, youtube)) == {"unchanged": 2}
