"""What every package of Docent shares: version, root of the exception tree, what errors say, extras, and silence.

Some libraries report to their makers, from their first import on, that and how they are used. Every package imports
this module first, and it tells them not to. It imports nothing but the standard library, so that any layer may import
it.

    DocentError                     a person or a file caused it; the message says what to do
    +-- rag.errors.RagError         documents, library, retrieval
    +-- engines.errors.EngineError  models and runtimes
    +-- app.errors.AppError         configuration, command line, HTTP

Anything else that is raised is a defect of Docent and is reported as one.
"""

import os
import sys

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime, read when its library is loaded
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

__version__ = "0.1.0"


class DocentError(Exception):
    """A failure that a person can mend.

    ``message`` is one sentence that says what is wrong; ``remedy`` is one that says what to do about it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy


def cause_of(error: Exception) -> str:
    """What an error says to a person: without the number and the path that the operating system's errors carry."""
    return str(getattr(error, "strerror", None) or error)


def install_extra(name: str) -> str:
    """Returns the command that adds an optional part ("ocr") to the Python that runs Docent."""
    return f'"{sys.executable}" -m pip install "docent-chat[{name}]"'
