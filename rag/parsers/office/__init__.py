"""Word processors, presentations and workbooks."""
