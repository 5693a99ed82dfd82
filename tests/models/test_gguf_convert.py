"""GGUF files become checkpoints, held against transformers' own reading of the same files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from r1v.core import CheckpointError, Message
from r1v.models import load, read_config
from r1v.models.checkpoint import save
from r1v.models.gguf.convert import GgufConfig, convert_gguf
from r1v.models.gguf.file import GgufFile
from r1v.models.hub import resolve_model
from r1v.models.names import pieces
from r1v.prompt import Processor
from r1v.quant.gguf_export import export_gguf

gguf = pytest.importorskip("gguf", reason="GGUF files need the gguf package")
transformers = pytest.importorskip("transformers", reason="transformers is the oracle here")

from gguf import GGMLQuantizationType as Kind  # noqa: E402

from tests.models import gguf_files  # noqa: E402

EXACT = GgufConfig(torch.float32)
KINDS = (
    "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
    "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS",
    "TQ1_0", "TQ2_0", "MXFP4",
)  # fmt: skip


def parameters_by_name(folder: Path) -> dict[str, torch.Tensor]:
    """What we load from a text model's folder, under transformers' names."""
    model = load(folder)
    own = dict(model.named_parameters())
    table = pieces({name: tuple(p.shape) for name, p in own.items()}, "language", model.config.language)
    return {p.name: own[p.parameter][p.start : p.start + p.shape[0]].detach() for p in table}


def hf_from_gguf(path: Path) -> Any:
    """The library's own reading of the file."""
    return transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    ).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_is_widened_to_the_values_that_transformers_reads(kind: str, tmp_path: Path) -> None:
    model = gguf_files.hf_model()
    gguf_files.write_text(tmp_path / "model.gguf", model, Kind[kind])
    report = convert_gguf(tmp_path / "model.gguf", tmp_path / "out", settings=EXACT)
    assert report.kinds[kind] >= 7 * gguf_files.NUM_LAYERS and report.tied and report.finer is None
    ours = parameters_by_name(tmp_path / "out")
    reader = gguf.GGUFReader(tmp_path / "model.gguf")
    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, gguf_files.NUM_LAYERS)
    theirs = {each.name: gguf.quants.dequantize(each.data, each.tensor_type) for each in reader.tensors}
    assert len(theirs) == len(ours)
    for name, value in ours.items():
        expected = theirs[table.get_name(name, try_suffixes=(".weight", ".bias"))]
        assert np.array_equal(value.numpy(), expected), name


@pytest.mark.parametrize("family", ["qwen2", "qwen3"])
@pytest.mark.parametrize("tied", [True, False])
def test_logits_are_those_of_transformers_on_the_same_file(family: str, tied: bool, tmp_path: Path) -> None:
    # transformers does not read the length of keys: its Qwen3 has 128
    model = gguf_files.hf_model(family, tied, head_dim=128 if family == "qwen3" else 64)
    gguf_files.write_text(tmp_path / "model.gguf", model, Kind.Q8_0)
    convert_gguf(tmp_path / "model.gguf", tmp_path / "out", settings=EXACT)
    config = read_config(tmp_path / "out")
    assert config.vision is None and config.language.family == family and config.language.tied is tied
    with torch.no_grad():
        ours = load(tmp_path / "out")(gguf_files.ids())
        theirs = hf_from_gguf(tmp_path / "model.gguf")(gguf_files.ids()).logits
        original = model(gguf_files.ids()).logits
    assert torch.allclose(ours, theirs, atol=2e-4)
    assert (ours - original).std() < 0.05 * original.std()  # 8 bits of the weights that were written


def test_the_folder_is_read_by_transformers_with_the_same_ids(tmp_path: Path) -> None:
    gguf_files.write_text(tmp_path / "model.gguf", gguf_files.hf_model())
    convert_gguf(tmp_path / "model.gguf", tmp_path / "out", settings=EXACT)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    nano = transformers.AutoTokenizer.from_pretrained(resolve_model("r1v-nano"))
    for text in (
        "What is 3 + 4?",
        "<|im_start|>user\né 圈 🙂\n\n\tx  =  1<|im_end|>\n<think>",
        "<img></img>",
    ):
        assert theirs(text)["input_ids"] == nano(text)["input_ids"]
    assert theirs.eos_token == "<|im_end|>" and theirs.pad_token == "<|endoftext|>"
    asked = theirs.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert asked == "<|im_start|>user\nHi<|im_end|>\n"
    generation = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert generation == {"eos_token_id": [1530, 1528], "pad_token_id": 1528}
    with torch.no_grad():
        again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")(gguf_files.ids()).logits
        ours = load(tmp_path / "out")(gguf_files.ids())
    assert torch.allclose(again.float(), ours, atol=2e-4)


