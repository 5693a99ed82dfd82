"""What runs a model for the façade: our own engine, transformers, vLLM, or a server behind a URL.

Each gives ids or text for a request, and nothing else; `r1v.llm` makes completions of them.
"""
