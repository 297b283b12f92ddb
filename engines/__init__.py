"""Token ids -> token ids. Knows nothing of documents."""
