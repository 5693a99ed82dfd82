"""Our own engine as a backend."""
