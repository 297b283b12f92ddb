"""Docent's library as a llama-index vector store.

Nodes that llama-index adds are stored in library.db (a document for each ``ref_doc_id``, a chunk for each node, and
the node itself beside it in the table ``llama_nodes``), so they survive and full-text search finds them too; one
transaction covers each call. What Docent has synced into the library is found as well, as nodes with the metadata path,
title, page and headings. Give the store a library of its own unless that is wanted. Importing llama-index costs a
second.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.core.vector_stores.utils import (
    metadata_dict_to_node,
    node_to_metadata_dict,
)
from numpy.typing import NDArray

from rag.adapters.filters import matching
from rag.errors import LibraryError
from rag.retrieve.fuse import fuse
from rag.store.faiss_index import VectorIndex
from rag.store.library import Library
from rag.store.lock import writing
from rag.store.protocols import FileState
from rag.store.writer import LibraryWriter
from rag.types import Block, Chunk, Document, ParsedDocument

_PREFIX = "llama-index://"
_CANDIDATES = 100  # of each leg in hybrid mode, as in rag.retrieve.retriever
_FULL_TEXT_DEPTH = 10_000  # hits of full-text search looked through when a filter applies after them
_TABLE = """CREATE TABLE IF NOT EXISTS llama_nodes (
    chunk_id INTEGER PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE,
    node_id TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL
)"""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A node and its vector on their way into the library."""

    node: BaseNode
    vector: NDArray[np.float16]


