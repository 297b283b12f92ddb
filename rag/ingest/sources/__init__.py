"""Sources: locations, what a scan finds there, what was renamed."""
