"""The engine: speed, memory and accuracy of language models."""
