"""The transformers backend: same ids as our engine, cancellation, devices for every module."""

from pathlib import Path

import pytest

from r1v import LLM, SamplingParams
from r1v.core import (
    CapacityError,
    Completion,
    FinishDetail,
    FinishReason,
    Message,
    R1VError,
    UnavailableError,
)
from r1v.llm.backends.hf_prompt_encoder import HFPromptEncoder
from r1v.llm.backends.transformers.device_map import assign, blocks_of, device_of, plan_devices
from r1v.llm.config import LLMConfig
from r1v.llm.requests import ChatRequest, ModelInfo
from r1v.models import convert
from r1v.verify.transformers_peer import rendered
from tests.llm.backends.other_model import write_llava

pytest.importorskip("transformers", reason="this backend is transformers")
pytest.importorskip("accelerate", reason="this backend places modules by accelerate")

GREEDY = SamplingParams.greedy(max_tokens=10)


@pytest.fixture(scope="module")
def pair(tiny_checkpoint: Path):
    with LLM(tiny_checkpoint) as ours, LLM(tiny_checkpoint, backend="transformers") as theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    "params",
    [
        GREEDY,
        SamplingParams(seed=7, temperature=1.2, top_k=40, max_tokens=10),
        SamplingParams.greedy(max_tokens=12, thinking_budget=3),
        SamplingParams.greedy(max_tokens=8, thinking_budget=0),
        SamplingParams.greedy(max_tokens=8, repetition_penalty=1.3, presence_penalty=0.5, logprobs=2),
        SamplingParams(seed=1, temperature=1.0, max_tokens=6, n=3),
    ],
    ids=["greedy", "seeded", "budget", "no thinking", "penalties", "n"],
)
def test_same_ids_as_our_engine(pair, params: SamplingParams, picture: Path) -> None:
    ours, theirs = (llm.chat_n("Look at 12", params, images=[picture]) for llm in pair)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.token_ids, a.thinking, a.answer, a.finish_reason, a.finish_detail) == (
            b.token_ids, b.thinking, b.answer, b.finish_reason, b.finish_detail
        )  # fmt: skip
        assert a.usage.prompt_tokens == b.usage.prompt_tokens > 0 and a.usage.image_tokens == 12
        if params.logprobs:
            assert a.logprobs and b.logprobs and len(a.logprobs) == len(b.logprobs)
            assert abs(a.logprobs[0].logprob - b.logprobs[0].logprob) < 1e-4
    if params.thinking_budget == 3:
        assert theirs[0].finish_detail is FinishDetail.BUDGET


def test_static_batches(pair, picture: Path) -> None:
    ours, theirs = pair
    asked = [
        "Go",
        [Message.user("This?", [picture])],
        "A longer question " * 3,
        [Message.user("?", [picture])],
    ]
    params = [SamplingParams.greedy(max_tokens=3 + i) for i in range(4)]
    assert [c.token_ids for c in theirs.chat_many(asked, params)] == [
        c.token_ids for c in ours.chat_many(asked, params)
    ]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("{% for a in range(99999) %}{{ range(99999) | sum }}{% endfor %}", "too much time"),
        ("{% set s = namespace(x='ab') %}{% for i in range(40) %}{% set s.x = s.x ~ s.x %}{% endfor %}",
         "too much (memory|time)"),  # whichever limit a busy machine reaches first
        ("{{ messages | no_such_filter }}", "template"),
    ],
)  # fmt: skip
def test_a_hostile_template_of_another_model(tiny_checkpoint: Path, source: str, fault: str) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(tiny_checkpoint / "tokenizer.json"), chat_template=source
    )
    with pytest.raises(R1VError, match=fault):
        rendered(tokenizer, [{"role": "user", "content": "Hello"}])
    info = ModelInfo("m", 128, 320, False, False, False, 0)
    with pytest.raises(R1VError, match=fault):
        encoder = HFPromptEncoder(tokenizer, LLMConfig("m"), info, (1,))
        encoder.encode(ChatRequest((Message.user("Hello"),), GREEDY))


def test_streaming_and_cancellation(endless_checkpoint: Path) -> None:
    with LLM(endless_checkpoint, backend="transformers") as llm:
        stream = llm.stream("Go on", SamplingParams.greedy(max_tokens=40_000, detect_loops=False))
        seen = []
        for event in stream:
            seen.append(event)
            if len(seen) == 3:
                stream.cancel()
        assert isinstance(seen[-1], Completion) and seen[-1].finish_reason is FinishReason.CANCELLED
        assert 0 < seen[-1].usage.completion_tokens < 1000
        waiting = llm.stream("Go on", SamplingParams.greedy(max_tokens=40_000, detect_loops=False))
        next(waiting)
    with pytest.raises(UnavailableError, match="closed"):
        llm.chat("x", GREEDY)


def test_both_layouts(pair, tiny_checkpoint: Path, tmp_path: Path, picture: Path) -> None:
    convert(tiny_checkpoint, tmp_path / "release", "release")
    expected = pair[0].chat("And?", GREEDY, images=[picture]).token_ids
    with LLM(tmp_path / "release", backend="transformers") as llm:
        assert llm.chat("And?", GREEDY, images=[picture]).token_ids == expected


# --------------------------------------------------------------------------------------------------- devices


