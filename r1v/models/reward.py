"""A reward model: R1V with one number at the end of a conversation instead of a next token.

Enters: token ids and tiles of prompts with their responses. Leaves: a score for each. Always holds: the score
is read off the last token of each row, so that padding behind it changes nothing.
Source: Skywork-VL Reward report.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from r1v.core import CheckpointError
from r1v.models.checkpoint import load
from r1v.models.r1v import R1V

HEAD_FILE = "reward_head.safetensors"


class RewardModel(nn.Module):
    """base: vision tower, projector and language model, whose output matrix is not used. head: one linear
    layer with bias on the hidden state after the final norm; it starts at zero, so all scores do."""

    def __init__(self, base: R1V) -> None:
        super().__init__()
        self.base = base
        self.head = nn.Linear(base.config.language.hidden_size, 1, device=base.device, dtype=base.dtype)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, input_ids: torch.Tensor, lengths: torch.Tensor, pixel_values: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Scores float32 (B,) of rows padded on the right.

        input_ids: int64 (B, T). lengths: int64 (B,), tokens of each row, at least 1. pixel_values: the tiles
        of all rows, (num_tiles, 3, S, S). Raises PromptError as `R1V.embed` does.
        """
        hidden = self.base.hidden(input_ids, pixel_values)
        last = hidden[torch.arange(len(lengths), device=hidden.device), lengths - 1]
        scores: torch.Tensor = self.head(last).squeeze(-1)
        return scores.float()


def save_head(model: RewardModel, folder: str | os.PathLike[str]) -> None:
    """Write the head beside the checkpoint of ``model.base``; float32."""
    tensors = {name: value.detach().float().cpu() for name, value in model.head.state_dict().items()}
    save_file(tensors, Path(folder) / HEAD_FILE)


def load_reward(
    folder: str | os.PathLike[str],
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
) -> RewardModel:
    """A reward model of a checkpoint's folder that holds a head too. CheckpointError: it does not."""
    path = Path(folder) / HEAD_FILE
    if not path.is_file():
        raise CheckpointError(
            f"{folder} has no {HEAD_FILE}, so it is not a reward model; train one with r1v train reward"
        )
    model = RewardModel(load(folder, dtype, device))
    try:
        model.head.load_state_dict(load_file(path, device=str(device)))
    except (RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{path} does not fit the checkpoint beside it: {error}") from None
    return model.eval()
