"""What /v1/models says of a model besides its limits: its size, its default sampling and its card.

Always holds: what a checkpoint does not say is left out or null; the values of ``default_sampling`` are those
that apply to a request that sends none.
"""

from __future__ import annotations

from typing import Any

from r1v.llm import LLM, ModelCard

Json = dict[str, Any]
_SAMPLING = (
    "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
    "thinking_budget", "max_tokens",
)  # fmt: skip


def model_facts(llm: LLM, card: ModelCard) -> Json:
    """Fields for the entry of a model in /v1/models."""
    params = llm.default_params
    said = {
        "summary": card.summary,
        "license": card.license,
        "languages": list(card.languages),
        "cannot": list(card.cannot),
        "kinds": [{"name": name, "accuracy": accuracy} for name, accuracy in card.kinds],
    }
    return {
        "num_parameters": card.num_parameters or None,
        "num_bytes": card.num_bytes or None,
        "device": llm.config.device,
        "dtype": llm.config.dtype,
        "default_sampling": {name: getattr(params, name) for name in _SAMPLING},
        "card": {name: value for name, value in said.items() if value},
    }
