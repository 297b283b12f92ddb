"""Failures of documents, library and retrieval that a person can mend.

RagError
+-- ReadError            one document could not be read; it becomes a row with this status, the others go on
|   +-- ProtectedError   ... because of a password or a restriction
|   +-- SkippedError     ... on purpose: too large, empty, a kind of file that Docent does not read
+-- LibraryError         the library file as a whole: damaged, of a newer version, disk full
|   +-- LibraryLocked    another process is writing to it
+-- CollectionError      a collection cannot have that name
|   +-- UnknownCollection  ... does not exist
+-- SourceError          a folder or URL that a person named does not exist or cannot be reached
+-- ClusterError         the computers that were to read documents cannot be used
+-- BusyError            more is asked at once than can be done; the same later will do
+-- ModelFilesError      the embedder's folder lacks a file or holds a wrong one
"""

from docent import DocentError


class RagError(DocentError):
    """Root of this package's errors."""


class ReadError(RagError):
    """One document could not be read. The message is shown beside the file and must be true and plain."""


class ProtectedError(ReadError):
    """One document is closed by a password, or protected against being read."""


class SkippedError(ReadError):
    """One document was left out on purpose (too large, empty, unknown format, scanned without text)."""


class LibraryError(RagError):
    """The library file cannot be used as it is."""


class LibraryLocked(LibraryError):
    """Another process is writing to the library."""


class CollectionError(RagError):
    """A collection cannot be what it was asked to be."""


class UnknownCollection(CollectionError):
    """The collection asked for does not exist."""


class SourceError(RagError):
    """A folder, file or URL that was named cannot be used."""


class ClusterError(RagError):
    """A cluster of computers that reads documents cannot be reached or used."""


class BusyError(RagError):
    """More is asked at once than can be done."""


class ModelFilesError(RagError):
    """The files of the embedding model are missing or wrong."""
