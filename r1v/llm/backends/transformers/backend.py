"""A model run by transformers: the release script's way, over any number of devices.

Enters: requests. Leaves: events, the same as our own engine's. Always holds: prompts and tiles of an R1V
checkpoint come from our prompt room; a model of another kind is prompted by its own processor, and its
thinking is found in the text. No code of a checkpoint is ever run.
"""

from __future__ import annotations

import importlib.util
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from r1v.core import CheckpointError, SamplingParams, UnavailableError
from r1v.engine import EngineConfig, EngineIds
from r1v.llm.backend import EncodedHere
from r1v.llm.backends.hf_prompt_encoder import HFPromptEncoder
from r1v.llm.backends.transformers.device_map import DeviceMap, device_of, free_bytes, plan_devices
from r1v.llm.backends.transformers.static import Job, StaticLoop
from r1v.llm.backends.transformers.steered import SteeredRow
from r1v.llm.config import DTYPES, LLMConfig, default_params, resolve
from r1v.llm.grammar import GrammarCompiler
from r1v.llm.prompt_encoder import PromptEncoder, engine_ids
from r1v.llm.requests import BackendLoad, ChatRequest, ModelInfo, Request
from r1v.llm.stream import Deliver
from r1v.models import R1VConfig, resolve_model, write_native, write_text
from r1v.models.checkpoint import check_layout, commonest_dtype, parameter_shapes
from r1v.models.config_json.read import read_json
from r1v.models.convert import describe_whole, stored_parameters
from r1v.models.names import pieces
from r1v.prompt import Processor

OLDEST = (5, 0)
MAX_BATCH = 16  # rows of a static batch; all wait for the longest one

# model types of config.json whose prompts we make ourselves
R1V_TYPES = ("skywork_chat", "internvl_chat", "internvl", "qwen2", "qwen3")

TEXT_TYPES = ("qwen2", "qwen3")


def check_transformers() -> str:
    """The version of transformers. UnavailableError: not installed, or too old."""
    if importlib.util.find_spec("transformers") is None:
        raise UnavailableError("the backend transformers needs transformers: pip install 'r1v[transformers]'")
    from importlib.metadata import version

    found = version("transformers")
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST:
        raise UnavailableError(
            f"transformers is {found}; this backend needs {'.'.join(map(str, OLDEST))} or later: "
            "pip install -U transformers"
        )
    return found


def is_r1v(folder: Path) -> bool:
    """Whether a checkpoint is of our architecture, or its language part; any other is left to the library."""
    values = read_json(folder / "config.json")
    return values.get("model_type") in R1V_TYPES


def native_config(config: R1VConfig, dtype: str) -> Any:
    """The transformers configuration of the same model. ConfigError: it cannot be expressed there."""
    from transformers import InternVLConfig, Qwen2Config, Qwen3Config

    if config.vision is None:
        kind: Any = Qwen3Config if config.language.family == "qwen3" else Qwen2Config
        return kind.from_dict(write_text(config, dtype))
    return InternVLConfig.from_dict(write_native(config, dtype))


