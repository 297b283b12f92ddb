"""Retrieval: reads documents into a library, finds passages in it, and answers questions from them with citations."""

import docent as docent  # before any library that would report home
