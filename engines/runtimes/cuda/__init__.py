"""The model on one NVIDIA card: Docent's own CUDA kernels, compiled for the card when they are first used."""
