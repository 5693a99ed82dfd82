"""vLLM as a backend: several devices, several machines."""
