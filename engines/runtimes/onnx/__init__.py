"""ONNX Runtime on any CPU."""
