"""The model in training: whole in a single process, whole in each of several, or split over those of torchrun
(FSDP2).

Enters: a checkpoint's folder and micro-batches. Leaves: scores of target tokens or of replies, and the
trained checkpoint. Always holds: a process reads only its rows of the checkpoint's files and never holds more
than its share and one block; every process makes the same passes in the same order, with an empty pass if it
has nothing to do; gradients are sums over the processes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from rich.console import Console
from rich.table import Table
from safetensors.torch import save_file
from torch import nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

from r1v.core import CheckpointError, R1VError
from r1v.models import R1V
from r1v.models.adapter import refuse_adapter
from r1v.models.checkpoint import (
    build_empty,
    check_layout,
    config_for,
    describe,
    open_any_files,
    packed_places,
    parameter_shapes,
    write_folder,
)
from r1v.models.config import Layout
from r1v.models.names import Piece, pieces
from r1v.models.quantised import Coded, quantised_layers, read_quantisation
from r1v.models.reward import HEAD_FILE, RewardModel
from r1v.models.tensor_files import TensorFiles
from r1v.ops.linear import AwqLinear
from r1v.train.core.compute import Compute, normalise
from r1v.train.core.config import ModelConfig
from r1v.train.core.distributed import first_row, local, whole
from r1v.train.core.four_bit import FourBitLinear, four_bit_layers, hold_in_four_bits
from r1v.train.core.lora import (
    adapted_layers,
    adapters_off,
    add_adapters,
    start_adapters,
    starting_weight,
)  # fmt: skip
from r1v.train.core.optim import components, count, select
from r1v.train.core.sequence import Team, own_columns
from r1v.train.core.token_scores import TokenScores, token_scores
from r1v.train.data.batches import MicroBatch


class PolicyModule(nn.Module):
    """A model in training. inner: R1V, or a RewardModel around it. shapes: of R1V's parameters, by name.
    replicate: every process of several holds all of it. team: the processes that compute a pass together;
    they all have the same parts. sharers: the processes, a team of them as one, for who gets which rows."""

    def __init__(
        self, inner: R1V | RewardModel, compute: Compute, shapes: Mapping[str, tuple[int, ...]],
        replicate: bool = False, team: Team | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.inner, self.compute, self.shapes = inner, compute, dict(shapes)
        self.split = compute.world.size > 1 and not replicate
        self.team = team or Team()
        self.sharers = replace(compute.world, team=self.team.size)
        self.saw_pictures = False  # in a pass with a gradient since `drop_unseen`

    @property
    def base(self) -> R1V:
        """The R1V, without a reward head."""
        return self.inner.base if isinstance(self.inner, RewardModel) else self.inner

    @property
    def plain(self) -> bool:
        """Whether `base` can be run by itself: it is whole, and has neither adapters nor 4-bit layers."""
        return not self.split and not adapted_layers(self.base) and not four_bit_layers(self.base)

    @property
    def held_in_four_bits(self) -> bool:
        """Whether `base` is whole and has 4-bit layers, of which a plain copy is far larger."""
        return not self.split and bool(four_bit_layers(self.base))

    # ------------------------------------------------------------------------------------------- one pass

    def forward(self, part: MicroBatch, entropy: bool = False) -> tuple[torch.Tensor, ...]:
        """Of a language model (logprobs, right, entropy or nothing), as in `TokenScores`; of a reward model
        (scores float32 (N,),) at the target places. Tensors lie on the model's device."""
        if self.team.size > 1:
            return self._together(part, entropy)
        return self._scored(self._hidden(part).flatten(0, 1)[part.target_places], part.targets, entropy)

    def _scored(self, hidden: torch.Tensor, targets: torch.Tensor, entropy: bool) -> tuple[torch.Tensor, ...]:
        """As `forward`, of the hidden states (N, D) at the target places."""
        if isinstance(self.inner, RewardModel):
            return (self.inner.head(hidden).float()[:, 0].clone(),)
        language = self.base.language
        matrix = language.embedding.weight if language.head is None else language.head.weight
        found = token_scores(hidden, matrix, targets, entropy=entropy)
        return found.logprobs, found.right, *(() if found.entropy is None else (found.entropy,))

    def _together(self, part: MicroBatch, entropy: bool) -> tuple[torch.Tensor, ...]:
        """As `forward`, computed by a team, of which this process has some columns. A tile is encoded where
        any of its features stands."""
        base = self.base
        per_tile = 1 if base.vision is None else base.config.tokens_per_tile
        own = own_columns(part, self.team, base.config.image_token_id, per_tile)
        self.saw_pictures |= len(part.tiles) > 0 and torch.is_grad_enabled()
        features = self._features(part.tiles[own.tiles])
        if features is not None and len(own.features):
            features = features.flatten(0, 1)[own.features]
        hidden = base.hidden(
            own.input_ids, image_features=features, positions=own.positions, attention=own.attention
        ).flatten(0, 1)[own.target_places]
        found = self._scored(hidden, part.targets[own.places], entropy)
        whole = [own.assemble(values, len(part.targets)) for values in found]
        return whole[0], *(values.bool() for values in whole[1:2]), *whole[2:]

    def _features(self, tiles: torch.Tensor) -> torch.Tensor | None:
        """Of tiles uint8 (n, S, S, 3), float (n, tokens_per_tile, D). If the model is split, the vision tower
        takes part in every pass, with a blank tile where there is none, because its layers are gathered, and
        their gradients reduced, by all processes together."""
        if len(tiles):
            return self.base.encode_images(normalise(tiles))
        if not self.split or self.base.vision is None:
            return None
        side = self.base.config.image_size
        blank = torch.zeros(1, 3, side, side, device=tiles.device)
        # no feature is placed, but the language model's input has its gradient, as where there are some:
        # else a frozen model's first layer would reduce later here than in other processes
        return self.base.encode_images(blank).flatten(0, 1)[:0]

    def _hidden(self, part: MicroBatch) -> torch.Tensor:
        """Hidden states (B, T, D)."""
        self.saw_pictures |= len(part.tiles) > 0 and torch.is_grad_enabled()
        features = self._features(part.tiles)
        return self.base.hidden(part.input_ids, image_features=features, segment_ids=part.segment_ids)

    def scores(self, part: MicroBatch, *, entropy: bool = False) -> TokenScores:
        """The scores of a part's targets, computed on the device in the run's precision."""
        part = self.compute.move(part)
        with self.compute.autocast():
            found = self(part, entropy)
        return TokenScores(found[0], found[1], found[2] if entropy else None)

    def rewards(self, part: MicroBatch) -> torch.Tensor:
        """A reward model's scores (N,) at a part's target places."""
        part = self.compute.move(part)
        with self.compute.autocast():
            found: torch.Tensor = self(part)[0]
        return found

    # -------------------------------------------------------------------------------------- passes of all

    def passes(self, parts: Sequence[MicroBatch]) -> Iterator[MicroBatch | None]:
        """A process's parts, followed by None until all processes have the same number."""
        number = max(self.compute.world.gather(len(parts)))
        yield from parts
        yield from [None] * (number - len(parts))

    @staticmethod
    def backward(loss: torch.Tensor) -> None:
        """Add the gradient of a part's loss. There is none if no trained parameter took part in it, for
        example if only the projector is trained and the part has no picture."""
        if loss.requires_grad:
            loss.backward()

    def idle_pass(self, *, backward: bool) -> None:
        """Take part in a pass of the other processes without data of this one."""
        part = self.compute.move(self.blank())
        with self.compute.autocast():
            found = self(part)
        if backward:
            (found[0].sum() * 0.0).backward()

    def drop_unseen(self) -> None:
        """Remove the zero gradients of tower and projector if no process saw a picture. A single process has
        no gradients in this case, and the optimiser then does not change these parameters."""
        vision, projector = self.base.vision, self.base.projector
        if self.split and not any(self.compute.world.gather(self.saw_pictures)):
            for part in (each for each in (vision, projector) if each is not None):
                for parameter in part.parameters():
                    parameter.grad = None
        self.saw_pictures = False

    @torch.no_grad()
    def add_up_gradients(self) -> None:
        """If each process holds the whole model, replace the gradients by their sum over the processes. A
        parameter without a gradient in any process stays without one."""
        if self.split or self.compute.world.size == 1:
            return
        trained = [p for p in self.parameters() if p.requires_grad]
        own = torch.tensor([p.grad is not None for p in trained])
        met = torch.stack(self.compute.world.gather(own)).any(0).tolist()
        chosen = [p for p, there in zip(trained, met, strict=True) if there]
        if not chosen:
            return
        parts = [p.grad if p.grad is not None else torch.zeros_like(p) for p in chosen]
        flat = torch.cat([part.reshape(-1) for part in parts])
        dist.all_reduce(flat)
        for parameter, part in zip(chosen, flat.split([part.numel() for part in parts]), strict=True):
            parameter.grad = part.view_as(parameter)

    def blank(self) -> MicroBatch:
        """One row of two tokens without a picture."""
        side, image = self.base.config.image_size, self.base.config.image_token_id
        one = torch.zeros(1, dtype=torch.int64)
        ids = torch.full((1, 2), 1 if image == 0 else 0)
        return MicroBatch(ids, torch.zeros((0, side, side, 3), dtype=torch.uint8), one, one, one, ("",))

    @torch.no_grad()
    def evaluate(self, parts: Sequence[MicroBatch], *, reference: bool = False) -> list[torch.Tensor]:
        """Log-probabilities (N,) of each part, or a reward model's scores, float32 on the CPU.

        reference: of the policy without its adapters.
        """
        found = []
        with adapters_off(self) if reference else contextlib.nullcontext():
            for part in self.passes(parts):
                if part is None:
                    self.idle_pass(backward=False)
                elif isinstance(self.inner, RewardModel):
                    found.append(self.rewards(part).cpu())
                else:
                    found.append(self.scores(part).logprobs.cpu())
        return found

    # ------------------------------------------------------------------------------------------- weights

    @torch.no_grad()
    def whole_weight(self, name: str) -> torch.Tensor:
        """One of R1V's parameters, with its adapter added in, gathered by all processes together."""
        value = starting_weight(self.base, name)
        owner, _, leaf = name.rpartition(".")
        module: Any = self.base.get_submodule(owner)
        if hasattr(module, "lora_A") and leaf == "weight":
            down, up = (whole(part["default"].weight).detach() for part in (module.lora_A, module.lora_B))
            value = value.float() + module.scaling["default"] * (up.float() @ down.float())
        return value

    def copy_to(self, twin: R1V) -> None:
        """Copy the present weights to a whole model. All processes take part."""
        with torch.no_grad():
            for name, own in twin.named_parameters():
                own.copy_(self.whole_weight(name))

    def twin(self, dtype: torch.dtype, device: torch.device) -> R1V:
        """A whole model without adapters, to sample from. `copy_to` gives it its weights."""
        model = build_empty(self.base.config)
        model.load_state_dict(
            {name: torch.empty(shape, dtype=dtype, device=device) for name, shape in self.shapes.items()},
            assign=True,
        )
        return model.requires_grad_(False).eval()

    def trained(self) -> dict[str, nn.Parameter]:
        """The trained tensors by name, which a checkpoint has to keep."""
        return {f"model/{name}": p for name, p in self.named_parameters() if p.requires_grad}

    def export(
        self, folder: Path, tokenizer_from: str | Path | None, max_shard_mb: int,
        dtype: torch.dtype = torch.bfloat16,
    ) -> Path:  # fmt: skip
        """Write a whole checkpoint, adapters added in, tensor by tensor: the first process writes, the others
        send what it asks for. tokenizer_from: None copies no tokenizer."""
        layout = check_layout(None, self.base.config)
        world, names = self.compute.world, list(self.shapes)
        head: dict[str, torch.Tensor] = {}
        if isinstance(self.inner, RewardModel):
            head = {name: whole(p).detach().float().cpu() for name, p in self.inner.head.named_parameters()}
        if world.first:
            self._write(folder, tokenizer_from, max_shard_mb, head, layout, dtype)
        else:
            while (asked := world.tell(-1)) >= 0:
                self.whole_weight(names[asked])
            if asked == -2:
                raise R1VError(f"{folder} could not be written by the first process")
        world.barrier()
        return folder

    def _write(
        self, folder: Path, tokenizer_from: str | Path | None, max_shard_mb: int,
        head: dict[str, torch.Tensor], layout: Layout, dtype: torch.dtype,
    ) -> None:  # fmt: skip
        world, names, config = self.compute.world, list(self.shapes), self.base.config
        table = pieces(self.shapes, layout, config.language)
        sizes = {piece.name: dtype.itemsize * torch.Size(piece.shape).numel() for piece in table}
        held: dict[str, torch.Tensor] = {}

        def fetch(piece: Piece) -> torch.Tensor:
            if piece.parameter not in held:
                held.clear()
                world.tell(names.index(piece.parameter))
                held[piece.parameter] = self.whole_weight(piece.parameter).to("cpu", dtype)
            rows = held[piece.parameter][piece.start : piece.start + piece.shape[0]]
            return rows.clone()

        def finish(partial: Path) -> None:
            if head:
                save_file(head, partial / HEAD_FILE)

        ended = -2
        try:
            write_folder(
                folder, config_for(config, layout, dtype), table, sizes, fetch,
                tokenizer_from=tokenizer_from, max_shard_bytes=max_shard_mb * 2**20, overwrite=True,
                finish=finish,
            )  # fmt: skip
            ended = -1
        finally:
            world.tell(ended)


