"""The embedder and the extractive reader on ONNX Runtime, and the weights that come with Docent."""
