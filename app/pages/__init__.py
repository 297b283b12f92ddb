"""What all pages of one process share: running answers, syncs, the inbox, browsers that come back."""