def as_policy(model: R1V, compute: Compute) -> PolicyModule:
    """A policy around a whole model that is not trained, for scoring."""
    return PolicyModule(model, compute, parameter_shapes(model))


# ------------------------------------------------------------------------------------------------- loading


def load_policy(
    folder: str | Path, compute: Compute, config: ModelConfig, *, seed: int, console: Console,
    reward: bool = False,
) -> PolicyModule:  # fmt: skip
    """A checkpoint's model, the named components trainable in float32, the others in the run's precision,
    adapters where ``model.lora`` says. Says how many parameters of each component are trained.

    reward: with a new reward head. CheckpointError, ConfigError: as in `models.load`.
    """
    refuse_adapter(Path(folder), "training")
    description = describe(Path(folder), whole=True)
    base = description.module
    if not isinstance(base, R1V):
        raise CheckpointError(f"{folder} is not a whole model; build one with `r1v assemble`")
    files, places = open_any_files(description)
    packed = packed_places(files, places)
    stored = read_quantisation(description.values, Path(folder)) if packed else None

    def fill(policy: PolicyModule) -> None:
        _fill(policy, files, {name: piece for name, piece in places.items() if name not in packed})
        if stored is not None:
            _fill_packed(policy, quantised_layers(files, packed, compute.device, stored))

    return build_policy(base, compute, config, fill, seed=seed, console=console, reward=reward,
                        group_size=0 if stored is None else max(stored.group_size, 0))  # fmt: skip


