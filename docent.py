"""What every package of Docent shares: the version and the root of the exception tree.

It imports nothing, so that any layer may import it.

    DocentError                     a person or a file caused it; the message says what to do
    +-- rag.errors.RagError         documents, library, retrieval
    +-- engines.errors.EngineError  models and runtimes
    +-- app.errors.AppError         configuration, command line, HTTP

Anything else that is raised is a defect of Docent and is reported as one.
"""

__version__ = "0.1.0"


class DocentError(Exception):
    """A failure that a person can mend.

    ``message`` is one sentence that says what is wrong; ``remedy`` is one that says what to do about it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy
