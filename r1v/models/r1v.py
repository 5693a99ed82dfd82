"""The assembled model: tiles and token ids in, logits out.

Always holds: the number of image tokens equals the number of image features, else the call fails.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from r1v.core import PromptError
from r1v.models.config import R1VConfig
from r1v.models.language import LanguageModel
from r1v.models.projector import Projector
from r1v.models.vision import VisionTower
from r1v.ops import Attention, CausalAttention, segment_positions


class R1V(nn.Module):
    """Vision tower, projector and language model, for inference and training alike.

    vision, projector: None of a language model alone.
    """

    def __init__(self, config: R1VConfig) -> None:
        super().__init__()
        self.config = config
        self.vision = None if config.vision is None else VisionTower(config.vision)
        self.projector = None if config.vision is None else Projector(config)
        self.language = LanguageModel(config.language)

    @property
    def device(self) -> torch.device:
        """Where the embedding lies."""
        return self.language.embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the embedding."""
        return self.language.embedding.weight.dtype

    def encode_images(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Normalised tiles (num_tiles, 3, S, S) -> features (num_tiles, tokens_per_tile, D).

        PromptError: the model has no vision tower."""
        if self.vision is None or self.projector is None:
            raise PromptError("this model is a language model without a vision tower; it takes no images")
        features: torch.Tensor = self.projector(
            self.vision(pixel_values, num_layers=self.config.num_vision_layers_used)
        )
        return features

    def embed(self, input_ids: torch.Tensor, image_features: torch.Tensor | None = None) -> torch.Tensor:
        """Input embeddings (B, T, D) of input_ids (B, T); image features stand at image tokens, in order.

        image_features: (num_tiles, tokens_per_tile, D) or (n, D); None is none. Raises PromptError where
        their number is not that of the image tokens; on CUDA, where looking would wait for the device, it is
        asserted there instead (`check_image_tokens` looks at ids on the host beforehand).
        """
        text: torch.Tensor = self.language.embedding(input_ids)
        features = None if image_features is None else image_features.reshape(-1, text.shape[-1])
        num_features = 0 if features is None else features.shape[0]
        if self.config.image_token_id is None:
            if num_features:
                raise PromptError("this checkpoint does not name its image token, so it takes no images")
            return text
        is_image = (input_ids == self.config.image_token_id).flatten()
        if input_ids.device.type == "cuda":
            torch._assert_async(
                is_image.sum() == num_features,
                f"image tokens in input_ids do not match the {num_features} image features",
            )
        elif input_ids.device.type != "meta":
            check_image_tokens(input_ids, num_features, self.config.image_token_id)
        if features is None:
            return text
        # a stable sort finds the places without telling the host how many there are
        places = torch.argsort(is_image.logical_not(), stable=True)[:num_features]
        return text.flatten(0, -2).index_copy(0, places, features.to(text.dtype)).view_as(text)

    def forward(
        self,
        input_ids: torch.Tensor,
        pixel_values: torch.Tensor | None = None,
        *,
        positions: torch.Tensor | None = None,
        segment_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits (B, T, vocab_size) of input_ids int64 (B, T) and tiles (num_tiles, 3, S, S).

        segment_ids (B, T): samples packed in a row; tokens see only earlier tokens of the same id. Padding
        has the id -1 (see `CausalAttention`). positions (B, T): default from 0, in each segment anew.
        """
        return self.logits(self.hidden(input_ids, pixel_values, positions=positions, segment_ids=segment_ids))

    def hidden(
        self,
        input_ids: torch.Tensor,
        pixel_values: torch.Tensor | None = None,
        *,
        image_features: torch.Tensor | None = None,
        positions: torch.Tensor | None = None,
        segment_ids: torch.Tensor | None = None,
        attention: Attention | None = None,
    ) -> torch.Tensor:
        """As `forward`, but the hidden states (B, T, D) after the final norm: a loss that needs the logits
        of few positions calls `logits` on those only. image_features: as in `embed`, instead of tiles.
        attention: None is a causal one over the rows as they are."""
        if pixel_values is not None:
            image_features = self.encode_images(pixel_values)
        inputs_embeds = self.embed(input_ids, image_features)
        if positions is None:
            if segment_ids is not None:
                positions = segment_positions(segment_ids)
            else:
                positions = torch.arange(input_ids.shape[1], device=input_ids.device).expand_as(input_ids)
        out: torch.Tensor = self.language(inputs_embeds, positions, attention or CausalAttention(segment_ids))
        return out

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """hidden (..., D) -> (..., vocab_size)."""
        return self.language.logits(hidden)

    @torch.no_grad()
    def initialise(self, seed: int) -> None:
        """Random weights for training from scratch, the same on every device for a seed.

        Weights, embeddings and the positions of patches are normal with deviation 0.02; the projections that
        write to a residual stream have 0.02 / sqrt(2 * layers) (Radford et al. 2019, section 2.3); biases
        are 0, norms 1, layer scales the configured start.
        """
        generator = torch.Generator("cpu").manual_seed(seed)
        tower = self.config.vision
        if tower is not None and self.vision is not None and self.projector is not None:
            randomise(self.vision, generator, tower.num_layers, tower.layer_scale_init)
            randomise(self.projector, generator)
        randomise(self.language, generator, self.config.language.num_layers)


@torch.no_grad()
def randomise(
    part: nn.Module, generator: torch.Generator, num_layers: int = 1, layer_scale: float = 1.0
) -> None:
    """Draw a part's weights as `R1V.initialise` says. num_layers: residual blocks of the part."""
    for name, parameter in part.named_parameters():
        leaf = name.rsplit(".", 1)[-1]
        if leaf in ("scale1", "scale2"):
            parameter.fill_(layer_scale)
        elif leaf == "bias":
            parameter.zero_()
        elif leaf == "weight" and parameter.dim() == 1:
            parameter.fill_(1.0)
        else:
            deviation = 0.02
            if name.endswith((".out.weight", ".down.weight", ".mlp.fc2.weight")):
                deviation /= math.sqrt(2 * num_layers)
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * deviation)


def check_image_tokens(input_ids: torch.Tensor, num_features: int, image_token_id: int) -> None:
    """Raise PromptError unless input_ids hold the image token exactly num_features times.

    For ids on the host: on an accelerator it waits for the device.
    """
    count = int((input_ids == image_token_id).sum())
    if count != num_features:
        raise PromptError(
            f"the prompt has {count} image tokens, but there are {num_features} image features; "
            "build both with the same tiling"
        )
