"""TensorRT engines between attention of our own, on NVIDIA cards."""