def build_policy(
    base: R1V, compute: Compute, config: ModelConfig, fill: Callable[[PolicyModule], None] | None, *,
    seed: int, console: Console, reward: bool = False, group_size: int = 0,
) -> PolicyModule:  # fmt: skip
    """As `load_policy`, of a model on the meta device, whose weights ``fill`` writes into this process's
    rows; or, without ``fill``, of one that has its weights and is not split. group_size: of 4-bit layers, as
    of `hold_in_four_bits`."""
    shapes = parameter_shapes(base)
    base.train()
    base.language.checkpointing = config.checkpointing
    if base.vision is not None:
        base.vision.checkpointing = config.checkpointing
    select(components(base), config.train)
    if config.four_bit:
        hold_in_four_bits(base, group_size)
    if config.lora:
        add_adapters(base, config.lora, config.lora_rank, config.lora_alpha)
    if reward and base.language.head is not None:
        base.language.head.requires_grad_(False)  # not a part of the score
    inner = RewardModel(base) if reward else base
    team = Team.open(compute.world, config.sequence_parallel, base.config.language)
    policy = PolicyModule(inner, compute, shapes, config.replicate, team).train()
    _set_dtypes(policy, torch.bfloat16 if compute.bf16 else torch.float32)
    if policy.split:
        shard(policy, config.hsdp)
    if fill is None:
        _allocate_adapters(policy)
    else:
        policy.to_empty(device=compute.device)
        fill(policy)
    start_adapters(policy, seed)
    if isinstance(policy.inner, RewardModel):
        for parameter in policy.inner.head.parameters():
            local(parameter.data).zero_()
    report(policy, console)
    return policy


