"""Applies the filters of a llama-index query to nodes."""

from collections.abc import Iterable, Mapping

from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import FilterCondition, MetadataFilters
from llama_index.core.vector_stores.utils import build_metadata_filter_fn


def matching(
    nodes: Mapping[int, BaseNode],
    filters: MetadataFilters | None,
    node_ids: Iterable[str] | None,
    doc_ids: Iterable[str] | None,
) -> list[int]:
    """Returns the chunk ids of the nodes that meet every condition.

    Without filters and ids every node does; an empty list of ids counts as none, as llama-index passes it.
    """
    wanted, documents = set(node_ids or ()), set(doc_ids or ())
    return [
        chunk_id
        for chunk_id, node in nodes.items()
        if (not wanted or node.node_id in wanted)
        and (not documents or node.ref_doc_id in documents)
        and _meets(node, filters)
    ]


def _meets(node: BaseNode, filters: MetadataFilters | None) -> bool:
    """Tells whether a node meets the filters, nested ones included, which llama-index itself refuses."""
    if filters is None or not filters.filters:
        return True
    known = {**node.metadata, "ref_doc_id": node.ref_doc_id, "doc_id": node.ref_doc_id}
    condition = filters.condition or FilterCondition.AND
    results = [
        _meets(node, part)
        if isinstance(part, MetadataFilters)
        else build_metadata_filter_fn(lambda _: known, MetadataFilters(filters=[part]))(node.node_id)
        for part in filters.filters
    ]
    if condition == FilterCondition.AND:
        return all(results)
    return any(results) if condition == FilterCondition.OR else not any(results)
