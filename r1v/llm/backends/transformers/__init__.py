"""transformers as a backend: any model it can load, over one device or several."""
