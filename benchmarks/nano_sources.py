"""The cost of the sources of R1V-Nano's training: samples per second and core, tokens, pictures.

    python benchmarks/nano_sources.py --config examples/nano/sft-abroad.toml --number 200

Makes and encodes samples of each source that the configuration names, as its data workers do, in this one
process, and takes the processor time (not the wall clock: other processes may share the machine). Prints a
table (Markdown) and one line of JSON.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tomllib
from pathlib import Path

from rich.console import Console
from shared.report import print_result

from r1v.core import R1VError
from r1v.prompt import Processor
from r1v.train.core.config import DataConfig
from r1v.train.data.examples import encode
from r1v.train.data.sources import open_source, parse_name

ROOT = Path(__file__).parents[1]  # the paths of the default configuration begin here


def settings(path: str) -> tuple[str, DataConfig]:
    """The model's folder and the data's sources and families of a configuration file."""
    text = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    data = text["data"]
    return text["model"]["path"], DataConfig(source=tuple(data["source"]), families=tuple(data["families"]))


def measure(name: str, config: DataConfig, processor: Processor, number: int) -> dict[str, object]:
    """One source alone: samples a second of processor time, tokens of prompt and completion, pictures."""
    source = open_source(
        DataConfig(source=(name,), families=families_of(name, config)), 0, Console(stderr=True)
    )
    prompts, completions, pictures, bad = [], [], 0, 0
    source.example(*source.pick(0, "warm"), 1.0)
    began = time.process_time()
    for place in range(number):
        family, index = source.pick(config.first_sample + place, f"nano_sources/{place // 8}")
        try:
            found = encode(processor, source.example(family, index, 1.0))
        except R1VError:
            bad += 1
            continue
        prompts.append(found.num_prompt)
        completions.append(len(found.token_ids) - found.num_prompt)
        pictures += len(found.tiles)
    spent = time.process_time() - began
    return {
        "source": name, "samples_per_s": round(number / spent, 1), "bad": bad,
        "prompt_tokens": round(statistics.mean(prompts)),
        "completion_tokens": round(statistics.mean(completions)),
        "longest": max(a + b for a, b in zip(prompts, completions, strict=True)),
        "pictures": round(pictures / number, 2),
    }  # fmt: skip


def families_of(name: str, config: DataConfig) -> tuple[str, ...]:
    """The configuration's families are of figures; other sources have theirs."""
    return config.families if name == "figures" else ()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default=str(ROOT / "examples/nano/sft-abroad.toml"))
    parser.add_argument("--number", type=int, default=200, help="samples of each source")
    parser.add_argument("--quick", action="store_true", help="16 samples of each source")
    args = parser.parse_args()
    number = 16 if args.quick else args.number
    model, config = settings(args.config)
    processor = Processor.from_folder(model if Path(model).is_dir() else ROOT / model)
    rows = [measure(parse_name(text)[0], config, processor, number) for text in config.source]
    heads = list(rows[0])
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(str(row[head]) for head in heads) + " |")
    print_result("nano_sources", {"rows": rows})


if __name__ == "__main__":
    main()
