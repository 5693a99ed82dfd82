"""An AWQ checkpoint of ours in transformers and in vLLM: the same ids, the same log probabilities.

R1V_GPTQMODEL_PYTHON and R1V_VLLM_PYTHON name interpreters (docs/guides/quantise.md says how to make them).
"""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from r1v.models import R1V, LanguageConfig, R1VConfig, VisionConfig, load, read_config, save
from r1v.models.config import Layout
from r1v.models.hub import resolve_model
from r1v.ops import RopeConfig
from r1v.prompt import Processor, normalise
from r1v.quant import QuantConfig, quantise_checkpoint
from r1v.quant.calibration import figure_chats, figure_questions
from r1v.quant.chat import Chat

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
PEERS = {"transformers": "R1V_GPTQMODEL_PYTHON", "vllm": "R1V_VLLM_PYTHON"}
MARKERS: dict[Layout, str] = {"native": "<IMG_CONTEXT>", "release": "<image>"}


def random_1b(folder: Path) -> Path:
    """A random checkpoint of InternVL3-1B's geometry with R1V-Nano's tokenizer."""
    nano = read_config(resolve_model("r1v-nano"))
    language = LanguageConfig(
        151674, 896, 24, 14, 2, 64, 4864, max_position_embeddings=8192, tied=True, rope=RopeConfig(theta=1e6),
        eos_token_id=nano.language.eos_token_id, pad_token_id=nano.language.pad_token_id,
    )  # fmt: skip
    config = R1VConfig(
        VisionConfig(1024, 24, 16, 4096), language, image_token_id=nano.image_token_id, max_tiles=1
    )
    model = R1V(config).to(torch.bfloat16)
    model.initialise(0)
    save(model, folder, "native", tokenizer_from=resolve_model("r1v-nano"))
    return folder


@pytest.fixture(scope="module", params=["nano-native", "nano-release", "1b-native"])
def quantised(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Layout]:
    """A 4-bit folder and its layout."""
    name, _, layout = request.param.partition("-")
    folder = tmp_path_factory.mktemp(request.param)
    source = resolve_model("r1v-nano") if name == "nano" else random_1b(folder / "source")
    settings = QuantConfig(
        calibration="solutions", num_chats=2, max_tokens=80, search_tokens=128, num_ratios=3
    )
    quantise_checkpoint(source, folder / "awq", replace(settings, layout=layout))
    return folder / "awq", layout


def ours(folder: Path, chat: Chat) -> torch.Tensor:
    """Log probabilities of all ids but the first, by r1v in float32 on the codes' values."""
    model = load(folder, torch.float32, widen=True)
    ids = torch.tensor([chat.token_ids])
    with torch.no_grad():
        logits = model(ids, normalise(chat.tiles))[0]
    return logits[:-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]


def name_a_video_token(folder: Path) -> None:
    """vLLM's class for the native layout asks for one; R1V-Nano has none, so any id stands for it."""
    path = folder / "tokenizer_config.json"
    values = json.loads(path.read_text())
    values["video_token"] = "<|endoftext|>"
    path.write_text(json.dumps(values))


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_computes_the_same(peer: str, quantised: tuple[Path, Layout], tmp_path: Path) -> None:
    folder, layout = quantised
    python = os.environ.get(PEERS[peer])
    if not python:
        pytest.skip(f"{PEERS[peer]} names no interpreter")
    if (peer, layout) == ("transformers", "release"):
        pytest.skip("transformers knows the release layout only through a checkpoint's own code")
    if (peer, layout) == ("vllm", "native"):
        name_a_video_token(folder)
    chat = figure_chats(folder, "solutions", 1, split="heldout", max_tokens=80, families=["circuit"])[0]
    figure = figure_questions("heldout", 1, ["circuit"])[0]
    figure.images[0].convert("RGB").save(tmp_path / "figure.png")
    torch.save(normalise(chat.tiles), tmp_path / "pixels.pt")
    text = Processor.from_folder(folder).tokenizer.decode(chat.token_ids, skip_special=False)
    asked = {
        "folder": str(folder), "ids": list(chat.token_ids), "picture": str(tmp_path / "figure.png"),
        "pixels": str(tmp_path / "pixels.pt"),
        "text": re.sub("<img>(<IMG_CONTEXT>)+</img>", MARKERS[layout], text),
    }  # fmt: skip
    (tmp_path / "request.json").write_text(json.dumps(asked))
    program = Path(__file__).with_name("awq_peer.py")
    found = subprocess.run(
        [python, program, peer, tmp_path / "request.json", tmp_path / "result.json"],
        capture_output=True, text=True, check=False, env=os.environ | {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr[-3000:]
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["ids"] == list(chat.token_ids) and "awq" in result["read_as"].lower()
    written = slice(chat.num_prompt - 1, None)
    difference = (torch.tensor(result["logprobs"]) - ours(folder, chat))[written].abs()
    print(
        f"{folder.parent.name} {peer}, read as {result['read_as']}: log probabilities differ by "
        f"{difference.mean():.4f}, at most {difference.max():.4f}"
    )
    assert float(difference.mean()) < 0.05
