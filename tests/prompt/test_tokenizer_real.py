"""The tokenizer through a whole vocabulary and much of Unicode, against transformers' own: small with
R1V-Nano's, slow with that of a real GGUF file (R1V_REAL_WEIGHTS), read by us and by transformers."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from r1v.models.hub import resolve_model
from r1v.prompt.tokenizer import TextTokenizer

transformers = pytest.importorskip("transformers", reason="transformers is the oracle here")
ROOT = Path(__file__).parents[2]

# ranges that text is drawn from, each as likely as another, so that none of Unicode is left out
RANGES = (
    (0x20, 0x7F), (0x09, 0x0E), (0x80, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x780), (0x900, 0xE00),
    (0x1100, 0x1200), (0x1E00, 0x2070), (0x2070, 0x2C00), (0x3000, 0x3100), (0x3400, 0xA000),
    (0xAC00, 0xD7B0), (0xE000, 0xE100), (0xF900, 0xFB00), (0xFE00, 0x10000), (0x10000, 0x1D000),
    (0x1F000, 0x20000), (0x20000, 0x31350), (0xE0000, 0xE0200), (0x10FFF0, 0x110000),
)  # fmt: skip


def any_strings(number: int, seed: int) -> list[str]:
    """Strings of runs of characters of one range each, up to 60 characters."""
    draw = random.Random(seed)
    found = []
    for _ in range(number):
        text = ""
        while not text or draw.random() < 0.7:
            low, high = draw.choice(RANGES)
            text += "".join(chr(draw.randrange(low, high)) for _ in range(draw.randrange(1, 8)))
            text += draw.choice(("", "", " ", "  ", "\n", "\n\n", "'s", "12", "\t"))
        found.append(text[:60])
    return found


def real_texts() -> list[str]:
    """Code, prose and Chinese out of this repository."""
    code = sorted((ROOT / "r1v").rglob("*.py")) + sorted((ROOT / "r1v").rglob("*.c"))
    prose = sorted((ROOT / "docs").rglob("*.md"))
    texts = [path.read_text(encoding="utf-8") for path in (*code[::9], *prose[::4])]
    texts += (ROOT / "r1v" / "quant" / "prompts.txt").read_text(encoding="utf-8").split("\n")
    return texts + ["".join(chr(0x4E00 + (index * 37) % 20000) for index in range(start, start + 50))
                    for start in range(0, 20000, 500)]  # fmt: skip


def compare(ours: TextTokenizer, theirs: Any, texts: list[str]) -> int:
    """Ids of all texts, and the texts that come back whole and id by id; how many ids there were."""
    total = 0
    # NFC of the library's version of Unicode, which need not be Python's
    normaliser = theirs.backend_tokenizer.normalizer
    normalised = str if normaliser is None else normaliser.normalize_str
    for text in texts:
        ids = ours.encode_plain(text)
        # in `theirs` an added token in the text would be one: these texts hold none
        assert ids == theirs(text, add_special_tokens=False)["input_ids"], repr(text[:60])
        assert ours.decode(ids) == theirs.decode(ids, clean_up_tokenization_spaces=False)
        assert ours.decode(ids) == normalised(text)
        total += len(ids)
        if len(ids) < 400:
            assert b"".join(map(ours.token_bytes, ids)).decode() == ours.decode(ids)
    return total


def compare_ids(ours: TextTokenizer, theirs: Any, size: int) -> None:
    """Every id alone, and all of them in a row, in both orders."""
    for token_id in range(size):
        text = theirs.decode([token_id], skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert ours.decode([token_id], skip_special=False) == text, token_id
        assert ours.token_bytes(token_id).decode("utf-8", "replace") == text, token_id
    for step in (1, -1):
        row = list(range(size))[::step]
        whole = theirs.decode(row, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert ours.decode(row, skip_special=False) == whole
        assert b"".join(map(ours.token_bytes, row)).decode("utf-8", "replace") == whole


def test_a_small_vocabulary_through_and_through() -> None:
    folder = resolve_model("r1v-nano")
    ours, theirs = TextTokenizer.from_folder(folder), transformers.AutoTokenizer.from_pretrained(folder)
    assert compare(ours, theirs, any_strings(300, 0)) > 3000
    compare_ids(ours, theirs, ours.num_tokens)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_real_vocabulary_through_and_through(tmp_path: Path) -> None:
    from r1v.models.gguf.file import GgufFile
    from r1v.models.gguf.tokenizer import write_tokenizer

    files = sorted(Path(os.environ.get("R1V_REAL_WEIGHTS") or "/nowhere").glob("*.gguf"))
    if not files:
        pytest.skip("R1V_REAL_WEIGHTS does not name a folder with a GGUF file")
    write_tokenizer(GgufFile(files[0]), tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    ours = TextTokenizer.from_folder(tmp_path)
    read_here = transformers.AutoTokenizer.from_pretrained(tmp_path)
    read_there = transformers.AutoTokenizer.from_pretrained(files[0].parent, gguf_file=files[0].name)
    # added tokens that a text of this repository names are tokens to the library, and text to us
    named = [token.content for token in ours.added.values()]
    whole = [text for text in real_texts() if not any(each in text for each in named)]
    texts = any_strings(10_000, 1) + whole
    compare_ids(ours, read_here, ours.num_tokens)
    # what transformers makes of the file has no NFC, unlike what Qwen publishes
    normalised = read_here.backend_tokenizer.normalizer.normalize_str
    assert compare(ours, read_there, [normalised(text) for text in texts[::5]]) > 60_000
    assert compare(ours, read_here, texts) > 300_000
    special = ours.encode_trusted("<|im_start|>user\nHi<|im_end|>")
    assert special == read_there("<|im_start|>user\nHi<|im_end|>")["input_ids"]
