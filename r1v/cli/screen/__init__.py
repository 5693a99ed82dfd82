"""What commands show: answers and formulas on a terminal, progress, and the table of kernels."""
