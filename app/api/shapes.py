"""The JSON shapes of Docent's nouns, shared by the command line's --json and the HTTP API.

In: dataclasses. Out: plain dictionaries. Names and nesting are an interface that programs rely on.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from app.events import Answered, ConversationInfo, Exchange, Status
from rag.text.markers import AnswerPart
from rag.types import Answer, Citation, Document, Hit, Passage

if TYPE_CHECKING:
    from rag.ingest.events import SyncEvent, SyncReport


def citation_json(citation: Citation) -> dict[str, Any]:
    return {
        "number": citation.number,
        "source": citation.source,
        "title": citation.title,
        "page": citation.page,
        "start_s": citation.start_s,
        "quote": citation.quote,
        "start": citation.start,
        "end": citation.end,
        "score": round(citation.score, 6),
        "document_id": citation.document_id,
    }


def span_json(answer: Answer) -> dict[str, Any]:
    """The reader's verbatim answer, and how sure it is that there is one."""
    return {
        "span": None if answer.span is None else asdict(answer.span),
        "confidence": None if answer.confidence is None else round(answer.confidence, 4),
    }


def parts_json(parts: Sequence[AnswerPart]) -> list[dict[str, Any]]:
    """An answer without the marks in its text: numbers of citations and missing support are fields of their own."""
    return [{"text": part.text, "citations": list(part.numbers), "supported": part.supported} for part in parts]


def answer_json(done: Answered) -> dict[str, Any]:
    return {
        "answer": done.answer.text,
        "parts": parts_json(done.answer.parts),
        "found": done.answer.found,
        **span_json(done.answer),
        "citations": [citation_json(citation) for citation in done.answer.citations],
        "timings_ms": {name: round(value, 3) for name, value in done.timings_ms.items()},
        "answerer": done.answer.answerer,
        "conversation": done.conversation_id,
        "stopped": done.stopped,
    }


def exchange_json(exchange: Exchange) -> dict[str, Any]:
    return {
        "question": exchange.question,
        "answer": exchange.answer.text,
        "parts": parts_json(exchange.answer.parts),
        "found": exchange.answer.found,
        **span_json(exchange.answer),
        "citations": [citation_json(citation) for citation in exchange.answer.citations],
        "answerer": exchange.answer.answerer,
        "searched": exchange.searched,
        "stopped": exchange.stopped,
        "asked_at": exchange.asked_at,
    }


def conversation_json(info: ConversationInfo) -> dict[str, Any]:
    return {"id": info.id, "title": info.title, "updated_at": info.updated_at, "turns": info.turns}


def document_json(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "path": document.path,
        "title": document.title,
        "status": document.status,
        "error": document.error,
        "chunks": document.chunks,
        "size": document.size,
        "media_type": document.media_type,
    }


def hit_json(hit: Hit) -> dict[str, Any]:
    return {
        "text": hit.chunk.text,
        "source": hit.document.path,
        "title": hit.document.title,
        "heading_path": list(hit.chunk.heading_path),
        "page": hit.chunk.page,
        "start_s": hit.chunk.start_s,
        "start": hit.chunk.start,
        "end": hit.chunk.end,
        "score": round(hit.score, 6),
        "dense_rank": hit.dense_rank,
        "keyword_rank": hit.keyword_rank,
        "document_id": hit.document.id,
    }


def passage_json(passage: Passage) -> dict[str, Any]:
    return {
        "number": passage.number,
        "text": passage.text,
        "source": passage.document.path,
        "title": passage.document.title,
        "page": passage.page,
        "start_s": passage.start_s,
        "start": passage.start,
        "end": passage.end,
        "score": round(passage.score, 6),
        "document_id": passage.document.id,
    }


def sync_event_json(event: "SyncEvent") -> dict[str, Any]:
    return {
        "event": event.kind,
        "path": event.path,
        "status": event.status,
        "error": event.error,
        "chunks": event.chunks,
        "done": event.done,
        "total": event.total,
    }


def report_json(report: "SyncReport", documents: Sequence[Document]) -> dict[str, Any]:
    """``documents`` are all those of the synced sources, unchanged ones too."""
    return {
        "documents": [
            {"path": d.path, "status": d.status, "error": d.error, "chunks": d.chunks, "id": d.id} for d in documents
        ],
        "counts": counts_of(documents),
        "seconds": round(report.seconds, 3),
        "removed": list(report.removed),
        "unreachable": [source.location for source in report.unreachable],
        "troubles": [{"path": trouble.path, "reason": trouble.reason} for trouble in report.troubles],
        "cancelled": report.cancelled,
    }


def counts_of(documents: Sequence[Document]) -> dict[str, int]:
    """Documents for each status, and all "chunks"."""
    counts = dict.fromkeys(("ok", "failed", "skipped"), 0)
    for document in documents:
        counts[document.status] += 1
    return {**counts, "chunks": sum(document.chunks for document in documents)}


def status_json(status: Status) -> dict[str, Any]:
    return {
        "sources": [
            {"id": source.id, "kind": source.kind, "location": source.location, "added_at": source.added_at}
            for source in status.sources
        ],
        "documents": status.documents,
        "chunks": status.counts.get("chunks", 0),
        "counts": status.counts,
        "problems": [document_json(document) for document in status.problems],
        "embedder": status.embedder,
        "library_path": str(status.library_path),
        "size_bytes": status.size_bytes,
        "data_dir": str(status.data_dir),
    }
