"""Documents that are parsed, chunked and embedded on the computers of a Ray cluster."""
