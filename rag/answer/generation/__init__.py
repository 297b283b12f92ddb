"""Answers that a language model words: prompt, stream, checked citations."""