class DocentVectorStore(BasePydanticVectorStore):
    """A llama-index vector store over Library and VectorIndex, with delete, metadata filters and hybrid search."""

    stores_text: bool = True
    flat_metadata: bool = False

    _library: Library = PrivateAttr()
    _vectors: VectorIndex = PrivateAttr()
    _embedder_name: str = PrivateAttr()

    def __init__(
        self, library: Library, vectors: VectorIndex | None = None, embedder_name: str = "llama-index"
    ) -> None:
        """``embedder_name`` says whose vectors the nodes bring; a library holds those of one embedder only."""
        super().__init__(stores_text=True)
        self._library = library
        self._vectors = vectors or VectorIndex(library, library.path.with_name("vectors.faiss"))
        self._embedder_name = embedder_name
        with library.reading() as connection:  # a library opened for reading gets an empty one for this connection
            connection.execute(_TABLE.replace("TABLE", "TEMP TABLE", 1) if library.read_only else _TABLE)

    @classmethod
    def class_name(cls) -> str:
        return "DocentVectorStore"

    @classmethod
    def open(cls, path: Path, embedder_name: str = "llama-index") -> "DocentVectorStore":
        """Returns the store in the library at ``path``, which is created if need be."""
        return cls(Library.open(path), embedder_name=embedder_name)

    @property
    def client(self) -> Library:
        return self._library

    # -- changes -------------------------------------------------------------------------------------------------------

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Stores nodes with their embeddings; a node whose id is known replaces the earlier one."""
        if not nodes:
            return []
        groups: dict[str, list[_Stored]] = {}
        for node in nodes:
            vector = np.asarray(node.get_embedding(), dtype=np.float32)
            stored = _Stored(node, (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float16))
            groups.setdefault(node.ref_doc_id or node.node_id, []).append(stored)
        with writing(self._library.path.parent, timeout_s=60.0):
            writer = LibraryWriter(self._library)
            with writer.transaction():
                self._claim(writer, len(vector))
                for ref_doc_id, group in groups.items():
                    new = {stored.node.node_id for stored in group}
                    kept = [stored for stored in self._stored(ref_doc_id) if stored.node.node_id not in new]
                    self._put(writer, ref_doc_id, [*kept, *group])
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Removes all nodes of a document; one that is not there is no error."""
        document = self._document(ref_doc_id)
        if document is not None:
            self._delete([document.id])

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Removes the nodes that have one of the ids and match the filters."""
        gone = {node.node_id: node.ref_doc_id or node.node_id for node in self.get_nodes(node_ids, filters)}
        with writing(self._library.path.parent, timeout_s=60.0):
            writer = LibraryWriter(self._library)
            with writer.transaction():
                for ref_doc_id in dict.fromkeys(gone.values()):
                    kept = [stored for stored in self._stored(ref_doc_id) if stored.node.node_id not in gone]
                    document = self._document(ref_doc_id)
                    if kept:
                        self._put(writer, ref_doc_id, kept)
                    elif document is not None:
                        writer.delete([document.id])

    def clear(self) -> None:
        """Removes every document of the library, those that Docent has synced included."""
        self._delete([document.id for document in self._library.documents()])

    def _delete(self, document_ids: Sequence[int]) -> None:
        with writing(self._library.path.parent, timeout_s=60.0):
            writer = LibraryWriter(self._library)
            with writer.transaction():
                writer.delete(document_ids)

    def _claim(self, writer: LibraryWriter, dimension: int) -> None:
        """Names the embedder of a new library; refuses vectors that cannot stand beside those in an older one."""
        name = self._library.embedder_name
        if name is None or not self._library.counts()["chunks"]:
            writer.change_embedder(self._embedder_name)
            return
        held = next((vectors.shape[1] for _, vectors in self._library.embeddings()), dimension)
        if name != self._embedder_name or held != dimension:
            raise LibraryError(
                f"The library holds vectors of {name} ({held} numbers each); these nodes bring {dimension} numbers "
                f"of {self._embedder_name}.",
                "Use the same embedding model, or give the store a library of its own.",
            )

    def _put(self, writer: LibraryWriter, ref_doc_id: str, group: Sequence[_Stored]) -> None:
        """Stores the nodes of one document in place of those it had."""
        texts = [stored.node.get_content(MetadataMode.NONE) for stored in group]
        chunks: list[Chunk] = []
        text = ""
        for ordinal, content in enumerate(texts):
            start = len(text) + (2 if text else 0)
            text += ("\n\n" if text else "") + content
            chunks.append(Chunk(0, ordinal, start, len(text), content))
        blocks = tuple(Block(chunk.start, chunk.end) for chunk in chunks)
        title = str(group[0].node.metadata.get("title") or group[0].node.metadata.get("file_name") or ref_doc_id)
        source = writer.add_source("file", _PREFIX)
        file = FileState(source.id, _PREFIX + ref_doc_id, len(text), 0, "")
        parsed = ParsedDocument(text, blocks, title, "application/x-llama-index")
        vectors = np.stack([stored.vector for stored in group])
        document_id = writer.put_document(file, parsed, chunks, [""] * len(chunks), vectors)
        written = self._library.chunk_range(document_id, 0, len(chunks))
        rows = [
            (chunk.id, stored.node.node_id, json.dumps(node_to_metadata_dict(stored.node)))
            for chunk, stored in zip(written, group, strict=True)
        ]
        with self._library.reading() as connection:
            connection.executemany("INSERT OR REPLACE INTO llama_nodes VALUES (?, ?, ?)", rows)

    # -- reading -------------------------------------------------------------------------------------------------------

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Returns nodes by id and filters, in the order in which they were stored; all of them without either."""
        nodes = self._nodes(self._library.chunk_ids().tolist())
        allowed = matching(nodes, filters, node_ids, None)
        return [nodes[chunk_id] for chunk_id in allowed]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Answers a query in the modes DEFAULT (dense), HYBRID (both, weighed by ``alpha``) and TEXT_SEARCH or SPARSE
        (full text).
        """
        allowed: NDArray[np.int64] | None = None
        if query.filters or query.node_ids or query.doc_ids:
            nodes = self._nodes(self._library.chunk_ids().tolist())
            allowed = np.array(matching(nodes, query.filters, query.node_ids, query.doc_ids), dtype=np.int64)
        modes = VectorStoreQueryMode
        if query.mode == modes.DEFAULT:
            ranked = self._dense(query, query.similarity_top_k, allowed)
        elif query.mode in (modes.TEXT_SEARCH, modes.SPARSE):
            ranked = self._full_text(query, query.sparse_top_k or query.similarity_top_k, allowed)
        elif query.mode == modes.HYBRID:
            depth = max(_CANDIDATES, query.similarity_top_k)
            alpha = 0.5 if query.alpha is None else query.alpha
            dense, lexical = self._dense(query, depth, allowed), self._full_text(query, depth, allowed)
            fused = fuse(dense, lexical, alpha, 1 - alpha)
            ranked = fused[: query.hybrid_top_k or query.similarity_top_k]
        else:
            raise NotImplementedError(f"DocentVectorStore has no query mode {query.mode.value!r}.")
        found = self._nodes([id_ for id_, _ in ranked])
        ranked = [(id_, score) for id_, score in ranked if id_ in found]
        return VectorStoreQueryResult(
            nodes=[found[id_] for id_, _ in ranked],
            similarities=[score for _, score in ranked],
            ids=[found[id_].node_id for id_, _ in ranked],
        )

    def _dense(self, query: VectorStoreQuery, k: int, allowed: NDArray[np.int64] | None) -> list[tuple[int, float]]:
        if query.query_embedding is None:
            raise ValueError("This query mode needs query_embedding.")
        self._vectors.refresh()
        vector = np.asarray(query.query_embedding, dtype=np.float32)
        return self._vectors.search(vector / max(float(np.linalg.norm(vector)), 1e-12), k, allowed)

    def _full_text(self, query: VectorStoreQuery, k: int, allowed: NDArray[np.int64] | None) -> list[tuple[int, float]]:
        if allowed is None:
            return self._library.full_text_search(query.query_str or "", k)
        admitted = set(allowed.tolist())
        found = self._library.full_text_search(query.query_str or "", _FULL_TEXT_DEPTH)
        return [(id_, score) for id_, score in found if id_ in admitted][:k]

    def _document(self, ref_doc_id: str) -> Document | None:
        return self._library.document_at(_PREFIX + ref_doc_id) or self._library.document_at(ref_doc_id)

    def _stored(self, ref_doc_id: str) -> list[_Stored]:
        """Returns what the library holds of a document that llama-index has added."""
        document = self._library.document_at(_PREFIX + ref_doc_id)
        if document is None:
            return []
        ids = [chunk.id for chunk in self._library.chunk_range(document.id, 0, document.chunks)]
        nodes = self._nodes(ids)
        batches = self._library.embeddings(ids)
        return [
            _Stored(nodes[int(id_)], vector)
            for batch_ids, vectors in batches
            for id_, vector in zip(batch_ids, vectors, strict=True)
        ]

    def _nodes(self, chunk_ids: Sequence[int]) -> dict[int, BaseNode]:
        """Returns nodes by chunk id, in the given order."""
        with self._library.reading() as connection:
            rows = connection.execute(
                "SELECT chunk_id, content FROM llama_nodes WHERE chunk_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(chunk_ids)),),
            ).fetchall()
        contents = {chunk_id: json.loads(content) for chunk_id, content in rows}
        return {
            chunk_id: metadata_dict_to_node(contents[chunk_id])
            if chunk_id in contents
            else _synced_node(chunk, document)
            for chunk_id, (chunk, document) in self._library.chunks(chunk_ids).items()
        }


def _synced_node(chunk: Chunk, document: Document) -> TextNode:
    """Makes a node of a chunk that Docent's own sync made."""
    metadata = {
        "path": document.path,
        "title": document.title,
        "page": chunk.page,
        "page_label": chunk.page_label,
        "headings": " > ".join(chunk.heading_path),
    }
    return TextNode(
        id_=f"docent-chunk-{chunk.id}",
        text=chunk.text,
        metadata={key: value for key, value in metadata.items() if value is not None},
        start_char_idx=chunk.start,
        end_char_idx=chunk.end,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document.path)},
    )