@pytest.mark.parametrize(("kinds", "finer"), [
    ({"token_embd.weight": Kind.Q4_0, "output.weight": Kind.Q8_0}, "output.weight"),
    ({"token_embd.weight": Kind.F16, "output.weight": Kind.Q5_1}, "token_embd.weight"),
])  # fmt: skip
def test_one_matrix_rounded_twice_is_taken_at_its_finer(
    kinds: dict[str, Kind], finer: str, tmp_path: Path
) -> None:
    model = gguf_files.hf_model()
    matrix = model.get_input_embeddings().weight.detach().numpy()
    gguf_files.write_text(tmp_path / "model.gguf", model, head=matrix, kinds=kinds)
    report = convert_gguf(tmp_path / "model.gguf", tmp_path / "out", settings=EXACT)
    assert report.finer == finer and report.tied and read_config(tmp_path / "out").language.tied
    taken = parameters_by_name(tmp_path / "out")["model.embed_tokens.weight"]
    assert torch.equal(taken, GgufFile(tmp_path / "model.gguf").rows(finer).float())
    settings = GgufConfig(torch.float32, apart=True)
    assert not convert_gguf(tmp_path / "model.gguf", tmp_path / "apart", settings=settings).tied
    apart = parameters_by_name(tmp_path / "apart")
    assert not torch.equal(apart["lm_head.weight"], apart["model.embed_tokens.weight"])


def test_dtypes(tmp_path: Path) -> None:
    model = gguf_files.hf_model()
    for kind, dtype in ((Kind.F16, torch.float16), (Kind.BF16, torch.bfloat16), (Kind.Q4_0, torch.bfloat16)):
        gguf_files.write_text(tmp_path / f"{kind.name}.gguf", model, kind)
        assert convert_gguf(tmp_path / f"{kind.name}.gguf", tmp_path / kind.name).dtype == dtype
        assert load(tmp_path / kind.name).dtype == dtype


def test_yarn_is_read(tmp_path: Path) -> None:
    def extend(writer: Any) -> None:
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(4.0)
        writer.add_rope_scaling_orig_ctx_len(128)

    gguf_files.write_text(tmp_path / "model.gguf", gguf_files.hf_model(), change=extend)
    convert_gguf(tmp_path / "model.gguf", tmp_path / "out")
    rope = read_config(tmp_path / "out").language.rope
    assert (rope.kind, rope.factor, rope.original_max_positions) == ("yarn", 4.0, 128)


@pytest.mark.parametrize("order", ["ours", "llama.cpp"])
def test_a_tower_comes_with_its_projector(order: str, tmp_path: Path) -> None:
    nano = load(resolve_model("r1v-nano"), torch.float32)
    save(nano, tmp_path / "model", tokenizer_from=resolve_model("r1v-nano"))
    text, tower = export_gguf(tmp_path / "model", tmp_path / "files", "f32")
    if order == "llama.cpp":  # its own conversion leaves the row of CLS in front, and does not say so
        data = tower.read_bytes().replace(b"r1v.vision.cls_position", b"r1v.vision.cls_positioX")
        tower.write_bytes(data)
    convert_gguf(text, tmp_path / "out", tower, GgufConfig(torch.float32))
    back = load(tmp_path / "out")
    assert replace(back.config.vision, layer_scale_init=1.0) == nano.config.vision  # only a start
    assert back.config.max_tiles == 1
    assert back.config.image_token_id == nano.config.image_token_id
    for (name, value), (_, found) in zip(nano.named_parameters(), back.named_parameters(), strict=True):
        if order == "llama.cpp" and name == "vision.position_embedding":
            found = torch.cat((found[:, -1:], found[:, :-1]), 1)
        assert torch.equal(found, value), name


