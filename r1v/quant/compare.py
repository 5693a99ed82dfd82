"""How well checkpoint B agrees with A, on held-out chains and on the answers of both.

Enters: two folders. Leaves: a Comparison. Always holds: both see the same ids, chains that A wrote or worked
solutions; held-out figures only,
where no file of texts is given; a value that is not a number is counted, never averaged away.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from r1v.core import Completion, ConfigError, FinishDetail, SamplingParams
from r1v.figures import Figure
from r1v.llm import LLM
from r1v.models import R1V, load
from r1v.models.convert import describe_whole
from r1v.models.tensor_files import TensorFiles
from r1v.prompt import normalise
from r1v.quant.calibration import TEXT_FAMILIES, chats_of, conversation, figure_questions
from r1v.quant.chat import Chat
from r1v.scoring import equivalent, extract_boxed


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """A mean over chains or questions and half the width of its 95% interval (normal, None for one value)."""

    value: float
    half: float | None

    def __str__(self) -> str:
        return f"{self.value:.4g}" if self.half is None else f"{self.value:.4g} ± {self.half:.2g}"


def mean(values: Sequence[float], weights: Sequence[float] | None = None) -> MeanInterval:
    """Sum of values over sum of weights (ones). The interval takes each value as one draw, so that tokens of
    one chain do not count as independent (the ratio estimator: Cochran 1977, section 2.11)."""
    weights = weights or [1.0] * len(values)
    number, total = len(values), max(sum(weights), 1e-30)
    value = sum(values) / total
    if number < 2:
        return MeanInterval(value, None)
    squares = sum((v - value * w) ** 2 for v, w in zip(values, weights, strict=True))
    return MeanInterval(value, 1.96 * math.sqrt(squares * number / (number - 1)) / total)


@dataclass(frozen=True, slots=True)
class LayerError:
    """Relative squared error of a decoder layer's output, B against A."""

    layer: int
    error: float


@dataclass(frozen=True, slots=True)
class Answers:
    """How a checkpoint answers held-out figures, greedily. mean_tokens: of a completion. loop_rate and
    unfinished_rate: shares of completions. out_of_vocabulary: ids that the tokenizer does not have.
    tokens_per_s: of all conversations together, prompts included. right, lengths: of each question."""

    accuracy: float
    num_questions: int
    mean_tokens: float
    loop_rate: float
    unfinished_rate: float
    out_of_vocabulary: int
    tokens_per_s: float
    right: tuple[bool, ...]
    lengths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chains:
    """Both checkpoints on the same chains. perplexity_a, perplexity_b: of the chains. kl: KL(A || B) a token,
    in nats; kl_max: the largest. agreement: share of tokens whose likeliest id is the same. nan_count: logits
    of B that are no numbers."""

    num_tokens: int
    perplexity_a: float
    perplexity_b: float
    kl: MeanInterval
    kl_max: float
    agreement: MeanInterval
    nan_count: int
    layers: tuple[LayerError, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """bytes_a, bytes_b: of the tensors. accuracy_change, length_change: B less A, question by question; None
    where none was asked."""

    source: str
    target: str
    bytes_a: int
    bytes_b: int
    chains: Chains
    answers_a: Answers | None = None
    answers_b: Answers | None = None
    accuracy_change: MeanInterval | None = None
    length_change: MeanInterval | None = None


def compare(
    source: Path,
    target: Path,
    *,
    num_chats: int = 32,
    num_questions: int = 64,
    max_tokens: int = 512,
    chains: str = "own",
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
    device: str = "cpu",
) -> Comparison:
    """Compare two checkpoints with the same tokenizer. num_questions: 0 asks none. chains: as of
    `calibration.chats_of`.

    Raises ConfigError where the vocabularies differ, CheckpointError as `models.load`.
    """
    chats = chats_of(
        source, chains, num_chats, split="heldout", max_tokens=max_tokens, seed=seed,
        progress=lambda done, total: progress("chat", done, total),
    )  # fmt: skip
    measured = on_chains(source, target, chats, progress, device)
    if not num_questions:
        return combined(source, target, measured)
    families = () if describe_whole(source)[1].vision is not None else TEXT_FAMILIES
    items = figure_questions("heldout", num_questions, families)
    return combined(
        source, target, measured, *(ask(each, items, max_tokens, progress) for each in (source, target))
    )


def combined(
    source: Path, target: Path, chains: Chains, a: Answers | None = None, b: Answers | None = None
) -> Comparison:
    """What was measured on chains and, of both or of none, on questions."""
    sizes = TensorFiles(source).num_bytes, TensorFiles(target).num_bytes
    if a is None or b is None:
        return Comparison(str(source), str(target), *sizes, chains)
    accuracy = [float(y) - float(x) for x, y in zip(a.right, b.right, strict=True)]
    length = [float(y - x) for x, y in zip(a.lengths, b.lengths, strict=True)]
    return Comparison(str(source), str(target), *sizes, chains, a, b, mean(accuracy), mean(length))


@dataclass(slots=True)
class _Sums:
    """What adds up over the tokens of one chain."""

    tokens: int
    nll_a: float
    nll_b: float
    kl: float
    kl_max: float
    same: int
    nan: int


def on_chains(
    source: Path,
    target: Path,
    chats: Sequence[Chat],
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
    change: Callable[[R1V], object] = lambda model: None,
) -> Chains:
    """Both models on the same ids, one model in memory at a time. dtype: None is float32 on a CPU, else
    bfloat16. change: what is done to B before it is run. Raises as `compare`."""
    config_a, config_b = (describe_whole(folder)[1] for folder in (source, target))
    sizes = config_a.language.vocab_size, config_b.language.vocab_size
    if sizes[0] != sizes[1]:
        raise ConfigError(
            f"{source} has {sizes[0]} ids and {target} {sizes[1]}; compare models with one tokenizer"
        )
    each: list[_Sums] = []
    errors = [0.0] * config_a.language.num_layers
    powers = [0.0] * len(errors)
    dtype = dtype or (torch.float32 if device == "cpu" else torch.bfloat16)
    with tempfile.TemporaryDirectory() as folder:
        model = load(source, dtype, device)
        for number, chat in enumerate(chats):
            save_file(_run(model, chat, device), Path(folder) / f"{number}.safetensors")
            progress("chain of A", number + 1, len(chats))
        del model
        model = load(target, dtype, device, widen=True)
        change(model)
        for number, chat in enumerate(chats):
            path = Path(folder) / f"{number}.safetensors"
            a, b = load_file(path, device), _run(model, chat, device)
            path.unlink()
            each.append(_on_chain(a["logits"], b["logits"], chat))
            for index, (x, y) in enumerate(zip(a["states"].float(), b["states"].float(), strict=True)):
                errors[index] += float((x - y).square().sum())
                powers[index] += float(x.square().sum())
            progress("chain of B", number + 1, len(chats))
    return _chains(each, errors, powers)


def _chains(each: Sequence[_Sums], errors: Sequence[float], powers: Sequence[float]) -> Chains:
    """All chains together."""
    tokens = [float(chain.tokens) for chain in each]
    count = max(sum(tokens), 1.0)
    layers = tuple(
        LayerError(index, error / max(power, 1e-30))
        for index, (error, power) in enumerate(zip(errors, powers, strict=True))
    )
    return Chains(
        int(sum(tokens)),
        _exp(sum(chain.nll_a for chain in each) / count),
        _exp(sum(chain.nll_b for chain in each) / count),
        mean([chain.kl for chain in each], tokens),
        max(chain.kl_max for chain in each),
        mean([float(chain.same) for chain in each], tokens),
        sum(chain.nan for chain in each),
        layers,
    )


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0)) if value == value else value


