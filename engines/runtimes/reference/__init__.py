"""Runs models in plain float32 numpy, which the other runtimes are compared with."""
