"""Parses what a person types to name a source into a canonical location: a folder, a file or a YouTube address.

A folder or file becomes an absolute path with links unresolved, a YouTube address its canonical URL. Only the file
system is asked, never the network.
"""

import os
import stat
from pathlib import Path
from typing import Literal

from rag.errors import SourceError

_SYSTEM_FOLDERS = ("/proc/", "/sys/")


def normal_location(location: str) -> tuple[Literal["folder", "file", "youtube"], str]:
    """Returns the kind and the canonical form of a location that exists. Raises SourceError."""
    # Not Path.resolve(): the person's own path stays, and a link to another drive is followed when it is scanned.
    path = os.path.abspath(os.path.expanduser(location))  # noqa: PTH100, PTH111
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError) as error:
        url = _youtube(location)
        if url is not None:
            return "youtube", url
        if "://" in location:
            raise SourceError(
                f"Docent cannot read {location}.", "It reads YouTube videos and playlists; save other pages as files."
            ) from None
        if isinstance(error, PermissionError):
            raise SourceError(f"{path} may not be opened.", "Allow your account to read it.") from None
        raise SourceError(f"There is no file or folder at {path}.", "Check the spelling.") from None
    if f"{os.path.realpath(path)}/".startswith(_SYSTEM_FOLDERS):
        raise SourceError(f"{path} is a part of the system and holds no documents.", "Name a folder of your own.")
    if stat.S_ISDIR(mode):
        return "folder", path
    if stat.S_ISREG(mode):
        return "file", path
    raise SourceError(f"{path} is neither a file nor a folder.", "Name a file or folder that holds documents.")


def _youtube(location: str) -> str | None:
    if "youtu" not in location.lower():
        return None
    from rag.ingest.sources.youtube import parse_url, video_url

    target = parse_url(location)
    if target is None:
        return None
    if target.video_id is not None:
        return video_url(target.video_id)
    return f"https://www.youtube.com/playlist?list={target.playlist_id}"
