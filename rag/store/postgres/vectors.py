"""Finds the nearest chunks to a query vector with pgvector (``rag.store.protocols.VectorStore``).

Vectors are half-precision and of length 1, so that the inner product is the cosine. Up to INDEXED_FROM of them every
one is compared; a checkpoint after a sync that goes beyond makes an HNSW index. A search with a filter always compares
all that are allowed, so it never misses an allowed chunk.
"""

import logging

import numpy as np
import psycopg
from numpy.typing import NDArray

from rag.store.postgres import errors
from rag.store.postgres.schema import LOCK_CLASS
from rag.store.postgres.server import Connection, Server

_log = logging.getLogger(__name__)

INDEXED_FROM = 20_000  # vectors; up to it comparing each takes tens of milliseconds, see benchmarks/library/postgres.py
_INDEX = "embeddings_by_nearness"
_LOOKED_AT = 200  # at least, of the index's candidates (ef_search); pgvector takes up to 1000
_MOST_LOOKED_AT = 1000
_INDEXING = -2  # the lock of who makes the index
# An index whose graph does not fit into maintenance_work_mem takes many times as long to make.
_OF_THE_GRAPH = 760  # bytes a vector beside its own: of 384 dimensions 1,482 were measured in all
_MOST_MEMORY_KB = 4_000_000  # where the server's own setting is not larger
_NO_ROOM = "53"  # SQLSTATE of what the server has too little of


class PgVectors:
    """Needs no bringing up to date: what is committed is searched."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __len__(self) -> int:
        return int(self._server.rows("SELECT count(*) FROM embeddings")[0][0])

    @property
    def embedder_name(self) -> str | None:
        found = self._server.rows(
            "SELECT value FROM meta WHERE key = 'embedder' AND EXISTS (SELECT 1 FROM embeddings LIMIT 1)"
        )
        return found[0][0] if found else None

    def refresh(self) -> None:
        """Does nothing."""

    def save(self) -> None:
        """Does nothing."""

    def search(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """Returns the ``k`` nearest chunks as (chunk id, cosine), best first; of ``allowed`` only, when given."""
        if k <= 0 or (allowed is not None and not len(allowed)):
            return []
        wanted = halfvec(query)
        if allowed is None:
            nearness = f"vector::halfvec({len(query)}) <#> %s::halfvec({len(query)})"
            looked_at = min(_MOST_LOOKED_AT, max(_LOOKED_AT, 2 * k))
            settings = f"SET LOCAL hnsw.ef_search = {looked_at}; SET LOCAL hnsw.iterative_scan = strict_order"
            sql = f"SELECT chunk_id, {nearness} AS far FROM embeddings ORDER BY far LIMIT %s"
            rows = self._server.rows(sql, (wanted, k), settings)
        else:
            # Adding 0 keeps the index, which would look at its own candidates, out of it.
            sql = "SELECT chunk_id, (vector <#> %s::halfvec) + 0 AS far FROM embeddings WHERE chunk_id = ANY(%s) "
            rows = self._server.rows(sql + "ORDER BY far, chunk_id LIMIT %s", (wanted, allowed.tolist(), k))
        return sorted(((id_, -float(far)) for id_, far in rows), key=lambda pair: (-pair[1], pair[0]))


def halfvec(vector: NDArray[np.float16] | NDArray[np.float32]) -> str:
    """Returns the literal of a vector, exact for 16-bit floats."""
    return str(vector.astype(np.float16).astype(np.float32).tolist())


def unpacked(rows: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Turns vectors as the server sends them (halfvec_send: a head of 4 bytes, then big-endian 16-bit floats) into
    those of ``rag.store.rows.vectors_of``."""
    return [(id_, np.frombuffer(sent, dtype=">f2", offset=4).astype(np.float16).tobytes()) for id_, sent in rows]


def drop_index(server: Server) -> None:
    """Forgets the index, in the transaction that is open."""
    with server.lent() as connection:
        connection.execute(f"DROP INDEX IF EXISTS {_INDEX}")


def make_index(server: Server, indexed_from: int = INDEXED_FROM) -> None:
    """Makes the index where there are enough vectors and none is there; others write meanwhile. Of several Docents one
    does it. Where the server has no room for it, every vector goes on being compared."""
    with server.lent() as connection:
        (found,) = server.rows(
            "SELECT bool_and(indisvalid) FROM pg_index WHERE indexrelid = to_regclass(%s)", (_INDEX,)
        )[0]
        if found:
            return
        row = connection.execute("SELECT count(*), max(vector_dims(vector)) FROM embeddings").fetchone()
        if row is None or row[0] < indexed_from:
            return
        if not connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK_CLASS, _INDEXING)).fetchone()[0]:  # type: ignore[index]
            return
        try:
            connection.execute(f"DROP INDEX IF EXISTS {_INDEX}")  # one that was begun
            _make_index(connection, *row)
        except psycopg.Error as error:
            if errors.is_lost(error):
                raise
            _log.warning("the index of %s cannot be made: %s", server.place, error)
        finally:
            if not connection.closed:
                connection.execute("RESET maintenance_work_mem; RESET max_parallel_maintenance_workers")
                connection.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCK_CLASS, _INDEXING))


def _make_index(connection: Connection, count: int, dimension: int) -> None:
    wanted_kb = min(_MOST_MEMORY_KB, 65_536 + count * (2 * dimension + _OF_THE_GRAPH) // 1024)
    connection.execute(
        "SELECT set_config(name, greatest(setting::bigint, %s)::text, false) FROM pg_settings "
        "WHERE name = 'maintenance_work_mem'",
        (wanted_kb,),
    )
    create = (
        f"CREATE INDEX CONCURRENTLY {_INDEX} ON embeddings USING hnsw ((vector::halfvec({dimension})) halfvec_ip_ops)"
    )
    try:
        connection.execute(create)
    except psycopg.Error as error:
        if not (error.sqlstate or "").startswith(_NO_ROOM):
            raise
        # Several processes share the graph in /dev/shm, of which a container has 64 MB unless it is told otherwise.
        _log.warning("the index is made by one process: %s", error)
        connection.execute(f"DROP INDEX IF EXISTS {_INDEX}")
        connection.execute("SET max_parallel_maintenance_workers = 0")
        connection.execute(create)
