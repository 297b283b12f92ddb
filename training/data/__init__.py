"""Raw corpora into questions, passages and tokens."""
