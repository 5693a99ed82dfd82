"""Tiny checkpoints for the prompt room: a byte-level BPE trained here, in the forms that releases come in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from r1v.prompt import Processor, Prompt
from r1v.prompt.tokenizer import QWEN2_PATTERN

CORPUS = [
    "The angle ABC is 45 degrees, so the answer is \\boxed{135}.",
    "Let us read the chart step by step: A = 12, B = 30 and C = 7.",
    "三角形的面积是多少？让我们一步一步地思考。答案是四十二。",
    "I am thinking about <b>html</b> and code: if (x < 3) { return y > 4; }",
    "user\nassistant\nsystem\nthink think think </p></p> >\n\n >\n",
    "Emoji 😀 and 🇩🇪 and naïve café, Ω ≈ 3.14\n\n\n  indented\ttext",
]

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"]
DEEPSEEK = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"]

# the forms of the releases' templates, in our own words
TEMPLATES = {path.stem: path.read_text() for path in Path(__file__).parent.glob("templates/*.jinja")}

Make = Callable[..., Processor]
TINY = Image.new("RGB", (20, 20), "red")  # one tile of 56 x 56: 4 tokens
CONTEXT = "<IMG_CONTEXT>"
WIDE = Image.new("RGB", (400, 200), "blue")  # 4 x 2 tiles and a thumbnail


def text_of(processor: Processor, prompt: Prompt) -> str:
    """The prompt with special tokens, runs of image tokens written short."""
    text = processor.decode(prompt.token_ids, skip_special=False)
    for count in range(60, 0, -1):
        text = text.replace(f"<img>{CONTEXT * 4 * count}</img>", f"[{count}]")
    return text


def ids_of(processor: Processor, *contents: str) -> list[int]:
    return [processor.tokenizer.added[content].id for content in contents]


@pytest.fixture(scope="session")
def bpe() -> Tokenizer:
    """A byte-level BPE with Qwen2's pre-tokenizer and no added tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        show_progress=False,
        min_frequency=1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    return tokenizer


def write_checkpoint(
    folder: Path,
    bpe: Tokenizer,
    template: str | None,
    *,
    parts: bool = False,
    think_tokens: bool = True,
    template_file: bool = False,
    config: dict[str, Any] | None = None,
    eos: str = "<|im_end|>",
) -> Path:
    """The text files of a checkpoint. parts: vocab.json and merges.txt in place of tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    specials = [*SPECIALS, *DEEPSEEK]
    plain = ["<think>", "</think>", "<tool_call>", "</tool_call>"] if think_tokens else []
    whole = Tokenizer.from_str(bpe.to_str())
    whole.add_special_tokens([AddedToken(content, special=True) for content in specials])
    whole.add_tokens([AddedToken(content, special=False, normalized=False) for content in plain])
    tokenizer_config: dict[str, Any] = {
        "tokenizer_class": "Qwen2Tokenizer",
        "eos_token": eos,
        "pad_token": "<|endoftext|>",
        "bos_token": DEEPSEEK[0],
        "clean_up_tokenization_spaces": False,
        "extra_special_tokens": specials,
    }
    if parts:
        bpe.model.save(str(folder))
        added = {content: whole.token_to_id(content) for content in (*specials, *plain)}
        (folder / "added_tokens.json").write_text(json.dumps(added))
        tokenizer_config["added_tokens_decoder"] = {
            str(token_id): {
                "content": content,
                "special": content in specials,
                "normalized": False,
                "lstrip": False,
                "rstrip": False,
                "single_word": False,
            }
            for content, token_id in added.items()
        }
    else:
        whole.save(str(folder / "tokenizer.json"))
    if template is not None and template_file:
        (folder / "chat_template.jinja").write_text(template)
    elif template is not None:
        tokenizer_config["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    base: dict[str, Any] = {
        "model_type": "internvl_chat",
        "llm_config": {"vocab_size": whole.get_vocab_size(), "max_position_embeddings": 8192},
        "vision_config": {"image_size": 56, "patch_size": 14},
        "downsample_ratio": 0.5,
        "dynamic_image_size": True,
        "min_dynamic_patch": 1,
        "max_dynamic_patch": 12,
        "use_thumbnail": True,
    }
    (folder / "config.json").write_text(json.dumps({**base, **(config or {})}))
    return folder


@pytest.fixture(scope="session")
def checkpoint(bpe: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """checkpoint(name, **options): the folder of a checkpoint with the template of that name, made once."""
    made: dict[str, Path] = {}

    def make(name: str, **options: Any) -> Path:
        key = f"{name}-{options}"
        if key not in made:
            folder = tmp_path_factory.mktemp("checkpoint")
            made[key] = write_checkpoint(folder, bpe, TEMPLATES.get(name), **options)
        return made[key]

    return make


@pytest.fixture(scope="session")
def processor(checkpoint: Callable[..., Path]) -> Callable[..., Processor]:
    """processor(name, **options): the Processor of such a checkpoint."""
    made: dict[str, Processor] = {}

    def make(name: str, **options: Any) -> Processor:
        key = f"{name}-{options}"
        if key not in made:
            made[key] = Processor.from_folder(checkpoint(name, **options))
        return made[key]

    return make
