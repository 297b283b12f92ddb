"""Keeps files that are built once and found again: the cache of builds, hashes of files, locks."""
