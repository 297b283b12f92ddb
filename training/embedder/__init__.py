"""Converts the published embedder's weights to ONNX and fine-tunes it."""
