"""Parsers of word processors, presentations and workbooks."""
