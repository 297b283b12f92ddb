"""Failures of models and runtimes that a person can mend.

EngineError
+-- CheckpointError      a model folder lacks a file or tensor, or one has the wrong shape; names both
|   +-- UnsupportedModel an architecture or quantisation that Docent does not read; names it
+-- RequestError         a request cannot be served as asked: too long, an unknown option
+-- EngineBusy           the queue is full; try again later
+-- RuntimeUnavailable   a runtime needs a card, driver or package that is not here; names it
"""

from docent import DocentError


class EngineError(DocentError):
    """Root of this package's errors."""


class CheckpointError(EngineError):
    """A model's files are missing, damaged or contradict each other."""


class UnsupportedModel(CheckpointError):
    """An architecture or a quantisation format that is not read."""


class RequestError(EngineError):
    """A request that cannot be served as it was asked."""


class EngineBusy(EngineError):
    """More requests are waiting than the engine was configured to hold."""


class RuntimeUnavailable(EngineError):
    """A runtime lacks its card, its driver or its package on this machine."""
