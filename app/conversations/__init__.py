"""Conversations in their SQLite file: a tree of exchanges with answers, scopes and folders."""
