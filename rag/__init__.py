"""Documents -> passages -> hits -> answer with citations. Knows nothing of engines, windows or settings files."""
