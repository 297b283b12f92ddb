"""The library: one SQLite file, its full-text index, and the FAISS index derived from it."""
