"""Kernels for CUDA devices: Triton, and CUDA C++ compiled at first use."""
