"""Requests, in-flight batching, the page table and sampling."""
