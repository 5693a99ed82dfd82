"""A conversation in, everything a model needs to answer it out.

Enters: the folder of a checkpoint, once; then messages. Leaves: a Prompt of token ids and pixel values.
Always holds: the prompt has exactly as many image tokens as its tiles have features; nothing a user wrote is
a special token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from r1v.core import CheckpointError, ConfigError, ImageRef, Message, PromptError, usable_cores
from r1v.prompt.conversation import (
    CLOSE_THINKING,
    ImageSlot,
    TemplateForm,
    continuation,
    render,
    split_reasoning,
    tail_of,
)
from r1v.prompt.geometry import ImageGeometry
from r1v.prompt.hiding import Hiding
from r1v.prompt.images import ImageLimits, image_size, open_image
from r1v.prompt.template import CHATML, ChatTemplate
from r1v.prompt.thinking import (
    CLOSE_TEXT,
    NO_MARKERS,
    OPEN_TEXT,
    IdSegmenter,
    ThinkingMarkers,
    join_segments,
    thinking_after,
)
from r1v.prompt.tiling import TilingConfig, normalise, share_tiles, tile_image
from r1v.prompt.tokenizer import TextPiece, TextTokenizer, read_json

if TYPE_CHECKING:
    import torch

IMAGE_CONTEXT, IMAGE_START, IMAGE_END = "<IMG_CONTEXT>", "<img>", "</img>"

# Checkpoints of these types speak ChatML; for them alone a missing template is replaced by the built-in one.
_CHATML_TYPES = ("skywork_chat", "internvl_chat", "internvl", "qwen2", "qwen3")


@dataclass(frozen=True, slots=True)
class PromptLimits:
    """What one request may cost.

    images: limits of each image. max_images: in the conversation. max_tiles_per_image: the most a caller may
    ask for, thumbnail not counted. max_tiles_per_request: over all images, thumbnails counted; None is as
    many as fill three quarters of the model's context. max_text_chars: in the conversation.
    """

    images: ImageLimits = field(default_factory=ImageLimits)
    max_images: int = 64
    max_tiles_per_image: int = 48
    max_tiles_per_request: int | None = None
    max_text_chars: int = 10_000_000

    def __post_init__(self) -> None:
        for name in ("max_images", "max_tiles_per_image", "max_tiles_per_request", "max_text_chars"):
            value = getattr(self, name)
            if value is None and name == "max_tiles_per_request":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ConfigError(f"{name} is {value!r}; it must be a whole number of at least 0")


@dataclass(frozen=True, slots=True)
class SpecialIds:
    """Ids that mean something. image_context, img_start, img_end: None in a checkpoint without images.
    think_open, think_close: the ids that write the markers, one each where they are tokens of their own.
    close_text: the ids that end thinking early: think_close with the lines around it. eos: every id that ends
    a turn, the one that training writes first."""

    image_context: int | None
    img_start: int | None
    img_end: int | None
    think_open: tuple[int, ...]
    think_close: tuple[int, ...]
    close_text: tuple[int, ...]
    eos: tuple[int, ...]
    pad: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request, ready for the engine.

    tiles: uint8 (num_tiles, S, S, 3). tiles_per_image: in the order of the images, as in tiles. image_hashes:
    of each image's tiles (16 bytes; equal hashes, equal tiles). image_token_count: how many of token_ids are
    image_context. opens_thinking: generation begins inside thinking.
    """

    token_ids: tuple[int, ...]
    tiles: np.ndarray
    tiles_per_image: tuple[int, ...]
    image_hashes: tuple[bytes, ...]
    image_token_count: int
    opens_thinking: bool

    @property
    def pixel_values(self) -> torch.Tensor | None:
        """The tiles normalised, float32 (num_tiles, 3, S, S); None without images. Made anew at each call."""
        return normalise(self.tiles) if len(self.tiles) else None