def _set_dtypes(policy: PolicyModule, frozen: torch.dtype) -> None:
    """Make trained weights float32, and give frozen ones the dtype in which they are computed."""
    for module in policy.modules():
        for leaf, parameter in list(module.named_parameters(recurse=False)):
            if leaf == "record" and isinstance(module, FourBitLinear):
                continue
            dtype = torch.float32 if parameter.requires_grad else frozen
            if parameter.dtype != dtype:
                value = nn.Parameter(parameter.detach().to(dtype), requires_grad=parameter.requires_grad)
                setattr(module, leaf, value)


def shard(policy: PolicyModule, hsdp: bool) -> None:
    """Split the parameters among the processes. Each layer is gathered for its own pass; the rest
    (embeddings, norms, projector, heads) belongs to the policy itself."""
    compute, base = policy.compute, policy.base
    mesh = compute.world.mesh(compute.device.type, hsdp)
    precision = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if compute.bf16 else None, reduce_dtype=torch.float32,
        cast_forward_inputs=False,
    )  # fmt: skip
    towers = () if base.vision is None else base.vision.layers
    for layer in (*towers, *base.language.layers):
        fully_shard(layer, mesh=mesh, mp_policy=precision)
    fully_shard(policy, mesh=mesh, mp_policy=precision, reshard_after_forward=True)
    for module in policy.modules():
        if isinstance(module, FSDPModule):
            # sums, not means: losses are divided by all tokens; by plain sums, as gloo has no scaled ones
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)


