"""Serves requests: in-flight batching, the page table, sampling and detokenizing."""
