"""Tables of PDF pages, by lines, stripes and alignment."""
