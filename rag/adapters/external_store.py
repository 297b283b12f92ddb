"""Any llama-index vector store (pgvector, Qdrant, Milvus, ...) in the place of Docent's own vector index.

It has the methods of ``rag.store.faiss_index.VectorIndex``. The library stays the truth: ``refresh`` pushes the chunks
that the store lacks and removes those that are gone. What was pushed is remembered in a file. A probe at the start
tells whether the store still has it (one that lives in memory has not); if not, everything is pushed again. Importing
llama-index costs a second.
"""

import importlib
import json
import threading
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)
from numpy.typing import NDArray

from files import replace_text
from rag.errors import RagError
from rag.store.protocols import LibraryStore

_BATCH = 512
_DOCUMENT_KEY = "docent_document"  # "document_id" is taken by llama-index


class ExternalStore:
    """Dense retrieval in somebody else's store. May be used from several threads."""

    def __init__(self, library: LibraryStore, store: BasePydanticVectorStore, state_path: Path | None) -> None:
        """Without a ``state_path`` everything is pushed anew in each process."""
        self._library = library
        self._store = store
        self._state_path = state_path
        self._lock = threading.RLock()
        self._documents: dict[int, int] = {}  # chunk id -> document id, of what the store holds
        self._embedder: str | None = None
        self._generation = -1
        self._loaded = False

    @classmethod
    def open(
        cls, library: LibraryStore, class_path: str, arguments: dict[str, Any], state_path: Path | None
    ) -> "ExternalStore":
        """Makes the store ``class_path``, "package.module:Class" or with a dot.

        Raises RagError when it cannot be made.
        """
        return cls(library, _make(class_path, arguments), state_path)

    def __len__(self) -> int:
        return len(self._documents)

    @property
    def embedder_name(self) -> str | None:
        """The name of the embedder whose vectors the store holds; None while it is empty."""
        return self._embedder if self._documents else None

    def refresh(self) -> None:
        """Brings the store in line with the library."""
        with self._lock:
            self._load_once()
            generation, embedder = self._library.generation, self._library.embedder_name
            if (generation, embedder) == (self._generation, self._embedder):
                return
            wanted = {int(id_) for id_ in self._library.chunk_ids()}
            gone = set(self._documents) if embedder != self._embedder else set(self._documents) - wanted
            for chunk_id in sorted(gone):
                self._store.delete(str(UUID(int=chunk_id)))
                del self._documents[chunk_id]
            self._push(sorted(wanted - set(self._documents)))
            self._generation, self._embedder = generation, embedder
            self._remember()

    def search(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """Returns the ``k`` nearest chunks as (chunk id, similarity), best first; of ``allowed`` only, when given."""
        with self._lock:
            if k <= 0 or not self._documents or (allowed is not None and not len(allowed)):
                return []
            filters = None if allowed is None else self._filter(int(id_) for id_ in allowed)
            result = self._store.query(
                VectorStoreQuery(query_embedding=query.tolist(), similarity_top_k=k, filters=filters)
            )
            ids = result.ids or [node.node_id for node in result.nodes or ()]
            scores = result.similarities or [0.0] * len(ids)
            admitted = self._documents if allowed is None else set(allowed.tolist())
            found = [(UUID(node_id).int, float(score)) for node_id, score in zip(ids, scores, strict=True)]
            return sorted(
                ((id_, score) for id_, score in found if id_ in admitted), key=lambda pair: (-pair[1], pair[0])
            )

    def save(self) -> None:
        """Does nothing: ``refresh`` remembers what it has pushed."""

    def _filter(self, allowed: Iterable[int]) -> MetadataFilters:
        documents = sorted({self._documents[id_] for id_ in allowed if id_ in self._documents})
        return MetadataFilters(filters=[MetadataFilter(key=_DOCUMENT_KEY, operator=FilterOperator.IN, value=documents)])

    def _push(self, chunk_ids: list[int]) -> None:
        for first in range(0, len(chunk_ids), _BATCH):
            batch = chunk_ids[first : first + _BATCH]
            chunks = self._library.chunks(batch)
            nodes = []
            for ids, vectors in self._library.embeddings(batch):
                for id_, vector in zip(ids.tolist(), vectors, strict=True):
                    if id_ in chunks:
                        chunk, document = chunks[id_]
                        nodes.append(_node(id_, document.id, chunk.text, vector))
            if nodes:
                self._store.add(nodes)
                self._documents.update((UUID(node.node_id).int, node.metadata[_DOCUMENT_KEY]) for node in nodes)

    # -- what was pushed by earlier processes --------------------------------------------------------------------------

    def _load_once(self) -> None:
        if self._loaded or self._state_path is None:
            return
        self._loaded = True
        try:
            state = json.loads(self._state_path.read_text(encoding="utf-8"))
            documents = {int(chunk): int(document) for chunk, document in state["documents"]}
            embedder, probe = str(state["embedder"]), (int(state["probe"][0]), int(state["probe"][1]))
        except (OSError, ValueError, TypeError, KeyError, IndexError):
            return  # no file, or one that was cut short: pushed again
        if embedder == self._library.embedder_name and self._store_has(*probe):
            self._documents, self._embedder = documents, embedder

    def _store_has(self, chunk_id: int, checksum: int) -> bool:
        """Tells whether the store finds a chunk under the vector that the library still has for it."""
        for _, vectors in self._library.embeddings([chunk_id]):
            if zlib.crc32(vectors[0].tobytes()) != checksum:
                return False
            query = vectors[0].astype(np.float32).tolist()
            result = self._store.query(VectorStoreQuery(query_embedding=query, similarity_top_k=5))
            return str(UUID(int=chunk_id)) in (result.ids or ())
        return False

    def _remember(self) -> None:
        if self._state_path is None or not self._documents:
            return
        chunk_id = min(self._documents)
        checksum = next(zlib.crc32(vectors[0].tobytes()) for _, vectors in self._library.embeddings([chunk_id]))
        state = {
            "embedder": self._embedder,
            "probe": [chunk_id, checksum],
            "documents": sorted(self._documents.items()),
        }
        replace_text(self._state_path, json.dumps(state))


def _node(chunk_id: int, document_id: int, text: str, vector: NDArray[np.float16]) -> TextNode:
    """Makes a node with a UUID as its id, which some stores demand; the node is its own document, so that it can be
    deleted alone.
    """
    name = str(UUID(int=chunk_id))
    return TextNode(
        id_=name,
        text=text,
        embedding=vector.astype(np.float32).tolist(),
        metadata={_DOCUMENT_KEY: document_id},
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=name)},
    )


def _make(class_path: str, arguments: dict[str, Any]) -> BasePydanticVectorStore:
    store = _store_class(class_path)
    try:
        return store(**arguments)
    except Exception as error:  # a store may fail in any way of its own: no server, wrong arguments
        raise RagError(
            f"The vector store {class_path} cannot be opened ({error}).", "Check the setting retrieval.store_args."
        ) from error


def _store_class(class_path: str) -> type[BasePydanticVectorStore]:
    """Returns the class that a path names; nothing but a subclass of llama-index's is ever called."""
    module_name, _, class_name = class_path.replace(":", ".").rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise RagError(
            f"The vector store {class_path} cannot be loaded ({error}).",
            "Install its package into Docent's environment and check the setting retrieval.store.",
        ) from error
    if not (isinstance(found, type) and issubclass(found, BasePydanticVectorStore)):
        raise RagError(f"{class_path} is not a llama-index vector store.", "Check the setting retrieval.store.")
    return found
