"""Plain float32 numpy, which the other runtimes are compared with."""
