"""Whether a checkpoint's chat template opens thinking, and how it is made to.

Enters: a folder with a tokenizer and a chat template. Leaves: the template that the folder then has. Always
holds: a template or tokenizer that knows ``<think>`` stays as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, TypeAlias

from r1v.core import CheckpointError
from r1v.models.config_json.read import read_json
from r1v.models.image_tokens import chat_template

Thinking: TypeAlias = Literal["keep", "install", "pictures", "require"]

# Put behind a template that does not think: it opens thinking where the model's turn begins. The prompt room
# closes it again where thinking is off.
_OPENING = (
    "{% if add_generation_prompt and (enable_thinking is not defined or enable_thinking) %}"
    "{{ '<think>\\n' }}{% endif %}"
)
# num_images is what the prompt room says of a conversation; elsewhere it is undefined, and thinking stays off
_OPENING_FOR_PICTURES = _OPENING.replace("if add", "if num_images and add")


def thinks(folder: Path, template: str) -> bool:
    """Whether prompts with and without thinking differ, either by the template or because <think> is a token,
    with which the prompt room turns thinking off."""
    files = (folder / name for name in ("tokenizer.json", "tokenizer_config.json", "added_tokens.json"))
    return "<think>" in template or any(
        '"<think>"' in file.read_text(encoding="utf-8") for file in files if file.is_file()
    )


def settle_template(folder: Path, thinking: Thinking, given: str | None = None) -> str:
    """The chat template that a folder has from now on.

    given: replaces the folder's. thinking: what happens to a template and tokenizer without ``<think>``:
    "keep" them, "install" an opening of thinking behind the template, install "pictures", an opening for
    conversations with pictures alone, or "require" others. CheckpointError: there is no template, or it does
    not think and has to.
    """
    template = given
    if template is None:
        template = chat_template(folder)
    if template is None:
        raise CheckpointError(
            "the language model's folder has no chat template; put one there as chat_template.jinja"
        )
    knows = thinks(folder, template)
    if not knows and thinking == "require":
        raise CheckpointError(
            "neither the chat template nor the tokenizer knows <think>, so prompts with and without thinking "
            "would be the same; "
            "use --thinking install to add it, or --thinking keep for a model that answers at once"
        )
    if not knows and thinking in ("install", "pictures"):
        opening = _OPENING if thinking == "install" else _OPENING_FOR_PICTURES
        template = template.removesuffix("\n") + opening
    if template != chat_template(folder):
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
        if (folder / "tokenizer_config.json").is_file():
            values = read_json(folder / "tokenizer_config.json")
            values.pop("chat_template", None)
            text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
            (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
    return template
