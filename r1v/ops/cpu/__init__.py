"""Kernels for processors, compiled from `csrc` when the package is installed."""
