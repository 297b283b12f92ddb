"""What the Assistant does with the library: syncs, documents, collections."""