def _on_chain(logits_a: torch.Tensor, logits_b: torch.Tensor, chat: Chat) -> _Sums:
    """Logits (T, V) before each of the T tokens that the model wrote."""
    targets = torch.tensor(chat.token_ids[chat.num_prompt :], device=logits_a.device)
    logp_a, logp_b = logits_a.float().log_softmax(-1), logits_b.float().log_softmax(-1)
    kl = (logp_a.exp() * (logp_a - logp_b)).sum(-1)
    return _Sums(
        len(targets),
        -float(logp_a.gather(1, targets[:, None]).sum()),
        -float(logp_b.gather(1, targets[:, None]).sum()),
        float(kl.sum()),
        float(kl.max()) if len(targets) else 0.0,
        int((logp_a.argmax(-1) == logp_b.argmax(-1)).sum()),
        int(logits_b.isnan().sum()),
    )


@torch.no_grad()
def _run(model: R1V, chat: Chat, device: str) -> dict[str, torch.Tensor]:
    """Before each token that was written: logits (T, V), and what leaves the layers, states (L, T, D)."""
    written = slice(chat.num_prompt - 1, len(chat.token_ids) - 1)
    states: list[torch.Tensor] = []
    handles = [
        layer.register_forward_hook(lambda module, inputs, out: states.append(out[0, written]))
        for layer in model.language.layers
    ]
    try:
        ids = torch.tensor([chat.token_ids], device=device)
        pixels = normalise(chat.tiles).to(device, model.dtype) if len(chat.tiles) else None
        hidden = model.hidden(ids, pixels)
        return {"logits": model.logits(hidden[0, written]), "states": torch.stack(states)}
    finally:
        for handle in handles:
            handle.remove()


def ask(
    folder: Path,
    items: Sequence[Figure],
    max_tokens: int,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Answers:
    """Greedy answers to figures."""
    completions: list[Completion] = []
    with LLM(folder) as llm:
        vocab_size = llm.info.vocab_size
        params = SamplingParams.greedy(max_tokens=max_tokens)
        started = time.perf_counter()
        for first in range(0, len(items), 16):
            conversations = [conversation(item) for item in items[first : first + 16]]
            completions += llm.chat_many(conversations, params)
            progress(f"answer of {folder.name}", len(completions), len(items))
        seconds = time.perf_counter() - started
        unknown = sum(i >= vocab_size or i < 0 for c in completions for i in c.token_ids)
    right = tuple(_is_right(item, each) for item, each in zip(items, completions, strict=True))
    lengths = tuple(len(each.token_ids) for each in completions)
    number = len(items)
    return Answers(
        sum(right) / number, number, sum(lengths) / number,
        sum(each.finish_detail == FinishDetail.LOOP for each in completions) / number,
        sum(str(each.finish_reason) == "length" for each in completions) / number,
        unknown, sum(lengths) / seconds, right, lengths,
    )  # fmt: skip


def _is_right(item: Figure, completion: Completion) -> bool:
    given = extract_boxed(completion.answer)
    return given is not None and equivalent(given, item.answer, item.answer_type, item.tolerance)
