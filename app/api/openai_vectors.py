"""Embeddings and rerankings of OpenAI's API (the latter as Cohere, Jina and vLLM serve it)."""

import base64
from typing import TYPE_CHECKING

import numpy as np

from app.api.openai_errors import unknown_model
from app.api.openai_replies import Embedding, EmbeddingList, EmbeddingUsage
from app.api.openai_requests import EmbeddingBody
from engines.errors import RequestError

if TYPE_CHECKING:
    from app.assistant import Assistant


def embeddings(assistant: "Assistant", body: EmbeddingBody) -> EmbeddingList:
    embedder = assistant.embedder()
    if body.model != embedder.name:
        raise unknown_model(body.model)
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
