"""Docent's own kernels on x86 CPUs."""