def _auto_class(model_type: str) -> Any:
    """The library's class that makes models of a type."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    return AutoModelForCausalLM if model_type in TEXT_TYPES else AutoModelForImageTextToText


def build_on_meta(config: Any) -> Any:
    """A transformers model without memory for its parameters; its buffers are real."""
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        model = _auto_class(config.model_type).from_config(config)
    model.tie_weights()
    return model


def load_r1v(folder: Path, config: LLMConfig) -> Any:
    """A checkpoint of any layout as transformers' own class, filled tensor by tensor. CheckpointError:
    incomplete, or quantised."""
    description, r1v_config = describe_whole(folder)
    stored, files = stored_parameters(description)
    dtype = commonest_dtype(files) if config.dtype == "auto" else DTYPES[config.dtype]
    model = build_on_meta(native_config(r1v_config, str(dtype).removeprefix("torch.")))
    placed = placement(model, config, dtype)
    layout = check_layout(None, r1v_config)
    table = pieces(parameter_shapes(description.module), layout, r1v_config.language)
    for piece in table:
        device = torch.device(device_of(piece.name, placed))
        value = stored.read(piece.parameter, piece.start, piece.shape[0]).to(device=device, dtype=dtype)
        owner, _, leaf = piece.name.rpartition(".")
        module = model.get_submodule(owner)
        setattr(module, leaf, torch.nn.Parameter(value, requires_grad=False))
    model.tie_weights()
    missing = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if missing:
        raise CheckpointError(f"{folder} lacks {len(missing)} tensors, such as {missing[0]}")
    return dispatch(model.eval(), placed)


def dispatch(model: Any, placed: DeviceMap) -> Any:
    """Hooks that bring activations from device to device, where there are several."""
    if len(set(placed.values())) == 1:
        device = torch.device(next(iter(placed.values())))
        for buffer_name, buffer in list(model.named_buffers()):
            owner, _, leaf = buffer_name.rpartition(".")
            model.get_submodule(owner)._buffers[leaf] = buffer.to(device)
        return model
    from accelerate import dispatch_model

    main = next(device for device in placed.values() if device != "cpu")
    return dispatch_model(model, device_map=placed, main_device=main)


def placement(model: Any, config: LLMConfig, dtype: torch.dtype) -> DeviceMap:
    """A device for every module, from what the devices have free."""
    if config.device != "cuda":
        return {"": config.device}
    width = {"bnb-4bit": 0.56, "bnb-8bit": 1.05}.get(config.parallel.quantisation or "", dtype.itemsize)
    room = free_bytes(config.parallel.devices)
    return plan_devices(model, room, offload=config.parallel.offload, bytes_per_value=width)


def load_any(folder: Path, config: LLMConfig) -> Any:
    """Any image-text-to-text model of the library, or one that the library is to quantise."""
    from transformers import AutoConfig

    values = read_json(folder / "config.json")
    method = (values.get("quantization_config") or {}).get("quant_method")
    needs = {"awq": ("gptqmodel", "awq"), "gptq": ("gptqmodel",), "bitsandbytes": ("bitsandbytes",)}
    if config.parallel.quantisation is not None:
        method = "bitsandbytes"
    wanted = needs.get(method or "", ())
    if wanted and not any(importlib.util.find_spec(name) for name in wanted):
        raise UnavailableError(f"{method} weights need {' or '.join(wanted)}: pip install {wanted[0]}")
    options: dict[str, Any] = {"dtype": DTYPES[config.dtype], "trust_remote_code": False}
    if config.parallel.quantisation is not None:
        from transformers import BitsAndBytesConfig

        four = config.parallel.quantisation == "bnb-4bit"
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=four, load_in_8bit=not four, bnb_4bit_compute_dtype=DTYPES[config.dtype],
            llm_int8_enable_fp32_cpu_offload=config.parallel.offload,
        )  # fmt: skip
    try:
        if config.device == "cuda":
            empty = build_on_meta(AutoConfig.from_pretrained(folder))
            options["device_map"] = placement(empty, config, DTYPES[config.dtype])
        model = _auto_class(values.get("model_type", "")).from_pretrained(folder, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        first = str(error).strip().split("\n")[0]
        raise CheckpointError(f"transformers cannot load {folder}: {first}") from error
    on_device: Any = model  # `to` is decorated in a way that hides its type
    return model.eval() if config.device == "cuda" else on_device.to(config.device).eval()


class TransformersBackend(EncodedHere):
    """Static batches through ``generate``. Thread-safe; see Backend."""

    _front: PromptEncoder | HFPromptEncoder

    def __init__(self, model: Any, front: PromptEncoder | HFPromptEncoder, ids: EngineIds, config: LLMConfig,
                 params: SamplingParams, max_batch: int) -> None:  # fmt: skip
        """config: resolved. params: the defaults of this checkpoint. max_batch: rows decoded together."""
        from transformers import GenerationConfig

        self.config, self.model = config, model
        self.default_params = params
        self.context_length = front.context_length
        self._front, self._ids = front, ids
        self._grammars = GrammarCompiler(front.processor) if isinstance(front, PromptEncoder) else None
        model.generation_config = GenerationConfig()  # sampling is ours
        pad = front.processor.special.pad if isinstance(front, PromptEncoder) else front.pad
        self.loop = StaticLoop(model, ids, front.info.vocab_size, pad, max_batch)
        self._finalizer = weakref.finalize(self, self.loop.close)

    @classmethod
    def from_config(cls, config: LLMConfig, engine_config: EngineConfig) -> TransformersBackend:
        """Load the model that config names."""
        check_transformers()
        folder = resolve_model(config.model)
        config = resolve(config, folder)
        _quiet()
        front: PromptEncoder | HFPromptEncoder
        if is_r1v(folder):
            processor = Processor.from_folder(folder, limits=config.limits)
            values = read_json(folder / "config.json")
            by_library = config.parallel.quantisation or values.get("quantization_config")
            if by_library and values.get("model_type") not in ("internvl", *TEXT_TYPES):
                raise CheckpointError(
                    f"{folder} is in the release layout, whose quantised form transformers does not know; "
                    "use --backend vllm, or `r1v convert --layout native` before quantising"
                )
            model = load_any(folder, config) if by_library else load_r1v(folder, config)
            length = min(config.max_model_len or processor.context_length, processor.context_length)
            front, ids = PromptEncoder(processor, config, length), engine_ids(processor)
        else:
            model = load_any(folder, config)
            front = HFPromptEncoder.from_folder(folder, config, model.config, model.generation_config)
            ids = front.ids
        max_batch = engine_config.max_num_seqs or MAX_BATCH
        return cls(model, front, ids, config, default_params(folder), max_batch)

    def start(self, request: Request, deliver: Deliver) -> Callable[[], None]:
        """See Backend. Raises ImageError, PromptError, ContextLengthError."""
        grammar = request.grammar if isinstance(request, ChatRequest) else None
        if isinstance(self._front, HFPromptEncoder):
            job = self._front.job(request, deliver)
        else:
            prompt = self._front.encode(request)
            params = self._front.within_context(request.params, prompt)
            mask = None if grammar is None or self._grammars is None else self._grammars.mask(grammar)
            generation = self._front.generation(request, prompt, params, deliver, mask=mask)
            pixels = prompt.pixel_values
            job = Job(
                [
                    SteeredRow(prompt.token_ids, params, self._ids, generation, index=index,
                               seed=params.seed, opens_thinking=prompt.opens_thinking, mask=mask)
                    for index in range(params.n)
                ],
                {} if pixels is None else {"pixel_values": pixels},
            )  # fmt: skip
        self.loop.submit(job)
        return job.cancel

    @property
    def info(self) -> ModelInfo:
        """See Backend."""
        return replace(self._front.info, name=self.config.model)

    @property
    def load(self) -> BackendLoad:
        """See Backend."""
        return BackendLoad(num_running=self.loop.num_running, num_waiting=self.loop.num_waiting)

    def logits(self, token_ids: list[int], pixel_values: torch.Tensor | None) -> torch.Tensor:
        """Of every position, float32 (T, V) on the CPU."""
        device = self.model.get_input_embeddings().weight.device
        inputs: dict[str, torch.Tensor] = {"input_ids": torch.tensor([token_ids], device=device)}
        if pixel_values is not None:
            inputs["pixel_values"] = pixel_values.to(device, self.model.dtype)
        with torch.inference_mode(), self.loop.model_lock:
            logits: torch.Tensor = self.model(**inputs).logits[0].float().cpu()
        return logits

    def close(self) -> None:
        """End what runs and free the model."""
        self._finalizer()
        self.model = None


def _quiet() -> None:
    """Keep the library's progress bars and advice out of our own output."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
