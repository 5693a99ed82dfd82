"""A conversation as token ids, and a file of many.

Always holds: what `load_chats` reads is what `save_chats` was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file


@dataclass(frozen=True, slots=True)
class Chat:
    """Ids of a whole conversation. tiles: uint8 (num_tiles, S, S, 3). num_prompt: ids before the model's."""

    token_ids: tuple[int, ...]
    tiles: np.ndarray
    num_prompt: int


def save_chats(chats: Sequence[Chat], path: Path) -> None:
    """Store chats as safetensors."""
    sizes = [[len(chat.token_ids), chat.num_prompt, len(chat.tiles)] for chat in chats]
    tensors = {
        "token_ids": torch.tensor([i for chat in chats for i in chat.token_ids], dtype=torch.int32),
        "sizes": torch.tensor(sizes, dtype=torch.int32),
        "tiles": torch.from_numpy(np.concatenate([chat.tiles for chat in chats])),
    }
    save_file(tensors, path)


def load_chats(path: Path) -> list[Chat]:
    """What `save_chats` stored."""
    tensors = load_file(path)
    chats, token, tile = [], 0, 0
    for length, num_prompt, num_tiles in tensors["sizes"].tolist():
        ids = tuple(tensors["token_ids"][token : token + length].tolist())
        chats.append(Chat(ids, tensors["tiles"][tile : tile + num_tiles].numpy(), num_prompt))
        token, tile = token + length, tile + num_tiles
    return chats
