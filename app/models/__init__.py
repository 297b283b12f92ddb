"""Pulls, quantises, builds and opens the language models of this computer."""
