"""Brings folders, files and YouTube videos into the library, incrementally."""
