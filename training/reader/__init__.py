"""The extractive reader and reranker: encoder, training, export."""
