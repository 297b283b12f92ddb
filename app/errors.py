"""Defines the failures of settings, command line and HTTP that a person can mend.

AppError
+-- ConfigError        an unknown key, a wrong type, an unreadable file: names the key and the nearest valid one
+-- UsageError         arguments that do not go together
|   +-- TooLarge       a file or request beyond a limit
+-- ConversationError  no conversation has that id
+-- UnknownDocument    no document or page has that id
+-- UnknownPrompt      no prompt has that id
+-- DiskError          the disk is full or cannot be written to
+-- ModelError         a language model is not there, cannot be used or cannot be downloaded
    +-- RequestFailed  a server with a model fails at a request
"""

import errno

from docent import DocentError

_DISK = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "Your share of the disk is used up",
    errno.EFBIG: "The file would be larger than the disk allows",
    errno.EROFS: "The disk is read-only",
}


class AppError(DocentError):
    """Root of this package's errors."""


class ConfigError(AppError):
    """A setting is unknown or has a wrong value."""


class UsageError(AppError):
    """Arguments that do not go together."""


class TooLarge(UsageError):
    """A file or request is larger than the limit."""


class ConversationError(AppError):
    """The conversation asked for does not exist."""


class UnknownDocument(AppError):
    """The document or page asked for does not exist."""


class UnknownPrompt(AppError):
    """The prompt asked for does not exist."""


class ModelError(AppError):
    """A language model is not there, cannot be used or cannot be downloaded."""


class RequestFailed(ModelError):
    """A server with a model answers a request with ``status``, an error of HTTP."""

    def __init__(self, message: str, remedy: str, status: int) -> None:
        super().__init__(message, remedy)
        self.status = status


class DiskError(AppError):
    """The disk is full or cannot be written to."""


def disk_error(error: BaseException) -> DiskError | None:
    """Returns what to tell a person of an error that a full or read-only disk has caused; None for any other."""
    if not isinstance(error, OSError) or (what := _DISK.get(error.errno or 0)) is None:
        return None
    place = f": {error.filename}" if error.filename else ""
    return DiskError(f"{what}{place}.", "Make room on it, or name another data folder with --data-dir.")
