"""The one process of a data folder: found by a second start, its threads and memory, its end."""