class Processor:
    """Turns conversations into prompts, and ids into text, for one checkpoint. Threads may share it."""

    def __init__(
        self,
        tokenizer: TextTokenizer,
        template: ChatTemplate,
        geometry: ImageGeometry,
        *,
        vocab_size: int,
        context_length: int,
        eos: Sequence[int],
        limits: PromptLimits | None = None,
    ) -> None:
        """Parts that fit together; ``from_folder`` reads them. Raises CheckpointError where they do not."""
        if tokenizer.num_tokens > vocab_size:
            raise CheckpointError(
                f"the tokenizer has {tokenizer.num_tokens} tokens, the model's vocabulary only {vocab_size}; "
                "they do not belong together"
            )
        self.tokenizer = tokenizer
        self.template = template
        self.geometry = geometry
        self.limits = limits or PromptLimits()
        self.vocab_size = vocab_size
        self.context_length = context_length
        self.special = _special_ids(tokenizer, eos)
        if geometry.image_token_id not in (None, self.special.image_context):
            raise CheckpointError(
                f"the image token has id {geometry.image_token_id} in config.json and id "
                f"{self.special.image_context} in the tokenizer; they do not belong together"
            )
        self._hiding = Hiding(tokenizer.added, template.literals)
        self._form = TemplateForm.of(template, self._hiding)
        self._ends = [token.content for token in tokenizer.added.values() if token.id in self.special.eos]
        self._variables = dict(tokenizer.named)
        # does the model think at all: only then do markers count, and is thinking closed when it is not
        # wanted
        self.thinks = OPEN_TEXT in tokenizer.added or OPEN_TEXT in template.source or geometry.thinks
        # a template that asks for the number of images opens thinking for conversations that have some
        self._thinks_without_images = "num_images" not in template.source
        self.markers = NO_MARKERS
        if self.thinks:
            own = self.special.think_open, self.special.think_close
            self.markers = ThinkingMarkers(*own, tokenizer.blank_ids - {*own[0], *own[1]})
        # markers are text wherever they do not count as markers, also where the tokenizer calls them special
        self._silent = tokenizer.special_ids - {*self.special.think_open, *self.special.think_close}

    @classmethod
    def from_folder(
        cls, folder: str | Path, *, limits: PromptLimits | None = None, tiling: TilingConfig | None = None
    ) -> Processor:
        """Read tokenizer, template and image geometry of a checkpoint. tiling: in place of the checkpoint's
        own.

        Raises CheckpointError naming the file that is missing or does not fit.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise CheckpointError(f"{folder} is not a folder; give the folder of a checkpoint")
        try:
            return cls._read(folder, limits, tiling)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            # the files are read key by key; whatever has another type than it should ends here
            raise CheckpointError(
                f"{folder}: a value in its tokenizer or configuration files is of a wrong kind "
                f"({type(error).__name__}: {str(error)[:120]}); fetch the files again"
            ) from error

    @classmethod
    def _read(cls, folder: Path, limits: PromptLimits | None, tiling: TilingConfig | None) -> Processor:
        config = read_json(folder / "config.json")
        generation = read_json(folder / "generation_config.json", required=False)
        tokenizer = TextTokenizer.from_folder(folder)
        geometry = ImageGeometry.from_folder(folder)
        if tiling is not None:
            geometry = geometry.with_tiling(tiling)
        language = config.get("llm_config") or config.get("text_config") or config
        vocab_size = language.get("vocab_size", config.get("vocab_size", tokenizer.num_tokens))
        context_length = language.get("max_position_embeddings", config.get("max_position_embeddings", 32768))
        template = read_template(folder, config, tokenizer)
        return cls(
            tokenizer,
            template,
            geometry,
            vocab_size=int(vocab_size),
            context_length=int(context_length),
            eos=_eos_ids(
                tokenizer,
                template,
                max(tokenizer.num_tokens, int(vocab_size)),
                {"generation_config.json": generation, "config.json": config, "the language model": language},
            ),
            limits=limits,
        )

    # ------------------------------------------------------------------------------------------------ to ids

    def encode(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool = True,
        tools: Sequence[Mapping[str, Any]] | None = None,
        max_tiles: int | None = None,
        continue_final: bool = False,
        limit: int | None = None,
        hashes: bool = True,
    ) -> Prompt:
        """The prompt for the model's next turn.

        thinking: False closes thinking at once. tools: definitions as in OpenAI's interface, for the
        template. max_tiles: of each image's grid, instead of the checkpoint's. continue_final: the last
        message is the beginning of the model's turn. limit: tokens; a text that is much longer is given up
        before it is tokenised to its end. hashes: of the images, which take as long as a tenth of a small
        picture's way here; training needs none. Raises PromptError, ImageError, ContextLengthError.
        """
        messages = tuple(map(split_reasoning, messages) if self.thinks else messages)
        last = None
        if continue_final:
            if not messages or messages[-1].role != "assistant":
                raise PromptError("there is no assistant message at the end to be continued; add one")
            messages, last = messages[:-1], messages[-1]
        if not messages:
            raise PromptError("the conversation is empty; give at least one message")
        num_chars = sum(len(m.text) + len(m.reasoning or "") for m in messages)
        if num_chars > self.limits.max_text_chars:
            raise PromptError(
                f"the conversation has {num_chars} characters; the limit is {self.limits.max_text_chars}"
            )
        self.tokenizer.check_length((text for m in messages for text in (m.text, m.reasoning or "")), limit)
        tiles = self._tiles([ref for message in messages for ref in message.images], max_tiles)
        tiles_per_image = tuple(len(t) for t in tiles)
        side = self.geometry.tiling.image_size
        pieces, opened = self._pieces(messages, last, thinking, tools, tiles_per_image)
        token_ids = tuple(self.tokenizer.encode_pieces(pieces, limit))
        image_token_count = 0
        if tiles:
            image_token_count = token_ids.count(self.special.image_context)  # type: ignore[arg-type]
            expected = sum(tiles_per_image) * self.geometry.tokens_per_tile
            if image_token_count != expected:
                raise PromptError(
                    f"the prompt has {image_token_count} image tokens for {expected} image features"
                )
        return Prompt(
            token_ids=token_ids,
            tiles=np.concatenate(tiles) if tiles else np.zeros((0, side, side, 3), np.uint8),
            tiles_per_image=tiles_per_image,
            image_hashes=tuple(map(_hash, tiles)) if hashes else (),
            image_token_count=image_token_count,
            opens_thinking=opened,
        )

    def encode_text(self, text: str) -> list[int]:
        """Ids of text in which nothing is special."""
        return self.tokenizer.encode_plain(text)

    def encode_completion(self, thinking: str, answer: str, *, opened: bool = True) -> list[int]:
        """Ids of the model's turn as training wants it: thinking, its end, the answer, the end of the turn.
        opened: the prompt's ``opens_thinking``; without it the completion begins with ``<think>``."""
        pieces = [] if opened else [TextPiece(f"{OPEN_TEXT}\n", trusted=True)]
        pieces += [TextPiece(thinking), TextPiece(CLOSE_THINKING, trusted=True), TextPiece(answer)]
        return [*self.tokenizer.encode_pieces(pieces), self.special.eos[0]]

    def _pieces(
        self,
        messages: tuple[Message, ...],
        last: Message | None,
        thinking: bool,
        tools: Sequence[Mapping[str, Any]] | None,
        tiles_per_image: tuple[int, ...],
    ) -> tuple[list[TextPiece], bool]:
        """The prompt in pieces, and whether it ends inside thinking."""
        variables = {**self._variables, "add_generation_prompt": True, "enable_thinking": thinking,
                     "num_images": len(tiles_per_image)}  # fmt: skip
        rendered = render(self.template, self._form, messages, variables, tools, self._hiding)
        pieces = []
        for part in rendered:
            if isinstance(part.value, ImageSlot):
                pieces.append(TextPiece(token_ids=self._image_ids(tiles_per_image[part.value.index])))
            elif part.marked:
                pieces.append(TextPiece(str(part.value)))
            else:
                pieces.append(TextPiece(part.text, trusted=True))
        tail = tail_of(rendered, self._ends)
        opened = thinking_after(tail, False)
        if not thinking:
            closing = ""
            if opened:
                closing = CLOSE_THINKING if tail.endswith("\n") else "\n" + CLOSE_THINKING
            elif self.thinks and CLOSE_TEXT not in tail and (tiles_per_image or self._thinks_without_images):
                closing = f"{OPEN_TEXT}\n{CLOSE_THINKING}"
            pieces.append(TextPiece(closing, trusted=True))
            tail, opened = tail + closing, False
        if last is not None:
            added = continuation(last, opened, tail)
            pieces += added
            opened = thinking_after("".join(piece.text for piece in added if piece.trusted), opened)
        return pieces, opened

    def _image_ids(self, num_tiles: int) -> tuple[int, ...]:
        special = self.special
        assert (
            special.img_start is not None
            and special.image_context is not None
            and special.img_end is not None
        )
        context = (special.image_context,) * (self.geometry.tokens_per_tile * num_tiles)
        return (special.img_start, *context, special.img_end)

    def _tiles(self, refs: Sequence[ImageRef], max_tiles: int | None) -> list[np.ndarray]:
        """The tiles of each image, within the limits of the request."""
        if not refs:
            return []
        limits = self.limits
        if not self.geometry.takes_images:
            raise PromptError(
                "this model takes no images: it is a language model without a vision tower; ask without "
                "images, or build a model that sees with `r1v assemble`"
            )
        if not self.takes_images:
            raise PromptError(
                "this model takes no images: its tokenizer has no image tokens; ask without images"
            )
        if len(refs) > limits.max_images:
            raise PromptError(f"the conversation has {len(refs)} images; the limit is {limits.max_images}")
        tiling = self.geometry.tiling
        if max_tiles is not None:
            if not 1 <= max_tiles <= limits.max_tiles_per_image:
                raise PromptError(f"max_tiles is {max_tiles}; it must be 1 to {limits.max_tiles_per_image}")
            tiling = tiling.limited(max_tiles)
        budget = self.max_tiles_per_request
        if len(refs) * (tiling.max_tiles + 1) > budget:  # else the budget cannot matter
            tiling = share_tiles([image_size(ref, limits.images) for ref in refs], tiling, budget)
        if len(refs) == 1:
            return [tile_image(open_image(refs[0], limits.images), tiling)]
        with ThreadPoolExecutor(min(len(refs), usable_cores(), 8)) as pool:
            # at most so many decoded pictures at a time; the first error in the order of the images is raised
            return list(pool.map(lambda ref: tile_image(open_image(ref, limits.images), tiling), refs))

    @property
    def takes_images(self) -> bool:
        """Whether the model has a tower, and the tokenizer the tokens of images."""
        special = self.special
        tokens = special.image_context, special.img_start, special.img_end
        return self.geometry.takes_images and None not in tokens

    @property
    def max_tiles_per_request(self) -> int:
        """The budget of tiles over all images of a request."""
        if self.limits.max_tiles_per_request is not None:
            return self.limits.max_tiles_per_request
        return max(1, self.context_length * 3 // 4 // self.geometry.tokens_per_tile)

    # ---------------------------------------------------------------------------------------------- from ids

    def decode(self, token_ids: Iterable[int], *, skip_special: bool = True) -> str:
        """Text of ids, by default without special tokens."""
        return self.tokenizer.decode(token_ids, skip_special=skip_special)

    def spell(self, token_id: int) -> bytes:
        """The bytes of a generated token; none for a special token."""
        return b"" if token_id in self._silent else self.tokenizer.token_bytes(token_id)

    def segmenter(self, opened: bool, *, plain: bool = False) -> IdSegmenter:
        """What splits one completion. opened: the prompt's ``opens_thinking``. plain: nothing is thinking."""
        return IdSegmenter(NO_MARKERS if plain else self.markers, self.spell, opened)

    def split(self, token_ids: Iterable[int], opened: bool) -> tuple[str, str]:
        """(thinking, answer) of a whole completion. opened: the prompt's ``opens_thinking``."""
        segmenter = self.segmenter(opened)
        pieces = [piece for token_id in token_ids for piece in segmenter.push(token_id)]
        return join_segments([*pieces, *segmenter.flush()])


def _hash(tiles: np.ndarray) -> bytes:
    digest = hashlib.blake2b(repr(tiles.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(tiles).data)
    return digest.digest()


def _special_ids(tokenizer: TextTokenizer, eos: Sequence[int]) -> SpecialIds:
    pad = tokenizer.token_id(tokenizer.named.get("pad_token", ""))
    close = tuple(tokenizer.encode_trusted(CLOSE_TEXT))
    # encoded apart, so that the marker's ids are in it as they are
    before, after = (tokenizer.encode_plain(text) for text in CLOSE_THINKING.split(CLOSE_TEXT))
    return SpecialIds(
        image_context=tokenizer.token_id(IMAGE_CONTEXT),
        img_start=tokenizer.token_id(IMAGE_START),
        img_end=tokenizer.token_id(IMAGE_END),
        think_open=tuple(tokenizer.encode_trusted(OPEN_TEXT)),
        think_close=close,
        close_text=(*before, *close, *after),
        eos=tuple(eos),
        pad=pad if pad is not None else eos[0],
    )


def _eos_ids(
    tokenizer: TextTokenizer, template: ChatTemplate, num_ids: int, configs: Mapping[str, Mapping[str, Any]]
) -> tuple[int, ...]:
    """Every id that ends a turn: the one that the template ends turns with, the tokenizer's, those of the
    configs, which are given by name. CheckpointError: a config has other than ids below num_ids."""
    names = [tokenizer.named.get("eos_token", "")]
    if "<|im_end|>" in template.source:
        names.insert(0, "<|im_end|>")
    found = [token_id for token_id in map(tokenizer.token_id, names) if token_id is not None]
    for name, config in configs.items():
        value = config.get("eos_token_id")
        for token_id in value if isinstance(value, list) else [] if value is None else [value]:
            if type(token_id) is not int or not 0 <= token_id < num_ids:
                raise CheckpointError(
                    f"{name}: eos_token_id is {json.dumps(value)[:60]}; it must be an id, or a list of ids, "
                    f"from 0 to {num_ids - 1}"
                )
            found.append(token_id)
    if not found:
        raise CheckpointError(
            "neither the tokenizer nor generation_config.json names a token that ends a turn"
        )
    return tuple(dict.fromkeys(found))


def read_template(folder: Path, config: Mapping[str, Any], tokenizer: TextTokenizer) -> ChatTemplate:
    """The chat template of a checkpoint: chat_template.jinja, chat_template.json or tokenizer_config.json.

    Where there is none, the built-in ChatML for a checkpoint of a known type whose tokenizer has its tokens.
    Raises CheckpointError otherwise.
    """
    path = folder / "chat_template.jinja"
    if path.is_file():
        try:
            return ChatTemplate(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{path} cannot be read: {error}") from error
    for name in ("chat_template.json", "tokenizer_config.json"):
        source = read_json(folder / name, required=False).get("chat_template")
        if isinstance(source, list):  # several, by name
            source = {entry["name"]: entry["template"] for entry in source}.get("default")
        if isinstance(source, str) and source:
            return ChatTemplate(source)
    chatml = tokenizer.token_id("<|im_start|>") is not None and tokenizer.token_id("<|im_end|>") is not None
    if chatml and config.get("model_type") in _CHATML_TYPES:
        return ChatTemplate(CHATML)
    raise CheckpointError(
        f"{folder} has no chat template and is not of a type with a built-in one; add chat_template.jinja"
    )
