"""Runs models on Docent's own kernels for x86 CPUs."""
