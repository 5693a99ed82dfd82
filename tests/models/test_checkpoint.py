"""Reading and writing checkpoints: layouts, round trips, and everything that can be wrong with a folder."""

import ast
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from r1v.core import CheckpointError, ConfigError
from r1v.models import (
    R1V,
    convert,
    load,
    load_language,
    load_vision,
    read_config,
    resolve_model,
    save,
)
from r1v.models.config_json import keys
from r1v.models.config_json.read import KINDS
from r1v.models.summary import summarise
from r1v.models.tensor_files import INDEX_NAME
from tests.models.oracle import build, prompt

RELEASE_VISION = {
    "embeddings.cls_token": "embeddings.class_embedding",
    "embeddings.position_embeddings": "embeddings.position_embedding",
    "embeddings.patch_embeddings.projection": "embeddings.patch_embedding",
    "encoder.layer.": "encoder.layers.",
    "attention.projection_layer": "attn.proj",
    "attention.q_norm": "attn.q_norm",
    "attention.k_norm": "attn.k_norm",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "lambda_1": "ls1",
    "lambda_2": "ls2",
}


def release_tensors(theirs: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A transformers model's weights in the release's names, by hand and not by the tables under test."""
    state = {name.removeprefix("model."): value for name, value in theirs.state_dict().items()}
    out: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if name.startswith("language_model."):
            out[name.replace("language_model.", "language_model.model.", 1)] = value
        elif name == "lm_head.weight":
            out["language_model.lm_head.weight"] = value
        elif name.startswith("multi_modal_projector."):
            module, leaf = name.removeprefix("multi_modal_projector.").split(".")
            out[
                f"mlp1.{ {'layer_norm': 0, 'linear_1': 1, 'linear_2': 3}[module] }.{leaf}".replace(" ", "")
            ] = value
        elif ".attention.q_proj." in name:
            fused = torch.cat(
                [state[name.replace("q_proj", each)] for each in ("q_proj", "k_proj", "v_proj")]
            )
            name = name.replace("vision_tower", "vision_model").replace("encoder.layer.", "encoder.layers.")
            out[name.replace("attention.q_proj", "attn.qkv")] = fused
        elif ".attention.k_proj." not in name and ".attention.v_proj." not in name:
            name = name.replace("vision_tower", "vision_model")
            for old, new in RELEASE_VISION.items():
                name = name.replace(old, new)
            out[name] = value
    return {name: value.clone() for name, value in out.items()}


def write_release(folder: Path, theirs: Any, **changes: Any) -> Path:
    """A folder in the release layout, config.json written by hand."""
    text, vision = theirs.config.text_config, theirs.config.vision_config
    llm = {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": text.vocab_size,
        "hidden_size": text.hidden_size, "num_hidden_layers": text.num_hidden_layers,
        "num_attention_heads": text.num_attention_heads, "num_key_value_heads": text.num_key_value_heads,
        "intermediate_size": text.intermediate_size, "rms_norm_eps": text.rms_norm_eps, "rope_theta": 10000.0,
        "max_position_embeddings": 512, "tie_word_embeddings": False, "use_sliding_window": False,
        "sliding_window": None, "max_window_layers": 70, "torch_dtype": "bfloat16", "hidden_act": "silu",
        "_attn_implementation_autoset": True, "attn_implementation": "flash_attention_2", "top_k": 50,
        "id2label": {"0": "LABEL_0"}, 
        "rope_scaling": {"factor": 2.0, "rope_type": "dynamic", "type": "dynamic"},
    }  # fmt: skip
    vit = {
        "architectures": ["InternVisionModel"], "model_type": "intern_vit_6b",
        "hidden_size": vision.hidden_size, "num_hidden_layers": vision.num_hidden_layers,
        "num_attention_heads": vision.num_attention_heads,
        "intermediate_size": vision.intermediate_size, "image_size": 56, "patch_size": 14, "qkv_bias": False,
        "qk_normalization": False, "norm_type": "layer_norm", "layer_norm_eps": 1e-6, "hidden_act": "gelu",
        "initializer_factor": 0.1, "drop_path_rate": 0.1, "num_experts": 8, "use_moe": False,
        "num_channels": 3, "use_flash_attn": True, "noisy_gate_policy": "RSample_before",
    }  # fmt: skip
    config = {
        "architectures": ["SkyworkR1VChatModel"], "model_type": "skywork_chat", "downsample_ratio": 0.5,
        "dynamic_image_size": True, "force_image_size": 448, "freeze_vision": False, "hidden_size": 48,
        "auto_map": {"AutoModel": "modeling.X"}, "llm_config": llm, "vision_config": vit, "ps_version": "v2",
        "max_dynamic_patch": 6, "min_dynamic_patch": 1, "select_layer": -1, "template": "internvl2_5",
        "use_backbone_lora": 0, "use_llm_lora": 0, "use_thumbnail": True, "system_message": None,
        "torch_dtype": "bfloat16", "transformers_version": None, **changes,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "added_tokens.json").write_text(json.dumps({"</img>": 6, "<IMG_CONTEXT>": 5, "<img>": 4}))
    save_file(release_tensors(theirs), folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("release") / "r1v", build())


def copied(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target


def edit_config(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    values = json.loads((folder / "config.json").read_text())
    change(values)
    (folder / "config.json").write_text(json.dumps(values))
    return folder


def edit_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> Path:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    out: dict[str, torch.Tensor] = {}
    for path in folder.glob("*.safetensors"):
        out |= load_file(path)
    return out


def assert_same_bits(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]), name


# ---------------------------------------------------------------------------------------------------- layouts


@torch.no_grad()
def test_release_layout_gives_the_logits_of_the_same_weights(release_folder: Path) -> None:
    ours = load(release_folder)
    ids, pixel_values = prompt()
    expected = build()(input_ids=ids, pixel_values=pixel_values).logits
    torch.testing.assert_close(ours(ids, pixel_values), expected, atol=1e-4, rtol=0)
    config = ours.config
    assert (config.max_tiles, config.template, config.image_token_id) == (6, "internvl2_5", 5)
    assert config.language.rope.kind == "dynamic" and config.language.context_length == 512


@pytest.mark.parametrize("max_shard_bytes", [10**9, 30_000])
def test_round_trip_is_bit_exact(release_folder: Path, tmp_path: Path, max_shard_bytes: int) -> None:
    source = edit_tensors(
        copied(release_folder, tmp_path / "source"),
        lambda tensors: tensors.update(
            {name: value.bfloat16() for name, value in tensors.items() if "norm" not in name}
        ),
    )
    convert(source, tmp_path / "native", "native", max_shard_bytes=max_shard_bytes)
    convert(tmp_path / "native", tmp_path / "back", "release", max_shard_bytes=max_shard_bytes)
    assert_same_bits(tensors_of(source), tensors_of(tmp_path / "back"))
    assert read_config(tmp_path / "back") == read_config(source)
    assert (tmp_path / "back" / "added_tokens.json").read_text() == (source / "added_tokens.json").read_text()
    shards = sorted((tmp_path / "back").glob("*.safetensors"))
    assert (len(shards) > 1) == (max_shard_bytes < 10**9) == (tmp_path / "back" / INDEX_NAME).exists()
    largest = max(value.numel() * value.element_size() for value in tensors_of(source).values())
    assert all(shard.stat().st_size < max(max_shard_bytes, largest) + 20_000 for shard in shards)


def test_save_and_load_keep_every_bit(native_folder: Path, tmp_path: Path) -> None:
    model = load(native_folder, torch.bfloat16)
    for layout in ("native", "release"):
        save(model, tmp_path / layout, layout, max_shard_bytes=30_000)  # type: ignore[arg-type]
        again = load(tmp_path / layout)
        assert again.dtype == torch.bfloat16 and not again.training and again.config == model.config
        assert_same_bits(dict(model.state_dict()), dict(again.state_dict()))
        index = json.loads((tmp_path / layout / INDEX_NAME).read_text())
        sizes = [v.numel() * v.element_size() for v in tensors_of(tmp_path / layout).values()]
        assert index["metadata"]["total_size"] == sum(sizes)
        assert index["weight_map"].keys() == tensors_of(tmp_path / layout).keys()


def test_dtypes_on_loading(native_folder: Path, tmp_path: Path) -> None:
    assert load(native_folder).dtype == torch.float32
    assert load(native_folder, torch.float16).dtype == torch.float16
    mixed = edit_tensors(
        copied(native_folder, tmp_path / "mixed"),
        lambda t: t.update({name: value.bfloat16() for name, value in t.items() if "norm" not in name}),
    )
    assert {parameter.dtype for parameter in load(mixed).parameters()} == {torch.bfloat16}


def test_both_spellings_of_native_names(native_folder: Path, tmp_path: Path) -> None:
    # transformers writes language_model.model.*, vision_tower.*; this project writes model.*
    written = set(load_file(native_folder / "model.safetensors"))
    assert any(name.startswith("vision_tower.") for name in written)
    convert(native_folder, tmp_path / "ours", "native")
    names = set(tensors_of(tmp_path / "ours"))
    assert all(name.startswith(("model.", "lm_head.")) for name in names)
    assert_same_bits(dict(load(native_folder).state_dict()), dict(load(tmp_path / "ours").state_dict()))
    both = edit_tensors(
        copied(native_folder, tmp_path / "both"),
        lambda t: t.update(
            {"model." + name: value.clone() for name, value in t.items() if "cls_token" in name}
        ),
    )
    with pytest.raises(CheckpointError, match="two spellings"):
        load(both)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"ps_version": "v1"}, "ps_version v1"), ({"eps": 1e-5}, "eps of the q and k norms")],
)  # fmt: skip
def test_native_refuses_what_it_cannot_express(change: dict, words: str, tmp_path: Path) -> None:
    theirs = build(vision={"use_qk_norm": True})
    folder = write_release(tmp_path / "release", theirs, **{k: v for k, v in change.items() if k != "eps"})
    edit_config(folder, lambda values: values["vision_config"].update(
        qk_normalization=True, layer_norm_eps=change.get("eps", 1e-6)))  # fmt: skip
    model = load(folder)
    for action in (
        lambda: save(model, tmp_path / "out", "native"),
        lambda: convert(folder, tmp_path / "out", "native"),
    ):
        with pytest.raises(ConfigError, match=words):
            action()
    assert [path.name for path in tmp_path.iterdir()] == ["release"]
    convert(folder, tmp_path / "out", "release")
    assert_same_bits(tensors_of(folder), tensors_of(tmp_path / "out"))


def test_tied_output_matrix(tmp_path: Path) -> None:
    tied = build(tie_word_embeddings=True, text={"tie_word_embeddings": True})
    folder = write_release(tmp_path / "tied", tied)
    edit_config(folder, lambda values: values["llm_config"].update(tie_word_embeddings=True))
    assert load(folder).language.head is None  # the file holds an equal copy
    convert(folder, tmp_path / "native", "native")
    assert "lm_head.weight" not in tensors_of(tmp_path / "native")
    edit_tensors(folder, lambda t: t["language_model.lm_head.weight"].add_(1))
    for read in (load, lambda path: convert(path, tmp_path / "x", "native")):
        with pytest.raises(
            CheckpointError, match=r"language_model\.lm_head\.weight differs from the embedding"
        ):
            read(folder)
    # where config.json does not tell, the files do
    edit_config(folder, lambda values: values["llm_config"].pop("tie_word_embeddings"))
    assert load(folder).language.head is not None
    edit_tensors(folder, lambda t: t.pop("language_model.lm_head.weight"))
    assert load(folder).language.head is None


# --------------------------------------------------------------------------------------------- broken folders

NORM = "language_model.model.layers.0.input_layernorm.weight"


def shorten(folder: Path, keep: Callable[[int], int]) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: keep(path.stat().st_size)])


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda f: edit_tensors(f, lambda t: t.pop(NORM)), f"missing tensors: {NORM}"),
    "many missing": (
        lambda f: edit_tensors(f, lambda t: [t.pop(n) for n in list(t) if "vision_model" in n]), 
        "and [0-9]+ more"),
    "left over": (lambda f: edit_tensors(f, lambda t: t.update(extra=torch.ones(1))),
                  "without a place in the model: extra"),
    "wrong shape": (lambda f: edit_tensors(f, lambda t: t.update({NORM: torch.ones(7)})),
                    rf"{NORM} is \(7,\), the model has \(48,\)"),
    "integers": (lambda f: edit_tensors(f, lambda t: t.update({NORM: torch.ones(48, dtype=torch.int32)})),
                 f"{NORM} is torch.int32, not floating point"),
    "cut data": (lambda f: shorten(f, lambda size: size - 1), "cut short"),
    "cut header": (lambda f: shorten(f, lambda size: 100), "cut short"),
    "cut length": (lambda f: shorten(f, lambda size: 3), "cut short"),
    "empty": (lambda f: shorten(f, lambda size: 0), "cut short"),
    "bytes after": (lambda f: (f / "model.safetensors").open("ab").write(b"x"), "1 bytes after its data"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no safetensors files"),
    "pickle": (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), 
               "pickled weights are not opened"),
    "no config": (lambda f: (f / "config.json").unlink(), "has no config.json"),
    "config no JSON": (lambda f: (f / "config.json").write_text("{"), "not valid JSON"),
    "config a list": (lambda f: (f / "config.json").write_text("[]"), "not an object"),
    "two files": (lambda f: (f / "model.safetensors").rename(f / "a.safetensors") and
                  shutil.copy(f / "a.safetensors", f / "b.safetensors"), "2 safetensors files, but no"),
    "quantised": (lambda f: edit_config(f, lambda v: v.update(quantization_config={"quant_method": "awq"})),
                  r"quantised \(awq\)"),
    "llm quantised": (lambda f: edit_config(f, lambda v: v["llm_config"].update(
        quantization_config={"bits": 4})),                      "quantised"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_folders_say_what_is_wrong(name: str, release_folder: Path, tmp_path: Path) -> None:
    folder = copied(release_folder, tmp_path / "broken")
    breaking, words = BROKEN[name]
    breaking(folder)
    for read in (load, lambda path: convert(path, tmp_path / "out", "native")):
        with pytest.raises(CheckpointError, match=words) as caught:
            read(folder)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 1200
    assert not (tmp_path / "out").exists()


SHARDS: dict[str, tuple[Callable[[Path, dict[str, Any]], Any], str]] = {
    "shard missing": (lambda f, i: (f / sorted(set(i["weight_map"].values()))[1]).unlink(),
                      "lacks model-00002-of-.*which its index names"),
    "tensor in another shard": (lambda f, i: i["weight_map"].update(
        {NORM: next(v for v in i["weight_map"].values() if v != i["weight_map"][NORM])}), NORM),
    "not in the index": (lambda f, i: i["weight_map"].pop(NORM), f"missing tensors: {NORM}"),
    "not in the shards": (lambda f, i: i["weight_map"].update(ghost=i["weight_map"][NORM]), "ghost"),
    "no weight_map": (lambda f, i: i.pop("weight_map"), "no readable weight_map"),
    "empty weight_map": (lambda f, i: i.update(weight_map={}), "empty"),
    "another folder": (lambda f, i: i["weight_map"].update({NORM: "../../x.safetensors"}),
                       "no name of a shard"),
    "no file name": (lambda f, i: i["weight_map"].update({NORM: 3}), "in 3, which is no name"),
    "null for a file": (lambda f, i: i["weight_map"].update({NORM: None}), "in null, which is no name"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARDS)
def test_broken_shards_say_what_is_wrong(name: str, release_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sharded"
    convert(release_folder, folder, "release", max_shard_bytes=30_000)
    index = json.loads((folder / INDEX_NAME).read_text())
    breaking, words = SHARDS[name]
    breaking(folder, index)
    (folder / INDEX_NAME).write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=words):
        load(folder)


NOTES = {
    "wandb_run_id": "a1", "license": "mit", "authors": ["A", "B"], "training_args": {"lr": 1e-5, "layers": 3},
    "num_train_epochs": 3, "best_loss": 0.31, "freeze_layers": True, "grpo_kl": 0.1, "peft_version": "1.0",
    "base_model": "a/b", "company": "C", "dataset_mixture": {"x": 0.5}, "my_note": {"trained_on": [1, 2]},
    "origin": {"author": "x", "url": "y"}, "languages": ["en", "zh"],
}  # fmt: skip


def test_keys_that_cannot_change_a_model_are_listed_and_not_refused(
    release_folder: Path, native_folder: Path, tmp_path: Path
) -> None:
    for number, folder in enumerate((release_folder, native_folder)):
        plain = load(folder).state_dict()
        language = "llm_config" if number == 0 else "text_config"

        def note(values: dict[str, Any], language: str = language) -> None:
            for section in (values, values[language], values["vision_config"]):
                section.update(NOTES)

        edited = edit_config(copied(folder, tmp_path / str(number)), note)
        listed = summarise(edited)
        wanted = {f"{section}{key}" for section in ("", f"{language}.", "vision_config.") for key in NOTES}
        assert listed.problem is None and wanted == set(listed.unused) - set(summarise(folder).unused)
        noted = load(edited).state_dict()
        assert all(torch.equal(noted[name], tensor) for name, tensor in plain.items())


@pytest.mark.parametrize(
    "key", ["softcap", "num_experts_per_tok2", "attentionSink", "rope_shift", "use_diff", "extra_head",
            "d_model", "alt_norm", "mixture", "n", "second_tower", "image_gain"],
)  # fmt: skip
def test_keys_that_may_change_a_model_are_refused_by_name(
    key: str, release_folder: Path, tmp_path: Path
) -> None:
    value = {"a": 1} if key in ("second_tower", "mixture") else 2
    folder = edit_config(
        copied(release_folder, tmp_path / "odd"), lambda v: v["llm_config"].update({key: value})
    )
    with pytest.raises(ConfigError, match=key):
        load(folder)


def test_what_several_configurations_of_transformers_share_may_change_a_model() -> None:
    import transformers

    seen: Counter[str] = Counter()
    for path in (Path(transformers.__file__).parent / "models").glob("*/configuration_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Config"):
                seen.update(
                    each.target.id
                    for each in node.body
                    if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
                )
    common = {key for key, times in seen.items() if times >= 4} - keys.KNOWN
    of_training = re.compile(r"loss|cost|train|freeze")
    assert len(common) > 200
    assert not sorted(k for k in common if not keys.may_matter(k) and not of_training.search(k))


def test_parts_are_not_taken_for_whole_models(native_folder: Path, tmp_path: Path) -> None:
    theirs = build()
    theirs.model.vision_tower.save_pretrained(tmp_path / "vision")
    with pytest.raises(CheckpointError, match="r1v assemble"):
        load(tmp_path / "vision")
    with pytest.raises(CheckpointError, match="not a bare language model"):
        load_language(tmp_path / "vision")
    with pytest.raises(CheckpointError, match="not a bare vision tower"):
        load_vision(native_folder)
    assert set(KINDS) == {"skywork_chat", "internvl_chat", "internvl", "intern_vit_6b", "internvl_vision",
                          "qwen2", "qwen3"}  # fmt: skip


# ---------------------------------------------------------------------------------------------------- writing


def test_a_folder_in_use_is_not_overwritten(native_folder: Path, tmp_path: Path) -> None:
    model = load(native_folder)
    (tmp_path / "out").mkdir()
    save(model, tmp_path / "out")  # an empty folder is fine
    with pytest.raises(CheckpointError, match="exists already; choose another folder"):
        save(model, tmp_path / "out")
    save(model, tmp_path / "out", overwrite=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match="exists already"):
        save(model, tmp_path / "file")
    with pytest.raises(CheckpointError, match="layout 'gguf' is not known"):
        save(model, tmp_path / "other", "gguf")  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out"]


def test_a_failed_write_leaves_nothing(native_folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("r1v.models.tensor_files.save_file", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        save(load(native_folder), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_writing_while_training(native_folder: Path, tmp_path: Path) -> None:
    model = load(native_folder).train()
    assert isinstance(model, R1V) and all(parameter.requires_grad for parameter in model.parameters())
    save(model, tmp_path / "half", dtype=torch.bfloat16)
    assert model.training and model.dtype == torch.float32 and load(tmp_path / "half").dtype == torch.bfloat16


def test_the_tokens_of_an_image_are_the_models_own(tmp_path: Path) -> None:
    nano = resolve_model("r1v-nano")
    config = read_config(nano)
    smaller = replace(config, vision=replace(config.vision, image_size=224))
    save(R1V(smaller), tmp_path / "model", "native", tokenizer_from=nano)
    written = json.loads((tmp_path / "model" / "processor_config.json").read_text())
    assert written["image_seq_length"] == smaller.tokens_per_tile == 49
    assert json.loads((nano / "processor_config.json").read_text())["image_seq_length"] == 196
