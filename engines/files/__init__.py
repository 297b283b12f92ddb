"""Files that are built once and found again: builds, hashes, locks."""
