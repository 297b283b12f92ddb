"""Wires the packages together: settings, the Assistant, conversations, command line and HTTP API."""
