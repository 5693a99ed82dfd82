"""What R1V-Small is to say about pictures, written by its own language model from what the pictures show.

    python experiments/r1v_small/targets.py --model runs/r1v-small/base --out runs/r1v-small/targets

Draws figures of the training seeds, tells the language model their facts in words, and has it describe,
explain, write code, and answer free questions, in two languages. A reply is kept if its numbers and colours
are those of the facts and it mentions enough of them; the chain to learn before it is the reading of the
facts. A share of the rows is text that has nothing to do with a picture, with the model's own answer, half
of them beside a picture. Writes pictures/, picture-SHARD.jsonl and text-SHARD.jsonl, and ends with one line
of JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from r1v import figures
from r1v_small import wordings
from r1v_small.wordings import ABOUT, learned

FIRST = 400_000_000  # index of the first figure, beyond those of R1V-Nano's training
MOST_FACTS = 24
NUMBER = re.compile(r"\d+(?:\.\d+)?")
COLOURS = (
    "red",
    "green",
    "blue",
    "yellow",
    "orange",
    "purple",
    "pink",
    "brown",
    "black",
    "grey",
    "gray",
    "teal",
)
OTHER = "The question is about something else than the picture."
# kind of task -> how often
KINDS = {
    "describe": 26,
    "describe_zh": 14,
    "explain": 14,
    "explain_zh": 7,
    "code": 12,
    "free": 12,
    "text": 15,
}
_ONLY = (
    "Write as if you saw the picture yourself. Say only what stands above, add nothing, and do not speak of "
    "a list."
)
# an example of the manner, of a picture that no family draws
_SHOWN = (
    "A picture shows a shelf with jars; each jar with its number of beans.\n"
    f"jar A: 14\njar B: 9\njar C: 22\n\nTask: {{}} {_ONLY}"
)
_MANNER = {
    "describe": (
        "Describe the picture. Two to five sentences.",
        "There is a shelf with three jars of beans. Jar A holds 14 beans and jar B holds 9. The fullest one "
        "is jar C with 22 beans.",
    ),
    "describe_zh": (
        "描述这张图片。用中文写两到五句话。",
        "图中是一个架子，上面有三个装豆子的罐子。罐子A里有14颗，罐子B里有9颗。最多的是罐子C，有22颗。",
    ),
    "free": (
        "Say in one sentence what this is.",
        "A shelf with three jars of beans: 14 in jar A, 9 in jar B and 22 in jar C.",
    ),
    "code": (
        "Write the values as a Python dictionary.",
        '```python\nbeans = {"jar A": 14, "jar B": 9, "jar C": 22}\n```',
    ),
}


@dataclass(frozen=True)
class Task:
    """What the language model is asked (prompt), and what the row will ask. answer: boxed behind the reply,
    where there is one. known: everything that may be mentioned; values: what should be."""

    kind: str
    family: str
    prompt: str
    question: str
    pictures: tuple[str, ...] = ()
    chain: str = ""
    answer: str = ""
    known: str = ""
    values: tuple[str, ...] = ()


def make_task(folder: Path, index: int) -> Task:
    """The index-th task; its picture is drawn into the folder."""
    rng = Random(f"targets/{index}")
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    text = ""
    if kind == "text":
        topic, form, manner = (rng.choice(w) for w in (wordings.TOPICS, wordings.FORMS, wordings.MANNERS))
        text = form.format(topic) + manner
        if rng.random() < 0.5:
            return Task(kind, "text", text, text)
    family = rng.choice(list(ABOUT))
    figure = figures.make(family, (FIRST + index) // 7 * 8 + (FIRST + index) % 7)
    pictures = []
    for place, image in enumerate(figure.images):
        pictures.append(f"pictures/{index}-{place}.png")
        image.save(folder / pictures[-1], compress_level=1)
    if kind == "text":
        return Task(kind, "text_beside_picture", text, text, tuple(pictures), OTHER)
    return _about(kind, figure, tuple(pictures), rng)


def _about(kind: str, figure: figures.Figure, pictures: tuple[str, ...], rng: Random) -> Task:
    """A task about a figure."""
    facts = [f"{name} = {value}" if name.startswith(("f(", "v(", "s(")) else f"{name}: {value}"
             for name, value in figure.facts.items()][:MOST_FACTS]  # fmt: skip
    lines = "\n".join(facts)
    told = f"A picture shows {ABOUT[figure.family]}.\n{lines}\n\n"
    known = f"{lines} {figure.question} {figure.solution} {figure.answer}"
    if kind.startswith("explain"):
        chinese = kind == "explain_zh" or is_chinese(figure.question)
        kind = "explain_zh" if chinese else kind
        asked = rng.choice(learned(wordings.EXPLAIN_ZH if chinese else wordings.EXPLAIN))
        language = "Chinese" if chinese else "English"
        prompt = (
            f"{told}Question: {figure.question}\nWorked solution:\n{figure.solution}\n"
            f"Right answer: {figure.answer}\n\nExplain in {language}, in two to five full sentences, how the "
            "answer follows from what the picture shows. Say the answer in your last sentence. Do not use "
            "LaTeX, and do not speak of a worked solution."
        )
        question = asked.format(figure.question)
        return Task(kind, kind, prompt, question, pictures, figure.solution, figure.answer, known)
    if kind == "describe" and is_chinese(lines):
        kind = "describe_zh"
    choices = {"describe": wordings.DESCRIBE, "describe_zh": wordings.DESCRIBE_ZH, "code": wordings.CODE,
               "free": wordings.FREE}[kind]  # fmt: skip
    asked = rng.choice(learned(choices))
    extra = {"describe": " Two to five sentences.", "describe_zh": " 用中文写两到五句话。"}.get(kind, "")
    values = tuple(dict.fromkeys(figure.facts.values()))[:MOST_FACTS]
    return Task(kind, kind, f"{told}Task: {asked}{extra} {_ONLY}", asked, pictures, lines, "", known, values)


def asked_of(task: Task) -> list[tuple[str, str]]:
    """The conversation, as role and text, that has the language model write, after an example."""
    if task.kind not in _MANNER:
        return [("user", task.prompt)]
    example, answer = _MANNER[task.kind]
    return [("user", _SHOWN.format(example)), ("assistant", answer), ("user", task.prompt)]


def without_ground(text: str, known: str) -> int:
    """Sentences behind the first that have no number, and no word of at least four letters that is in the
    facts."""
    words = set(re.findall(r"[a-z]{4,}|[\u4e00-\u9fff]", known.lower()))
    loose = 0
    for sentence in re.split(r"(?<=[.!?。！？])\s*|\n+", text)[1:]:
        own = re.findall(r"[a-z]{4,}|[\u4e00-\u9fff]", sentence.lower())
        loose += bool(own) and not NUMBER.search(sentence) and not words & set(own)
    return loose


def wrong_words(text: str, known: str, num_facts: int) -> list[str]:
    """Numbers and colours of a text that the facts do not have. Numbers up to 3, and the number of facts, may
    be counts."""
    allowed = {float(n) for n in NUMBER.findall(known)} | {0.0, 1.0, 2.0, 3.0, float(num_facts)}
    found = [n for n in NUMBER.findall(text) if float(n) not in allowed]
    lower = known.lower()
    words = set(re.findall(r"[a-z]+", text.lower()))
    return found + [c for c in COLOURS if c in words and c not in lower]


def is_chinese(text: str) -> bool:
    """Whether a text has Chinese characters."""
    return any("\u4e00" <= c <= "\u9fff" for c in text)


def mentioned(text: str, values: Sequence[str]) -> float:
    """The share of values whose number, or else whole text, is in a text."""
    hits = 0
    numbers = set(NUMBER.findall(text))
    for value in values:
        own = NUMBER.findall(value)
        hits += any(n in numbers for n in own) if own else value.lower() in text.lower()
    return hits / max(len(values), 1)


def refusal(task: Task, reply: str) -> str:
    """Why a reply is not learned; empty where it is."""
    text = reply.strip()
    if not 8 <= len(text) <= 1600 or "<think" in text or "\\boxed" in text:
        return "form"
    if task.kind == "text":
        return ""
    if re.search(r"\bAI\b|sorry|the facts|given facts|provided|worked solution|as an", text):
        return "speaks of its task"
    if task.kind.endswith("zh") and not is_chinese(text):
        return "not Chinese"
    if task.kind != "code" and wrong_words(text, task.known, len(task.chain.splitlines())):
        return "says what is not there"
    if task.kind in ("describe", "free") and without_ground(text, task.known):
        return "says what nobody can see"
    if task.kind.startswith("explain"):
        return "" if task.answer.lower() in text.lower() else "without the answer"
    least = {"code": 0.7, "free": 0.0}.get(task.kind, 0.5 if len(task.values) <= 8 else 0.3)
    return "" if mentioned(text, task.values) >= least else "mentions too little"


def row_of(task: Task, reply: str) -> dict[str, object]:
    """The row to learn, as `docs/guides/train.md` says."""
    text = reply.strip()
    if task.answer:
        text += f"\n\nAnswer: \\boxed{{{task.answer}}}"
    if not task.pictures:
        asked = {"role": "user", "content": task.question}
        said = {"role": "assistant", "content": text}
        return {"messages": [asked, said], "direct": True, "family": task.family}
    return {
        "messages": [
            {"role": "user", "content": [*({"type": "image", "image": one} for one in task.pictures),
                                         {"type": "text", "text": task.question}]},
            {"role": "assistant", "reasoning_content": task.chain, "content": text},
        ],
        "family": task.family,
    }  # fmt: skip


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True, help="folder whose language model writes")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--number", type=int, default=1_000_000, help="tasks at most, of all shards")
    parser.add_argument("--seconds", type=float, default=1e9, help="no further round after so long")
    parser.add_argument(
        "--shard", type=int, nargs=2, default=(0, 1), metavar=("K", "N"), help="the K-th of N"
    )
    parser.add_argument("--round", type=int, default=1024, help="tasks asked together")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    parser.add_argument("--batch", type=int, default=256, help="sequences decoded together")
    parser.add_argument("--max-tokens", type=int, default=320)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    return parser.parse_args()


def main() -> None:
    args = options()
    begun = time.monotonic()
    shard, shards = args.shard
    (args.out / "pictures").mkdir(parents=True, exist_ok=True)
    numbers = range(shard, args.number, shards)
    rounds = [numbers[i : i + args.round] for i in range(0, min(len(numbers), 10**6), args.round)]
    counts: Counter[str] = Counter()
    with (
        multiprocessing.get_context("fork").Pool(args.workers) as pool,  # before the device is opened
        (args.out / f"picture-{shard}.jsonl").open("w", encoding="utf-8") as pictures,
        (args.out / f"text-{shard}.jsonl").open("w", encoding="utf-8") as texts,
    ):
        drawing = pool.map_async(partial(make_task, args.out), rounds[0], chunksize=4)

        import torch

        from r1v import LLM, Message, SamplingParams
        from r1v.engine import EngineConfig

        torch.set_num_threads(max(1, torch.get_num_threads()))
        engine = EngineConfig(max_num_seqs=args.batch, max_step_tokens=16384, keep_weights=False,
                              cache_bytes=args.batch * 1200 * 24 * 2 * 2 * 64 * 2)  # fmt: skip
        llm = LLM(args.model, device=args.device, dtype=args.dtype, engine=engine, max_model_len=4096)
        params = SamplingParams(
            temperature=0.7, top_p=0.9, top_k=0, repetition_penalty=1.0, max_tokens=args.max_tokens,
            detect_answer_loops=True,
        )  # fmt: skip
        calm = replace(params, temperature=0.4)  # of what is to be true
        for number in range(len(rounds)):
            tasks = drawing.get()
            last = number + 1 == len(rounds)
            if not last:
                drawing = pool.map_async(partial(make_task, args.out), rounds[number + 1], chunksize=4)
            asked = [[Message(role, (text,)) for role, text in asked_of(task)] for task in tasks]
            replies = llm.chat_many(asked, [calm if task.pictures else params for task in tasks])
            for task, reply in zip(tasks, replies, strict=True):
                ended = reply.finish_reason.value == "stop"
                why = refusal(task, reply.answer) if ended else "not finished"
                counts[f"{task.kind}: {why or 'kept'}"] += 1
                counts["tokens"] += reply.usage.completion_tokens
                if not why:
                    line = json.dumps(row_of(task, reply.answer), ensure_ascii=False) + "\n"
                    (texts if task.kind == "text" else pictures).write(line)
            pictures.flush()
            texts.flush()
            if last or time.monotonic() - begun > args.seconds:
                break
        pool.terminate()
        llm.close()
    seconds = time.monotonic() - begun
    print(
        json.dumps({"name": "targets", "shard": shard, "seconds": round(seconds, 1), **sorted_counts(counts)})
    )


def sorted_counts(counts: Counter[str]) -> dict[str, int]:
    """The counts by name."""
    return dict(sorted(counts.items()))


if __name__ == "__main__":
    main()
