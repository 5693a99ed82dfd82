"""``r1v reward score``, ``clean`` and ``bench``: a reward model at work on files and on benchmarks."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext


def configure(parser: argparse.ArgumentParser) -> None:
    """The three commands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    score = actions.add_parser(
        "score", help="score the replies in a file",
        description="Score the rows of a JSONL file (question, images, thinking, answer): each is written "
        "again with `reward`, the raw score, and `score`, an integer from 0 to 5.",
    )  # fmt: skip
    score.add_argument("file", metavar="FILE", help="the JSONL file")
    clean = actions.add_parser(
        "clean", help="remove or rewrite bad pairs",
        description="Deduplicate pairs, drop those that the reward model clearly ranks the other way round "
        "and those whose chosen reply it scores low or hardly above the rejected one.",
    )  # fmt: skip
    clean.add_argument("file", metavar="FILE", help="the JSONL file of pairs")
    clean.add_argument("--low", type=float, default=float("-inf"), metavar="X",
                       help="least score of a chosen reply (default: any)")  # fmt: skip
    clean.add_argument(
        "--margin", type=float, default=0.0, metavar="X",
        help="least distance between the scores of chosen and rejected reply",
    )  # fmt: skip
    clean.add_argument(
        "--ambiguous", type=float, default=1.0, metavar="X",
        help="distance in the wrong direction from which on a pair is dropped at once",
    )  # fmt: skip
    clean.add_argument(
        "--generator", metavar="MODEL",
        help="a model that writes replies with a low score anew; without it such pairs are dropped",
    )  # fmt: skip
    bench = actions.add_parser(
        "bench", help="measure the accuracy on benchmarks of pairs",
        description="How often the better answer of VL-RewardBench's or RewardBench's pairs gets the higher "
        "reward. A tie is not right.",
    )  # fmt: skip
    bench.add_argument(
        "benchmark", choices=("vl_rewardbench", "rewardbench"), help="which benchmark of pairs"
    )
    bench.add_argument(
        "--data", metavar="DIR",
        help="folder with the data, used offline; without it the data set is downloaded",
    )  # fmt: skip
    bench.add_argument("--limit", type=int, metavar="N", help="only the first N pairs")
    for action in (score, clean, bench):
        action.add_argument(
            "--model", required=True, metavar="DIR", help="folder that r1v train reward wrote"
        )
        action.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    for action in (score, clean):
        action.add_argument("--out", required=True, metavar="FILE", help="the file to write")
    bench.add_argument("--out", metavar="FILE", help="write the scores as JSON too")


def run(args: argparse.Namespace) -> int:
    """Run one of them; prints counts."""
    from r1v.write_lock import writing

    with writing(args.out) if args.out else nullcontext():
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    if args.action == "bench":
        return _bench(args)
    from r1v.train.reward.files import clean_pairs, score_replies

    if args.action == "score":
        scored, bad = score_replies(args.model, args.file, args.out, args.device)
        for name in bad[:20]:
            print(f"bad row, left out: {name}", file=sys.stderr)
        print(f"{scored} replies scored, {len(bad)} bad rows left out")
        return 0
    found = clean_pairs(
        args.model, args.file, args.out, args.device, low=args.low, margin=args.margin,
        ambiguous=args.ambiguous, generator=args.generator,
    )  # fmt: skip
    print(
        f"{found.kept} pairs kept, {found.regenerated} of them written anew; left out: "
        f"{found.duplicates} duplicates, {found.ambiguous} ambiguous, {found.dropped} with a weak choice"
    )
    return 0


def _bench(args: argparse.Namespace) -> int:
    import json
    from dataclasses import asdict
    from pathlib import Path

    from r1v.core import ConfigError
    from r1v.eval.benchmark import benchmark
    from r1v.eval.pairs import load_pairs, pair_accuracy
    from r1v.train.reward.files import conversation_scorer

    if args.limit is not None and args.limit < 1:
        raise ConfigError(f"--limit is {args.limit}; it must be at least 1")
    which = benchmark(args.benchmark)
    assert which.source is not None
    pairs = load_pairs(which.name, which.source, Path(args.data) if args.data else None)[: args.limit]
    found = pair_accuracy(pairs, conversation_scorer(args.model, args.device))
    overall = found.overall
    print(
        f"{which.title}: {100 * overall.value:.1f} of {len(pairs)} pairs "
        f"(95% interval {100 * overall.low:.1f} to {100 * overall.high:.1f}), "
        f"mean of groups {100 * found.macro:.1f}"
        + (f"; {found.failed} pairs could not be scored and count as not right" if found.failed else "")
    )
    for name, value in found.groups.items():
        print(f"  {name}: {100 * value:.1f}")
    if args.out:
        scores = {"benchmark": which.name, "model": args.model, **asdict(found)}
        Path(args.out).write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    return 0
