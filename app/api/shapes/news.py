"""The JSON documents of running answers and the sync at work (app.pages) and of the feed (app.feed)."""

from collections.abc import Iterable
from typing import Literal, Self, TypeAlias

from app import events, feed
from app.api.shapes.answer import AnswerPart, Citation, Looked, parts
from app.api.shapes.base import Shape
from app.pages import runs, syncing
from app.pages.runs import Run as AnyRun


class Run(Shape):
    """A question being answered. ``message`` and ``remedy`` say why a ``failed`` one failed.

    ``searched`` is the question as it was completed for the search, null where it needed no help; ``searches`` is what
    the language model searched for besides, ``thought`` what it thinks. ``started_at`` is a Unix time in seconds.
    ``after`` is the exchange that the answer follows in place of what stands there (0: at the beginning), null where it
    goes to the end of the conversation. ``model`` is what answers, null for the model that is set up.
    """

    id: int
    conversation: str
    question: str
    state: runs.State
    started_at: float
    after: int | None
    model: str | None
    searched: str | None
    passages: list[Looked]
    searches: list[str]
    thought: str
    parts: list[AnswerPart]
    citations: list[Citation]
    message: str
    remedy: str

    @classmethod
    def of(cls, run: runs.Run) -> Self:
        return cls(
            id=run.id,
            conversation=run.conversation,
            question=run.question,
            state=run.state,
            started_at=run.started_at,
            after=run.after,
            model=run.model,
            searched=run.searched,
            passages=[Looked.model_validate(events.Looked.of(passage)) for passage in run.passages],
            searches=list(run.searches),
            thought=run.thought,
            parts=parts(run.parts),
            citations=[Citation.of(citation) for citation in run.citations],
            message=run.message,
            remedy=run.remedy,
        )


class RunList(Shape):
    """The answers being written and those that failed, oldest first."""

    runs: list[Run]

    @classmethod
    def of(cls, known: Iterable[AnyRun]) -> Self:
        return cls(runs=[Run.of(run) for run in known])


class Within(Shape):
    """How far the file at work is: ``done`` of ``total`` parts (pages, characters) are read, or chunks made searchable,
    as ``stage`` says; those of all documents that wait for it where ``path`` is empty. ``since`` is when that began, a
    Unix time in seconds."""

    path: str
    stage: str
    done: int
    total: int
    since: float


class Syncing(Shape):
    """The sync at work, or how the last one ended.

    ``done`` and ``total`` count documents; ``within`` tells of a file that says how far it is. ``started_at`` is a Unix
    time in seconds, ``failed`` the number of documents that could not be read; ``paused`` says that some wait until a
    person goes on; ``version`` grows with every change.
    """

    version: int
    running: bool
    started_at: float
    stage: str
    path: str
    done: int
    total: int
    failed: int
    cancelling: bool
    paused: bool
    message: str
    remedy: str
    summary: str
    within: Within | None

    @classmethod
    def of(cls, progress: syncing.SyncProgress) -> Self:
        return cls.model_validate(progress)


class RunLine(Shape):
    """A run has begun, reached another state or ended."""

    event: Literal["run"] = "run"
    run: Run


class TextLine(Shape):
    """Words of a run: ``parts`` follow its first ``at`` parts."""

    event: Literal["text"] = "text"
    run: int
    at: int
    parts: list[AnswerPart]
    citations: list[Citation]


class ThoughtLine(Shape):
    """What a run's model thinks: ``text`` follows its first ``at`` characters."""

    event: Literal["thinking"] = "thinking"
    run: int
    at: int
    text: str


class RunForgottenLine(Shape):
    """A run that had failed is no longer listed."""

    event: Literal["forgotten"] = "forgotten"
    run: int


class SyncingLine(Shape):
    """A sync has begun, got further or ended."""

    event: Literal["sync"] = "sync"
    sync: Syncing


class ConversationsLine(Shape):
    """The list of conversations is another one; ``conversation`` has new contents, if it is given."""

    event: Literal["conversations"] = "conversations"
    conversation: str | None


class PromptsLine(Shape):
    """A prompt has been made, changed or deleted."""

    event: Literal["prompts"] = "prompts"


class DocumentsLine(Shape):
    """The list of documents or sources is another one."""

    event: Literal["documents"] = "documents"


class CollectionsLine(Shape):
    """A collection has been made, changed or deleted."""

    event: Literal["collections"] = "collections"


class SettingsLine(Shape):
    """A setting has another value."""

    event: Literal["settings"] = "settings"


class ModelsLine(Shape):
    """The models that are there, or what they are doing, have changed."""

    event: Literal["models"] = "models"


class BehindLine(Shape):
    """News were lost: read the state anew."""

    event: Literal["behind"] = "behind"


NewsLine: TypeAlias = (
    RunLine
    | TextLine
    | ThoughtLine
    | RunForgottenLine
    | SyncingLine
    | ConversationsLine
    | PromptsLine
    | DocumentsLine
    | CollectionsLine
    | SettingsLine
    | ModelsLine
    | BehindLine
)


def news_lines(happened: Iterable[feed.News]) -> list[NewsLine]:
    """Makes the JSON documents that report what happened; words of one run that follow each other come in one."""
    lines: list[NewsLine] = []
    for news in happened:
        line, last = news_line(news), lines[-1] if lines else None
        if isinstance(line, TextLine) and isinstance(last, TextLine) and last.run == line.run:
            lines[-1] = TextLine(
                run=line.run, at=last.at, parts=last.parts + line.parts, citations=last.citations + line.citations
            )
            continue
        if isinstance(line, ThoughtLine) and isinstance(last, ThoughtLine) and last.run == line.run:
            lines[-1] = ThoughtLine(run=line.run, at=last.at, text=last.text + line.text)
            continue
        if isinstance(
            line, SyncingLine | PromptsLine | DocumentsLine | CollectionsLine | SettingsLine | ModelsLine
        ):  # only the last of them counts
            lines = [other for other in lines if type(other) is not type(line)]
        lines.append(line)
    return lines


def news_line(news: feed.News) -> NewsLine:
    """Makes the JSON document that reports ``news``."""
    match news:
        case runs.RunNews(run):
            return RunLine(run=Run.of(run))
        case runs.TextNews(run_id, at, said, cited):
            return TextLine(
                run=run_id, at=at, parts=parts(said), citations=[Citation.of(citation) for citation in cited]
            )
        case runs.ThoughtNews(run_id, at, text):
            return ThoughtLine(run=run_id, at=at, text=text)
        case runs.RunForgotten(run_id):
            return RunForgottenLine(run=run_id)
        case syncing.SyncNews(progress):
            return SyncingLine(sync=Syncing.of(progress))
        case feed.ConversationsChanged(conversation):
            return ConversationsLine(conversation=conversation)
        case feed.PromptsChanged():
            return PromptsLine()
        case feed.DocumentsChanged():
            return DocumentsLine()
        case feed.CollectionsChanged():
            return CollectionsLine()
        case feed.SettingsChanged():
            return SettingsLine()
        case feed.ModelsChanged():
            return ModelsLine()
        case _:
            return BehindLine()
