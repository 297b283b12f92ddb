"""The settings, their sources, and the places of files."""
