"""The configuration of an R1V checkpoint for vLLM, so that none of a checkpoint's own code is needed.

vLLM calls ``register`` in every process that it starts (the entry point group vllm.general_plugins), and
pickles the configuration between them by the name of this module's class.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from typing import Any

from transformers import AutoConfig, PretrainedConfig, Qwen2Config, Qwen3Config

_WATCHER = "r1v-end-with-parent"
TEXT_CONFIGS = {"qwen2": Qwen2Config, "qwen3": Qwen3Config}


class VisionPart(PretrainedConfig):
    """InternViT's own fields, as config.json has them."""

    model_type = "intern_vit_6b"


class ChatConfig(PretrainedConfig):
    """``internvl_chat``: the two parts, and the fields around them."""

    model_type = "internvl_chat"
    sub_configs = {"vision_config": VisionPart}  # noqa: RUF012 - an annotation would make it a field

    def __init__(
        self,
        vision_config: dict[str, Any] | None = None,
        llm_config: dict[str, Any] | None = None,
        text_config: dict[str, Any] | None = None,
        **others: Any,
    ) -> None:
        """As transformers makes it from config.json."""
        given = vision_config or {}
        self.vision_config = given if isinstance(given, PretrainedConfig) else VisionPart(**given)
        given = llm_config or text_config or {}
        if isinstance(given, PretrainedConfig):
            self.text_config = given
        else:
            kind = TEXT_CONFIGS[given.get("model_type", "qwen2")]
            self.text_config = kind(**{k: v for k, v in given.items() if k != "model_type"})
        others.setdefault("force_image_size", None)
        super().__init__(**others)
        self.tie_word_embeddings = bool(self.text_config.tie_word_embeddings)

    def get_text_config(self, *_: Any, **__: Any) -> PretrainedConfig:
        """The language model's part."""
        return self.text_config


def register() -> None:
    """Make the type known to transformers in this process, and end this process with the one that started
    it."""
    AutoConfig.register("internvl_chat", ChatConfig, exist_ok=True)
    end_with_parent()


def end_with_parent() -> None:
    """Where this process was started by multiprocessing: end it when its parent has ended, however that was.
    vLLM's own processes tell only that a parent closed them; one that was killed leaves them running."""
    parent = multiprocessing.parent_process()
    if parent is None or any(thread.name == _WATCHER for thread in threading.enumerate()):
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name=_WATCHER, daemon=True).start()
