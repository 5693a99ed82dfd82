"""Putting a checkpoint together from parts."""

import hashlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from r1v.core import CheckpointError, ImageRef, Message
from r1v.models import load, load_language, load_vision
from r1v.models.assemble import AssembleConfig, assemble
from r1v.models.image_tokens import ensure_image_tokens
from r1v.prompt import Processor, TextTokenizer
from r1v.prompt.template import CHATML
from tests.models.oracle import TEXT, VISION, build, randomise

transformers = pytest.importorskip("transformers", reason="transformers is the oracle here")

IMAGE_TOKENS = ("<img>", "</img>", "<IMG_CONTEXT>")


def without_tokens(source: Path, target: Path, left_out: tuple[str, ...] = IMAGE_TOKENS) -> None:
    """Copy a tokenizer, some tokens left out and the others numbered anew."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    values = json.loads((target / "tokenizer.json").read_text())
    first = min(each["id"] for each in values["added_tokens"])
    kept = [each for each in values["added_tokens"] if each["content"] not in left_out]
    values["added_tokens"] = [{**each, "id": first + i} for i, each in enumerate(kept)]
    (target / "tokenizer.json").write_text(json.dumps(values))
    settings = json.loads((target / "tokenizer_config.json").read_text())
    settings["added_tokens_decoder"] = {
        str(each["id"]): {name: value for name, value in each.items() if name != "id"}
        for each in values["added_tokens"]
    }
    (target / "tokenizer_config.json").write_text(json.dumps(settings))


@pytest.fixture
def parts(tmp_path: Path, tiny_tokenizer_folder: Path) -> tuple[Path, Path]:
    """Folders of a bare tower and of a bare language model in bfloat16 whose tokenizer knows no images."""
    vision = transformers.InternVLVisionModel(transformers.InternVLVisionConfig(**VISION, use_qk_norm=True))
    randomise(vision)
    vision.save_pretrained(tmp_path / "vision")
    language = transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**{**TEXT, "vocab_size": 384}))
    randomise(language)
    language.bfloat16().save_pretrained(tmp_path / "language")
    without_tokens(tiny_tokenizer_folder, tmp_path / "language")
    return tmp_path / "vision", tmp_path / "language"


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    theirs = dict(b.named_parameters())
    return all(torch.equal(value, theirs[name].to(value.dtype)) for name, value in a.named_parameters())


@pytest.mark.parametrize("layout", ["native", "release"])
def test_parts_become_a_whole(parts: Any, tmp_path: Path, layout: Any) -> None:
    vision, language = parts
    record = assemble(vision, language, tmp_path / "out", config=AssembleConfig(layout=layout, seed=7))
    model = load(tmp_path / "out")
    assert model.dtype == torch.bfloat16
    assert same(model.vision, load_vision(vision)) and same(model.language, load_language(language))
    assert model.projector.fc1.weight.std().item() == pytest.approx(0.02, rel=0.1)

    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    ids = record["image_tokens"]["ids"]
    assert tokenizer.encode("a<img><IMG_CONTEXT></img>", add_special_tokens=False).ids[1:] == [
        ids["<img>"], ids["<IMG_CONTEXT>"], ids["</img>"]]  # fmt: skip
    assert sorted(record["image_tokens"]["added"]) == sorted(IMAGE_TOKENS)
    assert model.config.image_token_id == ids["<IMG_CONTEXT>"] < model.config.language.vocab_size == 384

    written = json.loads((tmp_path / "out" / "assembly.json").read_text())
    assert written == record
    for part, folder in (("vision", vision), ("language", language)):
        found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        assert written[part]["sha256"]["model.safetensors"] == found
    assert written["result"]["model.safetensors"] == hashlib.sha256(
        (tmp_path / "out" / "model.safetensors").read_bytes()).hexdigest()  # fmt: skip
    assert written["projector"] == {"initialised": "at random, seed 7"}


@pytest.mark.parametrize("names", ["release", "native", "short", "folder"])
def test_a_projector_is_taken_over(parts: Any, tmp_path: Path, names: str) -> None:
    whole = build()
    whole.save_pretrained(tmp_path / "whole")
    source: Path = tmp_path / "whole"
    if names != "folder":
        source = tmp_path / "projector.safetensors"
        module = {
            "release": {"layer_norm": "mlp1.0", "linear_1": "mlp1.1", "linear_2": "mlp1.3"},
            "native": {
                name: f"multi_modal_projector.{name}" for name in ("layer_norm", "linear_1", "linear_2")
            },
            "short": {"layer_norm": "0", "linear_1": "1", "linear_2": "3"},
        }[names]
        state = whole.model.multi_modal_projector.state_dict()
        save_file({f"{module[n.split('.')[0]]}.{n.split('.')[1]}": v for n, v in state.items()}, source)
    config = AssembleConfig(dtype=torch.float32)
    record = assemble(*parts, tmp_path / "out", source, config)
    model = load(tmp_path / "out")
    assert same(model.projector, load(tmp_path / "whole").projector) and model.dtype == torch.float32
    assert record["projector"]["path"] == str(source)


def test_parts_of_whole_checkpoints(parts: Any, tmp_path: Path) -> None:
    assemble(*parts, tmp_path / "first")
    other = build(vision_feature_layer=-2)
    other.save_pretrained(tmp_path / "other")
    assemble(tmp_path / "other", tmp_path / "first", tmp_path / "second", tmp_path / "other")
    model, other_model = load(tmp_path / "second"), load(tmp_path / "other")
    assert same(model.language, load(tmp_path / "first").language)
    assert same(model.vision, other_model.vision.bfloat16()) and model.config.select_layer == -2


def test_the_vocabulary_grows_where_it_has_no_row_to_spare(parts: Any, tmp_path: Path) -> None:
    vision, language = parts
    ids = ensure_image_tokens(shutil.copytree(language, tmp_path / "copy"))
    small = ids.size - 1
    config = transformers.Qwen2Config(**{**TEXT, "vocab_size": small, "tie_word_embeddings": True})
    tight = transformers.Qwen2ForCausalLM(config)
    randomise(tight)
    tight.save_pretrained(language)
    assemble(vision, language, tmp_path / "out")
    model = load(tmp_path / "out")
    weight = model.language.embedding.weight
    assert weight.shape[0] % 64 == 0 and weight.shape[0] > small and model.language.head is None
    assert torch.equal(weight[:small], tight.get_input_embeddings().weight)
    torch.testing.assert_close(weight[small], weight[:small].mean(0))


def test_a_given_template_replaces_that_of_the_language_model(parts: Any, tmp_path: Path) -> None:
    vision, language = parts
    settings = json.loads((language / "tokenizer_config.json").read_text())
    (language / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": "old"}))
    (language / "chat_template.jinja").unlink()
    record = assemble(vision, language, tmp_path / "kept")
    assert record["chat_template"]["sha256"] == hashlib.sha256(b"old").hexdigest()
    assemble(vision, language, tmp_path / "new", config=AssembleConfig(chat_template="new"))
    assert (tmp_path / "new" / "chat_template.jinja").read_text() == "new"
    assert "chat_template" not in json.loads((tmp_path / "new" / "tokenizer_config.json").read_text())
    (language / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match="has no chat template"):
        assemble(vision, language, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_template_that_does_not_think(parts: Any, tiny_tokenizer_folder: Path, tmp_path: Path) -> None:
    """It is kept, refused, or opens thinking behind what it writes; the prompt room closes it where asked."""
    vision, language = parts
    without_tokens(tiny_tokenizer_folder, language, (*IMAGE_TOKENS, "<think>", "</think>"))
    (language / "chat_template.jinja").write_text(CHATML + "\n")
    with pytest.raises(CheckpointError, match=r"knows <think>.*--thinking install"):
        assemble(vision, language, tmp_path / "out", config=AssembleConfig(thinking="require"))
    record = assemble(vision, language, tmp_path / "kept")
    assert record["chat_template"]["thinks"] is False and not Processor.from_folder(tmp_path / "kept").thinks
    record = assemble(vision, language, tmp_path / "out", config=AssembleConfig(thinking="install"))
    processor = Processor.from_folder(tmp_path / "out")
    assert record["chat_template"]["thinks"] is True and processor.thinks
    messages = [Message.user("a"), Message("assistant", ("b",), reasoning="c"), Message.user("d")]
    said = (("user", "a"), ("assistant", "b"), ("user", "d"))
    turns = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in said)
    for thinking, tail in ((True, "<think>\n"), (False, "<think>\n\n</think>\n\n")):
        prompt = processor.encode(messages, thinking=thinking)
        text = processor.decode(prompt.token_ids, skip_special=False)
        assert text == f"{turns}<|im_start|>assistant\n{tail}" and prompt.opens_thinking is thinking


def test_a_template_that_thinks_about_pictures_alone(
    parts: Any, tiny_tokenizer_folder: Path, picture: Path, tmp_path: Path
) -> None:
    """Prompts without a picture are the language model's own, with and without thinking."""
    vision, language = parts
    without_tokens(tiny_tokenizer_folder, language, (*IMAGE_TOKENS, "<think>", "</think>"))
    (language / "chat_template.jinja").write_text(CHATML + "\n")
    assemble(vision, language, tmp_path / "out", config=AssembleConfig(thinking="pictures"))
    processor = Processor.from_folder(tmp_path / "out")
    assert processor.thinks
    own = "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
    for thinking, tail in ((True, "<think>\n"), (False, "<think>\n\n</think>\n\n")):
        prompt = processor.encode([Message.user("a")], thinking=thinking)
        assert processor.decode(prompt.token_ids, skip_special=False) == own and not prompt.opens_thinking
        prompt = processor.encode([Message.user("a", [ImageRef(picture)])], thinking=thinking)
        assert processor.decode(prompt.token_ids, skip_special=False).endswith("assistant\n" + tail)
        assert prompt.opens_thinking is thinking