def _by_stored_name(policy: PolicyModule) -> dict[str, nn.Parameter]:
    """Parameters under the names that they have without heads and adapters around them."""
    return {
        name.removeprefix("inner.").removeprefix("base.").replace(".base_layer.", "."): parameter
        for name, parameter in policy.named_parameters()
    }


@torch.no_grad()
def _fill(policy: PolicyModule, files: TensorFiles, places: Mapping[str, Piece]) -> None:
    """Read this process's rows of every tensor, file by file."""
    parameters = _by_stored_name(policy)
    four_bit = {f"{name}.weight": layer for name, layer in four_bit_layers(policy.base).items()}
    for file in files.files:
        with files.open(file) as opened:
            for name, info in files.infos.items():
                if info.file != file or name not in places:
                    continue
                piece = places[name]
                if piece.parameter in four_bit:
                    layer = four_bit[piece.parameter]
                    low, high = _overlap(layer.record.data, piece)
                    if low < high:
                        rows = opened.get_slice(name)[low - piece.start : high - piece.start]
                        layer.fill_rounded(rows.to(policy.compute.device), low)
                    continue
                parameter = parameters[piece.parameter]
                own, start = local(parameter.data), first_row(parameter.data)
                low, high = _overlap(parameter.data, piece)
                if low < high:
                    rows = opened.get_slice(name)[low - piece.start : high - piece.start]
                    own[low - start : high - start].copy_(rows)


def _overlap(tensor: torch.Tensor, piece: Piece) -> tuple[int, int]:
    """The range (first, last + 1) of the whole tensor's rows that belong to this process and to a piece."""
    start = first_row(tensor)
    return max(piece.start, start), min(piece.start + piece.shape[0], start + len(local(tensor)))


@torch.no_grad()
def _fill_packed(policy: PolicyModule, layers: Iterable[tuple[str, Coded]]) -> None:
    """Take the codes of quantised layers, one after the other, as they are or widened."""
    parameters = _by_stored_name(policy)
    four_bit = {f"{name}.weight": layer for name, layer in four_bit_layers(policy.base).items()}
    for name, layer in layers:
        if name in four_bit and isinstance(layer, AwqLinear):
            four_bit[name].fill(layer.nibbles, layer.scales, layer.zeros)
        elif name in four_bit:
            four_bit[name].fill_rounded(layer.widened(), 0)
        else:
            own, start = local(parameters[name].data), first_row(parameters[name].data)
            own.copy_(layer.widened()[start : start + len(own)])


def _allocate_adapters(policy: PolicyModule) -> None:
    """Allocate adapters beside weights that are already there."""
    for module in policy.modules():
        for leaf, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_meta:
                empty = torch.empty_like(parameter, device=policy.compute.device)
                setattr(module, leaf, nn.Parameter(empty, requires_grad=parameter.requires_grad))


def report(policy: PolicyModule, console: Console) -> None:
    """Print how much of each component is trained."""
    groups = count(components(policy.base))
    table = Table("component", "parameters", "trained", title="What is trained")
    for group in groups:
        table.add_row(group.component, f"{group.total:,}", f"{group.trained:,}")
    table.add_row("all", f"{sum(g.total for g in groups):,}", f"{sum(g.trained for g in groups):,}")
    console.print(table)