@pytest.fixture(scope="module")
def big():
    """The 38B geometry without memory."""
    from r1v.llm.backends.transformers.backend import build_on_meta, native_config
    from r1v.models import LanguageConfig, R1VConfig, VisionConfig

    config = R1VConfig(
        vision=VisionConfig(hidden_size=3200, num_layers=45, num_heads=25, intermediate_size=12800,
                            image_size=448, patch_size=14, qkv_bias=False, qk_norm=True,
                            norm_type="rms_norm"),
        language=LanguageConfig(vocab_size=152064, hidden_size=5120, num_layers=64, num_heads=40,
                                num_kv_heads=8, head_dim=128, intermediate_size=27648, rms_norm_eps=1e-5,
                                max_position_embeddings=32768, tied=False, eos_token_id=1, pad_token_id=0),
        image_token_id=2,
    )  # fmt: skip
    return build_on_meta(native_config(config, "bfloat16"))


@pytest.mark.parametrize(("count", "room"), [(1, 90e9), (2, 46e9), (4, 24e9), (8, 12e9), (8, 68e9)])
def test_every_module_of_38b_has_a_device(big, count: int, room: float) -> None:
    placed = plan_devices(big, [int(room)] * count, bytes_per_value=2)
    used = dict.fromkeys(range(count), 0)
    order = []
    for name, parameter in big.named_parameters():
        device = device_of(name, placed)
        used[device] += parameter.numel() * 2
        order.append(device)
    assert sum(used.values()) > 70e9
    assert order == sorted(order)  # activations go through the devices once
    assert max(used.values()) <= room
    assert max(used.values()) - min(used.values()) < 4e9  # balanced, to a few layers
    for name, _ in big.named_buffers():
        device_of(name, placed)
    for stack in (big.model.vision_tower.encoder.layer, big.model.language_model.layers):
        for layer in stack:
            assert len({id(p) for p in layer.parameters()}) > 0
    layers = {name for name in placed if ".layers." in name or ".layer." in name}
    assert len(layers) == 45 + 64  # no layer is split


def test_every_module_of_qwen_72b_has_a_device() -> None:
    """Another row of the release's table, 147 GB: Qwen2.5-VL-72B."""
    import transformers

    from r1v.llm.backends.transformers.backend import build_on_meta

    model = build_on_meta(transformers.Qwen2_5_VLConfig(
        text_config={"hidden_size": 8192, "intermediate_size": 29568, "num_hidden_layers": 80,
                     "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 152064},
        vision_config={"depth": 32, "hidden_size": 1280, "intermediate_size": 3456, "num_heads": 16,
                       "out_hidden_size": 8192},
    ))  # fmt: skip
    for count, room in ((2, 80e9), (4, 40e9), (8, 24e9)):
        placed = plan_devices(model, [int(room)] * count, bytes_per_value=2)
        used = dict.fromkeys(range(count), 0)
        for name, parameter in model.named_parameters():
            used[device_of(name, placed)] += parameter.numel() * 2
        assert sum(used.values()) > 146e9 and 0 < max(used.values()) <= room
        for name, _ in model.named_buffers():
            device_of(name, placed)
        layers = {name for name in placed if ".layers." in name or ".blocks." in name}
        assert len(layers) == 80 + 32  # no layer is split


def test_what_does_not_fit(big) -> None:
    with pytest.raises(CapacityError, match="2 devices have room for 40"):
        plan_devices(big, [20 * 10**9] * 2, bytes_per_value=2)
    placed = plan_devices(big, [20 * 10**9] * 2, bytes_per_value=2, offload=True)
    on_gpu = sum(p.numel() * 2 for n, p in big.named_parameters() if device_of(n, placed) != "cpu")
    assert 35e9 < on_gpu <= 40e9
    assert plan_devices(big, [], bytes_per_value=2, offload=True)["lm_head"] == "cpu"


def test_assign_is_balanced_and_a_tied_head_follows() -> None:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(vocab_size=64, hidden_size=32, num_hidden_layers=4, num_attention_heads=2,
                         num_key_value_heads=2, intermediate_size=64, tie_word_embeddings=True)  # fmt: skip
    model = Qwen2ForCausalLM(config)
    blocks = blocks_of(model)
    placed = plan_devices(model, [10**6] * 3)
    assert placed["lm_head"] == placed["model.embed_tokens"] == 0
    assert set(placed.values()) == {0, 1, 2}
    with pytest.raises(CapacityError):
        assign(blocks, [100])


# ------------------------------------------------------------------------------------------- another model


def test_another_architecture_with_its_own_processor(
    tmp_path: Path, tiny_tokenizer_folder: Path, picture: Path
) -> None:
    folder = write_llava(tmp_path / "llava", tiny_tokenizer_folder)
    with LLM(folder, backend="transformers", dtype="float32") as llm:
        assert llm.info.takes_images and llm.context_length == 256
        *events, last = llm.stream(
            "What?", SamplingParams.greedy(max_tokens=12, min_tokens=12), images=[picture]
        )
        assert isinstance(last, Completion) and last.usage.completion_tokens == 12
        assert last.usage.prompt_tokens > 16 and last.thinking and not last.answer
        assert "".join(e.text for e in events if e.segment == "thinking") == last.thinking
