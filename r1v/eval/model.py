"""The model that ``--model`` names: as a model of Inspect, and as a description for the manifest.

Enters: a model's name and settings. Leaves: a ``Target``. Always holds: the description distinguishes any two
models: ours by the hashes of weights, template and configuration, others by their address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1v.core import ConfigError, R1VError, SamplingParams, UnavailableError, parse_json
from r1v.eval.item import Json

if TYPE_CHECKING:
    from inspect_ai.model import Model

# providers of Inspect that are reached by "PROVIDER/MODEL"
PROVIDERS = (
    "openai", "anthropic", "google", "grok", "mistral", "deepseek", "groq", "together", "fireworks",
    "bedrock", "azureai", "openrouter", "moonshot", "perplexity", "cloudflare", "sambanova", "hf", "vllm",
    "sglang", "ollama", "llama-cpp-python", "openai-api", "transformer_lens", "nnterp",
    "hf-inference-providers", "mockllm", "none",
)  # fmt: skip


_PROCESSOR = ("size", "min_patches", "max_patches")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The model and how it runs. url: of an OpenAI-compatible endpoint; ``name`` is then the served model's
    name, and the key is ``api_key``. The others are those of ``LLM``, for models in process."""

    name: str
    url: str | None = None
    api_key: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    max_model_len: int | None = None
    max_tiles: int | None = None
    max_connections: int | None = None
    price: tuple[float, float] | None = None  # dollars for a million tokens of prompts, and of answers


@dataclass(frozen=True, slots=True)
class AnswerSampling:
    """How answers are sampled. None is the model's own default. thinking_budget: tokens."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    max_tokens: int | None = None
    thinking_budget: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """model: to ask. description: for the manifest. in_process: whether it is ours."""

    model: Model
    description: Json = field(repr=False)
    in_process: bool


def kind_of(settings: ModelSettings) -> str:
    """ "url", "inspect" or "r1v": who answers."""
    if settings.url:
        return "url"
    provider = settings.name.split("/")[0]
    if provider in PROVIDERS and "/" in settings.name and not Path(settings.name).exists():
        return "inspect"
    return "r1v"


def check_settings(settings: ModelSettings, sampling: AnswerSampling, kind: str) -> None:
    """Refuse settings out of their range, and those that a model in another process would not follow. Raises
    ConfigError."""
    SamplingParams(**{name: value for name, value in asdict(sampling).items() if value is not None})
    if kind == "r1v":
        return
    where = f"the server at {settings.url}" if kind == "url" else f"Inspect's {settings.name}"
    own = ("device", "dtype", "max_model_len", "max_tiles")
    given = [f"--{name.replace('_', '-')}" for name in own if getattr(settings, name) not in (None, "auto")]
    if kind == "inspect" and sampling.repetition_penalty is not None:
        given.append("--repetition-penalty (--release sets it too)")
    if given:
        raise ConfigError(f"{', '.join(given)}: {where} decides this itself; leave it out")


def open_target(settings: ModelSettings, sampling: AnswerSampling, llm: Any = None) -> Target:
    """Load a model or connect to it. llm: an LLM that is already loaded.

    Raises CheckpointError, ConfigError, UnavailableError.
    """
    target = _open(settings, sampling, llm)
    if settings.price is not None:
        set_price(target.model, settings.price)
    return target


def set_price(model: Any, price: tuple[float, float]) -> None:
    """Let Inspect count what each reply of a model costs, in its logs and in our outputs."""
    from inspect_ai.model import ModelCost, ModelInfo, get_model_info, set_model_info

    prompts, answers = price
    cost = ModelCost(input=prompts, output=answers, input_cache_write=prompts, input_cache_read=prompts)
    known = get_model_info(model) or ModelInfo()
    set_model_info(str(model), known.model_copy(update={"cost": cost}))


def _open(settings: ModelSettings, sampling: AnswerSampling, llm: Any) -> Target:
    try:
        from inspect_ai.model import get_model
    except ImportError as error:
        raise UnavailableError(
            "evaluation needs Inspect; install it with: pip install 'r1v[eval]'"
        ) from error
    kind = kind_of(settings)
    check_settings(settings, sampling, kind)
    config = generate_config(sampling, kind, settings.max_connections)
    described: dict[str, Any] = {"name": settings.name, "kind": kind, "sampling": asdict(sampling)}
    if kind == "r1v":
        from r1v.eval import provider, registry

        assert registry.r1v_provider is not None  # importing it makes r1v/ known to Inspect

        name = settings.name.removeprefix("r1v/")
        llm = llm or _load(name, settings)
        model = get_model(f"r1v/{name}", config=config, memoize=False, llm=llm)
        effective = provider.to_params(config, llm.default_params)
        described |= {**describe_llm(llm), "sampling": asdict(effective)}
        return Target(model, described, True)
    if kind == "url":
        name = f"openai-api/endpoint/{settings.name}"
        model = get_model(
            name, base_url=settings.url, api_key=settings.api_key or "none", config=config, memoize=False
        )
        return Target(model, {**described, "url": settings.url}, False)
    try:
        model = get_model(settings.name, config=config, memoize=False)
    except Exception as error:
        reason = re.sub(r"\[/?\w+\]", "", " ".join(str(error).split()))  # without mark-up for consoles
        raise ConfigError(f"model {settings.name!r} cannot be used: {reason[:300]}") from error
    return Target(model, described, False)


def generate_config(sampling: AnswerSampling, kind: str, max_connections: int | None = None) -> Any:
    """Sampling settings as Inspect's."""
    from inspect_ai.model import GenerateConfig

    values = {name: value for name, value in asdict(sampling).items() if value is not None}
    budget = values.pop("thinking_budget", None)
    penalty = values.pop("repetition_penalty", None)
    extra: dict[str, Any] = {}
    if budget is not None:
        values["reasoning_tokens" if kind == "inspect" else "max_tokens"] = values.get("max_tokens")
        if kind == "inspect":
            values["reasoning_tokens"] = budget
        else:
            extra["thinking_budget"] = budget
    if penalty is not None and kind != "inspect":
        extra["repetition_penalty"] = penalty
    if kind == "url" and "top_k" in values:
        extra["top_k"] = values.pop("top_k")
    if extra:
        values["extra_body"] = extra
    if max_connections is not None:
        values["max_connections"] = max_connections
    return GenerateConfig(**{name: value for name, value in values.items() if value is not None})


