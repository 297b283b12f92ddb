"""Docent's own kernels for x86 processors, written as LLVM code and compiled on the computer they run on."""
