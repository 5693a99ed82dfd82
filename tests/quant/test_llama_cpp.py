"""llama.cpp runs what `r1v export gguf` wrote, and says the same.

R1V_LLAMA_CPP names the folder of its programs (benchmarks/peers/build_llama_cpp.sh builds them).
"""

import os
import subprocess
from pathlib import Path

import pytest
import torch
from PIL import Image

from r1v import LLM, Completion, ImageRef, Message, SamplingParams, figures
from r1v.models import load
from r1v.models.hub import resolve_model
from r1v.prompt import Processor
from r1v.quant.gguf_export import export_gguf
from tests.quant.test_gguf import YARN, language_model

pytest.importorskip("gguf", reason="the export needs the gguf package")
pytestmark = pytest.mark.slow
NUM_TOKENS = 120


@pytest.fixture(scope="module")
def programs() -> Path:
    """The folder with llama-completion and llama-mtmd-cli."""
    folder = os.environ.get("R1V_LLAMA_CPP")
    if not folder or not (Path(folder) / "llama-mtmd-cli").is_file():
        pytest.skip("R1V_LLAMA_CPP does not name a folder with llama.cpp's programs")
    return Path(folder)


@pytest.fixture(scope="module")
def llm() -> LLM:
    """R1V-Nano in float32."""
    return LLM("r1v-nano", dtype="float32")


def greedy(llm: LLM, message: Message) -> str:
    """What r1v writes, markers included, up to the end of the turn."""
    params = SamplingParams.greedy(max_tokens=NUM_TOKENS, detect_loops=False)
    found = llm.chat([message], params)
    assert isinstance(found, Completion)
    return Processor.from_folder(resolve_model("r1v-nano")).tokenizer.decode(
        found.token_ids, skip_special=False
    )


def run(*command: object) -> str:
    """Standard output of a program. Its logs go to standard error."""
    words = [str(each) for each in command]
    found = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=250)
    assert found.returncode == 0, found.stderr[-2000:]
    return found.stdout


def complete(programs: Path, model: Path, prompt: str) -> str:
    """What llama-completion writes after the prompt, without llama.cpp's own mark of the end."""
    found = run(
        programs / "llama-completion", "-m", model, "-p", prompt, "-n", NUM_TOKENS, "--temp", 0, "-no-cnv",
        "--special", "--no-display-prompt", "-c", 2048, "-t", 1, "--no-warmup",
    )  # fmt: skip
    return found.rstrip().removesuffix("[end of text]").rstrip()


def see(programs: Path, model: Path, tower: Path, question: str, picture: Path) -> str:
    """What llama-mtmd-cli writes about a picture; it drops the token that ends the turn."""
    found = run(
        programs / "llama-mtmd-cli", "-m", model, "--mmproj", tower, "--image", picture, "--jinja",
        "-p", "<__media__>\n" + question, "-n", NUM_TOKENS, "--temp", 0, "-c", 2048, "-t", 1, "--no-warmup",
    )  # fmt: skip
    return found.strip()


def rendered(message: Message) -> str:
    """The prompt as text, markers included."""
    processor = Processor.from_folder(resolve_model("r1v-nano"))
    return processor.tokenizer.decode(processor.encode([message]).token_ids, skip_special=False)


@pytest.mark.parametrize("kind", ["f32", "f16"])
def test_text_and_a_picture_give_the_same_tokens(kind: str, programs: Path, llm: LLM, tmp_path: Path) -> None:
    text, tower = export_gguf(resolve_model("r1v-nano"), tmp_path, kind)
    asked = Message.user(figures.make("word_problem", next(iter(figures.seeds("heldout")))).question)
    assert complete(programs, text, rendered(asked)) == greedy(llm, asked).rstrip()
    figure = figures.make("circuit", next(iter(figures.seeds("heldout"))))
    picture = tmp_path / "figure.png"  # of a tile's size: llama.cpp resizes in another way
    figure.images[0].convert("RGB").resize((448, 448), Image.Resampling.BICUBIC).save(picture)
    expected = greedy(llm, Message.user(figure.question, [ImageRef(picture)]))
    assert see(programs, text, tower, figure.question, picture) == expected.removesuffix("<|im_end|>").strip()


@pytest.mark.parametrize("kind", ["q8_0", "q4_0"])
def test_quantised_files_load_and_answer(kind: str, programs: Path, tmp_path: Path) -> None:
    text, tower = export_gguf(resolve_model("r1v-nano"), tmp_path, kind)
    figure = figures.make("circuit", next(iter(figures.seeds("heldout"))))
    picture = tmp_path / "figure.png"
    figure.images[0].convert("RGB").resize((448, 448), Image.Resampling.BICUBIC).save(picture)
    found = see(programs, text, tower, figure.question, picture)
    assert len(found) > 20 and "boxed" in found


@pytest.mark.parametrize("family", ["qwen2", "qwen3"])
def test_a_language_model_with_yarn_says_the_same(family: str, programs: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="it writes the model")
    source = language_model(tmp_path / "model", family, YARN)
    (file,) = export_gguf(source, tmp_path / "files", "f32")
    tokenizer, model = Processor.from_folder(source).tokenizer, load(source)
    prompt = "Read this to its end first. " * 30  # far beyond the 128 ids that YaRN extends
    ids = tokenizer.encode_plain(prompt)
    with torch.no_grad():
        for _ in range(24):
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    expected = tokenizer.decode(ids, skip_special=False).removeprefix(prompt).split("\ufffd")[0]
    assert len(ids) > 200 and complete(programs, file, prompt).startswith(expected.rstrip())
