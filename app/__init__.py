"""Wires the packages together: settings, the Assistant, conversations, command line and HTTP API."""

import docent as docent  # before any library that would report home
