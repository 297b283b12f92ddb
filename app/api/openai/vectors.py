"""Embeddings and rerankings of OpenAI's API (the latter as Cohere, Jina and vLLM serve it)."""

import base64
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.api.openai.errors import unknown_model
from app.api.openai.replies import Embedding, EmbeddingList, EmbeddingUsage, RankedDocument, Ranking
from app.api.openai.requests import EmbeddingBody, RerankBody
from app.settings.paths import BUILTIN, builtin_reader
from engines.errors import RequestError
from rag.types import Chunk, Document, Hit

if TYPE_CHECKING:
    from app.assistant import Assistant


def embeddings(assistant: "Assistant", body: EmbeddingBody) -> EmbeddingList:
    embedder = assistant.embedder()
    if body.model != embedder.name:
        raise unknown_model(body.model, embedder.name)
    if body.dimensions not in (None, embedder.dimension):
        raise RequestError(f"This model's vectors have {embedder.dimension} dimensions.", "Leave dimensions out.")
    vectors = embedder.embed_passages(body.input)
    tokens = sum(embedder.count_tokens(body.input))
    packed = body.encoding_format == "base64"
    data = [
        Embedding(
            index=index,
            embedding=base64.b64encode(np.asarray(row, "<f4").tobytes()).decode() if packed else row.tolist(),
        )
        for index, row in enumerate(vectors)
    ]
    used = EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens)
    return EmbeddingList(model=embedder.name, data=data, usage=used)


def ranking(assistant: "Assistant", body: RerankBody) -> Ranking:
    """Orders texts of the request, not of the library, by how well the reader finds the query answered in them."""
    reader = assistant.reader()
    if reader is None or body.model != reader_name(assistant):
        raise unknown_model(body.model, reader_name(assistant))
    hits = [_hit(index, text) for index, text in enumerate(body.documents)]
    results = [
        RankedDocument(
            index=hit.chunk.ordinal,
            relevance_score=hit.score,
            document={"text": hit.chunk.text} if body.return_documents else None,
        )
        for hit in reader.rerank(body.query, hits)
    ]
    return Ranking(id=f"rerank-{uuid.uuid4().hex}", model=body.model, results=results[: body.top_n])


def reader_name(assistant: "Assistant") -> str | None:
    """The name of the reader that is set up, without loading it."""
    chosen = assistant.settings.retrieval.reranker
    if chosen == BUILTIN:
        return builtin_reader().name if builtin_reader().is_dir() else None
    return None if chosen is None else Path(chosen).name


def _hit(index: int, text: str) -> Hit:
    document = Document(index, 0, "", "", "text/plain", "ok", None, 1, len(text), 0, "", 0.0)
    return Hit(Chunk(index, index, 0, len(text), text), document, 0.0)
