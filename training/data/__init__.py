"""Turns raw corpora into questions, passages and token ids."""
