"""The KServe v2 inference protocol over gRPC, with Triton's extension for streams. It needs the extra ``grpc``."""
