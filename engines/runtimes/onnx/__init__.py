"""Runs models on ONNX Runtime, on any CPU."""