def written(tmp_path: Path, **given: Any) -> Path:
    path = tmp_path / "model.gguf"
    gguf_files.write_text(path, gguf_files.hf_model(), **given)
    return path


@pytest.mark.parametrize(("change", "words"), [
    (lambda w: w.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE), "scales RoPE by longrope"),
    (lambda w: w.add_tensor("blk.0.ffn_gate_inp.weight", np.zeros((4, 4), np.float32)), "ffn_gate_inp"),
    (lambda w: w.add_tensor("blk.9.attn_norm.weight", np.zeros(4, np.float32)), "blk.9.attn_norm"),
])  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(change: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=words):
        convert_gguf(written(tmp_path, change=change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_architecture_and_a_tower_alone_are_refused_by_name(tmp_path: Path) -> None:
    for architecture, words in (("llama", "holds a llama model"), ("clip", "--mmproj")):
        writer = gguf.GGUFWriter(tmp_path / f"{architecture}.gguf", architecture)
        writer.add_tensor("x", np.zeros(4, np.float32))
        gguf_files.finish(writer)
        with pytest.raises(CheckpointError, match=words):
            convert_gguf(tmp_path / f"{architecture}.gguf", tmp_path / "out")


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    model = gguf_files.hf_model()
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight[3, 5] = float("nan")
    gguf_files.write_text(tmp_path / "model.gguf", model)
    with pytest.raises(CheckpointError, match=r"blk\.1\.ffn_down.weight holds values that are not numbers"):
        convert_gguf(tmp_path / "model.gguf", tmp_path / "out")


@pytest.mark.parametrize("seed", range(3))
def test_damaged_files_are_refused_and_never_believed(seed: int, tmp_path: Path) -> None:
    whole = written(tmp_path).read_bytes()
    rng = np.random.default_rng(seed)
    refused = 0
    for number in range(60):
        data = bytearray(whole)
        if number % 2:
            del data[int(rng.integers(0, len(data))) :]
        else:  # in the header, sizes and counts among them
            for place in rng.integers(4, 3000, 8):
                data[int(place)] = int(rng.integers(0, 256))
        path = tmp_path / "damaged.gguf"
        path.write_bytes(data)
        try:
            found = GgufFile(path)
        except CheckpointError:
            refused += 1
            continue
        assert all(each.start + each.row_bytes <= len(data) for each in found.tensors.values())
    assert refused > 30  # every file that was cut short among them


def test_a_count_beyond_the_file_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "huge.gguf"
    key = b"\x01\0\0\0\0\0\0\0k" + (9).to_bytes(4, "little") + (0).to_bytes(4, "little")
    path.write_bytes(b"GGUF" + (3).to_bytes(4, "little") + bytes(8) + (1).to_bytes(8, "little") + key
                     + (2**62).to_bytes(8, "little") + bytes(64))  # fmt: skip
    with pytest.raises(CheckpointError, match="cut short"):
        GgufFile(path)


def without_thinking(writer: gguf.GGUFWriter) -> None:
    """Give the tokens of thinking other names."""
    tokens = writer.kv_data[0]["tokenizer.ggml.tokens"]
    tokens.value = [token.replace("think>", "muse>") for token in tokens.value]


def test_thinking_is_installed_where_a_model_does_not_know_it(run_r1v: Any, tmp_path: Path) -> None:
    """From a file and from a folder, behind a template that stays as it is; weights are the same."""
    gguf_files.write_text(tmp_path / "model.gguf", gguf_files.hf_model(), change=without_thinking)
    assert run_r1v("convert", tmp_path / "model.gguf", tmp_path / "plain")[0] == 0
    assert not Processor.from_folder(tmp_path / "plain").thinks
    for source, name in ((tmp_path / "model.gguf", "one"), (tmp_path / "plain", "two")):
        status, _, err = run_r1v("convert", source, tmp_path / name, "--thinking", "install")
        assert status == 0, err
        processor = Processor.from_folder(tmp_path / name)
        prompt = processor.encode([Message.user("a")])
        assert prompt.opens_thinking
        assert processor.decode(prompt.token_ids, skip_special=False).endswith("assistant\n<think>\n")
        first, second = parameters_by_name(tmp_path / "plain"), parameters_by_name(tmp_path / name)
        assert all(torch.equal(first[key], second[key]) for key in first)
