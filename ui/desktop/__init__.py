"""Docent's own window on the desktop: which program shows it, its place, and the shortcut that opens it."""
