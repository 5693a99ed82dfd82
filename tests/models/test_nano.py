"""The shipped R1V-Nano: its size, that transformers reads it alike, and that it answers."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from r1v import LLM, ImageRef, Message, SamplingParams, figures, models
from r1v.prompt import Processor
from r1v.scoring import equivalent, extract_boxed
from r1v.verify.certificate import weights_hash

ROOT = Path(__file__).parents[2]
NANO = ROOT / "r1v" / "models" / "r1v-nano"
CLAIMED = json.loads((NANO / "scores.json").read_text())["claimed"]


@pytest.fixture(scope="module")
def llm() -> LLM:
    return LLM("r1v-nano", dtype="float32", device="cpu")


def heldout(family: str, count: int) -> list[figures.Figure]:
    seeds = figures.seeds("heldout", 50_000)
    return [figures.make(family, next(seeds)) for _ in range(count)]


def conversations() -> dict[str, list[Message]]:
    """Text, one image, two images, five images."""
    picture = [heldout("counting", 1)[0], *heldout("compare", 2)]
    images = [image for item in picture for image in item.images]
    return {
        "text": [Message.user("Calculate 27 + 15.")],
        "one image": [Message.user(picture[0].question, images[:1])],
        "two images": [Message.user(picture[1].question, images[1:3])],
        "five images": [Message.user("Compare the pictures: how many circles are there?", images)],
    }


def test_it_is_small_enough_for_a_package() -> None:
    weights = sorted(NANO.glob("*.safetensors"))
    sizes = [path.stat().st_size for path in weights]
    assert sum(sizes) <= 28e6 and max(sizes) < 16e6
    assert models.load(NANO).dtype == torch.bfloat16


def test_the_pages_say_what_was_measured() -> None:
    """The card's and README's figures are those of scores.json."""
    scores = json.loads((NANO / "scores.json").read_text())
    card, readme = (NANO / "README.md").read_text(), (ROOT / "README.md").read_text()
    for family in CLAIMED:
        assert f"| {family} | {scores['families'][family]['accuracy']:.1f} (" in card
    assert f"{100 * scores['claimed_easy_medium_mean']:.1f}%" in readme


@pytest.mark.parametrize("kind", list(conversations()))
def test_transformers_writes_the_same_greedy_tokens(kind: str, llm: LLM) -> None:
    transformers = pytest.importorskip("transformers")
    peer = transformers.AutoModelForImageTextToText.from_pretrained(NANO, dtype=torch.float32).eval()
    prompt = Processor.from_folder(NANO).encode(conversations()[kind])
    ids = torch.tensor([prompt.token_ids])
    images = {} if prompt.pixel_values is None else {"pixel_values": prompt.pixel_values}
    with torch.no_grad():
        theirs = peer.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=60, do_sample=False, **images
        )[0, ids.shape[1] :].tolist()
        ours_logits = models.load(NANO, torch.float32)(ids, prompt.pixel_values)
        their_logits = peer(input_ids=ids, **images).logits
    assert (ours_logits - their_logits).abs().max() < 1e-3
    ours = llm.chat(conversations()[kind], SamplingParams.greedy(max_tokens=60, detect_loops=False))
    length = min(len(theirs), len(ours.token_ids))
    assert length > 5 and list(ours.token_ids[:length]) == theirs[:length]


def test_the_release_layout_goes_round_bit_for_bit(tmp_path: Path) -> None:
    from r1v.cli.main import main

    for layout, source, target in (("release", NANO, "a"), ("native", tmp_path / "a", "b")):
        assert main(["convert", str(source), str(tmp_path / target), "--layout", layout]) == 0
    first, second = models.load(NANO).state_dict(), models.load(tmp_path / "b").state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_demo_is_held_out_claimed_and_right(llm: LLM) -> None:
    demo = json.loads((ROOT / "examples" / "demo.json").read_text())
    assert demo["family"] in CLAIMED and figures.split_of_seed(demo["seed"]) == "heldout"
    item = figures.make(demo["family"], demo["seed"])
    assert item.question == (ROOT / "examples" / "demo.txt").read_text().strip()
    with Image.open(ROOT / "examples" / "demo.png") as picture:
        assert picture.size == item.images[0].size
    answer = llm.chat(item.question, images=[ROOT / "examples" / "demo.png"])
    assert extract_boxed(answer.answer) == item.answer


def test_it_thinks_before_it_answers_and_is_mostly_right(llm: LLM) -> None:
    items = [item for family in CLAIMED for item in heldout(family, 2)]
    asked = [[Message.user(item.question, [ImageRef(i) for i in item.images])] for item in items]
    right = 0
    for item, done in zip(items, llm.chat_many(asked, SamplingParams.greedy(max_tokens=400)), strict=True):
        assert done.thinking.strip()
        box = extract_boxed(done.answer)
        right += box is not None and equivalent(box, item.answer, item.answer_type, item.tolerance)
    assert right >= 0.7 * len(items)


@pytest.mark.parametrize("peer", ["transformers", "vllm", "server"])
def test_the_certificates_are_of_the_shipped_weights(peer: str) -> None:
    certificate = json.loads((NANO / f"parity-{peer}.json").read_text())
    assert certificate["agrees"] and certificate["weights_sha256"] == weights_hash(NANO)
