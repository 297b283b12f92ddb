"""Tables as grids, and which rows and columns of them a question means."""