def test_parts_that_do_not_fit(parts: Any, tmp_path: Path) -> None:
    vision, language = parts
    with pytest.raises(CheckpointError, match="is a vision tower; --llm needs"):
        assemble(vision, vision, tmp_path / "out")
    with pytest.raises(CheckpointError, match="is a language model; --vision needs"):
        assemble(language, language, tmp_path / "out")
    build(text={"hidden_size": 24, "num_attention_heads": 3, "num_key_value_heads": 1}).save_pretrained(
        tmp_path / "narrow")  # fmt: skip
    words = r"tower \(width 32\) and this language model \(width 48\): .*fc1.weight is \(24, 128\)"
    with pytest.raises(CheckpointError, match=words):
        assemble(vision, language, tmp_path / "out", tmp_path / "narrow")
    build().save_pretrained(tmp_path / "whole")
    state = load_file(tmp_path / "whole" / "model.safetensors")
    state = {
        name: value for name, value in state.items() if "projector" in name and "linear_2.bias" not in name
    }
    save_file(state, tmp_path / "part.safetensors")
    with pytest.raises(CheckpointError, match=r"has no usable fc2\.bias of a projector"):
        assemble(vision, language, tmp_path / "out", tmp_path / "part.safetensors")
    with pytest.raises(CheckpointError, match="does not exist; --projector needs"):
        assemble(vision, language, tmp_path / "out", tmp_path / "nowhere")
    (vision / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cut short"):
        assemble(vision, language, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_ids_that_the_tokenizers_library_would_not_keep(parts: Any) -> None:
    # it numbers added tokens on its own, so that a gap moves all that follow
    path = parts[1] / "tokenizer.json"
    values = json.loads(path.read_text())
    settings = json.loads((parts[1] / "tokenizer_config.json").read_text())
    gone = values["added_tokens"].pop(0)
    del settings["added_tokens_decoder"][str(gone["id"])]
    path.write_text(json.dumps(values))
    (parts[1] / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match="gap in the ids"):
        ensure_image_tokens(parts[1])


def test_a_tokenizer_in_several_files(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0, "b": 1}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<|im_end|>": 4}))
    found = ensure_image_tokens(tmp_path)
    assert found.ids == {"<img>": 5, "</img>": 6, "<IMG_CONTEXT>": 7} and found.size == 8
    assert json.loads((tmp_path / "added_tokens.json").read_text())["<IMG_CONTEXT>"] == 7
    again = ensure_image_tokens(tmp_path)
    assert again.ids == found.ids and again.added == ()
    settings = {"added_tokens_decoder": {"9": {"content": "<img>"}}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match="<img> has id 9 and 5 in different files"):
        ensure_image_tokens(tmp_path)
    (tmp_path / "vocab.json").unlink()
    with pytest.raises(CheckpointError, match="no byte-level BPE tokenizer"):
        ensure_image_tokens(tmp_path)


@pytest.mark.parametrize("decoder", ["whole", "empty", "missing"])
def test_transformers_reads_the_tokenizer_as_we_do(parts: Any, tmp_path: Path, decoder: str) -> None:
    """The ids of every added token, and of a thousand texts with and without them."""
    vision, language = parts
    settings = json.loads((language / "tokenizer_config.json").read_text())
    if decoder == "empty":
        settings["added_tokens_decoder"] = {}
    elif decoder == "missing":
        settings.pop("added_tokens_decoder")
    (language / "tokenizer_config.json").write_text(json.dumps(settings))
    assemble(vision, language, tmp_path / "whole")
    ours = TextTokenizer.from_folder(tmp_path / "whole")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "whole")
    assert {"<img>", "</img>", "<IMG_CONTEXT>"} <= set(ours.added)
    for content, token in ours.added.items():
        assert theirs.encode(content, add_special_tokens=False) == [token.id], content
    rng = random.Random(0)
    words = [*ours.added, "a", "the angle", " ", "\n", "45", "\\boxed{", "角", "é", "<", "|>", "think"]
    for _ in range(1000):
        text = "".join(rng.choices(words, k=rng.randint(1, 12)))
        assert theirs.encode(text, add_special_tokens=False) == ours.encode_trusted(text), text
