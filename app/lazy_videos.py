"""Loads what talks to YouTube when the first video is asked for; most libraries hold none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.settings.schema import Settings

if TYPE_CHECKING:
    from rag.ingest.sources.youtube import Video, YouTubeClient
    from rag.types import ParsedDocument


class LazyVideos:
    """Implements rag.protocols.TranscriptClient."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: YouTubeClient | None = None

    def videos(self, url: str) -> "Sequence[Video]":
        return self._loaded().videos(url)

    def transcript(self, video_id: str) -> "ParsedDocument":
        return self._loaded().transcript(video_id)

    def _loaded(self) -> "YouTubeClient":
        if self._client is None:
            from rag.ingest.sources.youtube import YouTubeClient

            chosen = self._settings.youtube
            self._client = YouTubeClient(
                languages=chosen.languages, pause_s=chosen.pause_s, cache_dir=self._settings.folder.transcripts
            )
        return self._client
