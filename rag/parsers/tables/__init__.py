"""Tables as parsers build them: grids, their names and sections, and their text."""
