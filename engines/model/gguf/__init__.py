"""Reads models in the GGUF format: file, block types, settings, tokenizer and tensors."""
