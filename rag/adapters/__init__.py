"""Docent's library and embedder as llama-index components, and llama-index stores in place of Docent's index."""
