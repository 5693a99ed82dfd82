"""llama.cpp's GGUF files: their header, names of tensors, tokenizer, and the conversion to a folder."""
