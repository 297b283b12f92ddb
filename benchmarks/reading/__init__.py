"""What parsers make of files, beside other programs."""
