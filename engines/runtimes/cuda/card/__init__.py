"""NVIDIA's driver, compiler and libraries, and how files come to the card."""
