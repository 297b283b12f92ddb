"""Folders, files and YouTube videos into the library, incrementally."""