def _load(name: str, settings: ModelSettings) -> Any:
    from r1v.llm import LLM

    return LLM(
        name,
        device=settings.device,
        dtype=settings.dtype,
        max_model_len=settings.max_model_len,
        max_tiles=settings.max_tiles,
    )


def describe_llm(llm: Any) -> Json:
    """The description of one of our models: hashes of its files, and how it runs."""
    described: dict[str, Any] = {
        "engine": asdict(llm.config),
        "context_length": llm.context_length,
    }
    if llm.folder is not None:
        described |= describe_folder(llm.folder)
    return described


def describe_folder(folder: Path) -> Json:
    """Hashes of a checkpoint's weights, configuration, tokenizer and chat template; its quantisation and
    tiling."""
    weights = sorted(folder.glob("*.safetensors"))
    config = _json(folder / "config.json")
    quantisation = config.get("quantization_config")
    tiling: dict[str, Any] = {
        key: config[key]
        for key in ("force_image_size", "min_dynamic_patch", "max_dynamic_patch", "use_thumbnail",
                    "downsample_ratio",
                    "min_patches", "max_patches", "crop_to_patches")
        if key in config
    }  # fmt: skip
    processor = _json(folder / "preprocessor_config.json") or _json(folder / "processor_config.json")
    return {
        "weights_sha256": file_hash(weights),
        "config_sha256": file_hash([folder / "config.json"]),
        "tokenizer_sha256": file_hash(
            [folder / "tokenizer.json", folder / "vocab.json", folder / "merges.txt"]
        ),
        "template_sha256": file_hash([folder / "chat_template.jinja", folder / "tokenizer_config.json"]),
        "quantisation": quantisation.get("quant_method") if isinstance(quantisation, Mapping) else None,
        "tiling": tiling or {name: processor[name] for name in _PROCESSOR if name in processor},
    }


def file_hash(paths: Sequence[Path]) -> str | None:
    """One hash over those of the files that exist; None if none exists."""
    whole = hashlib.sha256()
    found = [path for path in paths if path.is_file()]
    for path in found:
        with open(path, "rb") as file:
            whole.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest() if found else None


def _json(path: Path) -> dict[str, Any]:
    try:
        value = parse_json(path.read_bytes(), path.name)
    except (OSError, R1VError):
        return {}
    return value if isinstance(value, dict) else {}


def versions() -> Mapping[str, str]:
    """Versions of the packages that may affect a score. Packages that are not installed are left out."""
    found = {}
    for name in (
        "r1v", "torch", "numpy", "pillow", "tokenizers", "inspect-ai", "inspect-evals", "math-verify",
        "if-verifiable", "langdetect", "nltk", "bfcl-eval", "matplotlib",
    ):  # fmt: skip
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
