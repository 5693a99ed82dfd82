"""The decode step and the sampler on a CUDA device; `runner` chooses them."""
