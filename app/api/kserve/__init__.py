"""The KServe v2 inference protocol over HTTP, with Triton's extensions for binary tensors and generation."""
