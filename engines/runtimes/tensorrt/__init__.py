"""Runs models on NVIDIA cards, as TensorRT engines with Docent's own attention between them."""
