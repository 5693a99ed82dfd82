"""`r1v compare A B`: quality, size and speed of checkpoint B against A."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path

from r1v.cli.screen.progress import bars


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("source", metavar="A", help="the model that is the reference")
    parser.add_argument("target", metavar="B", help="the model that is compared with it")
    parser.add_argument("--chats", type=int, default=32, metavar="N", help="number of held-out chains")
    parser.add_argument(
        "--questions", type=int, default=64, metavar="N", help="number of questions to answer; 0 is none"
    )
    parser.add_argument("--max-tokens", type=int, default=512, metavar="N", help="most tokens of an answer")
    parser.add_argument("--chains", "--calibration", default="own", metavar="own|solutions|FILE",
                        help="chains to measure on: A's own, worked solutions, or a file of texts or "
            "conversations")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the answers")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--out", metavar="DIR", help="write JSON, Markdown and plots to this folder")


def run(args: argparse.Namespace) -> int:
    """Print the report; status 1 where B gives values that are not numbers, or ids that do not exist."""
    from r1v.llm.config import resolve_device
    from r1v.models.hub import resolve_model
    from r1v.quant.compare import compare
    from r1v.quant.report import markdown, write_report
    from r1v.write_lock import writing

    with writing(args.out) if args.out else nullcontext(), bars() as report:
        found = compare(
            resolve_model(args.source), resolve_model(args.target),
            num_chats=args.chats, num_questions=args.questions,
            max_tokens=args.max_tokens, chains=args.chains, seed=args.seed, progress=report,
            device=resolve_device(args.device),
        )  # fmt: skip
        if args.out:
            write_report(found, Path(args.out))
    print(markdown(found), end="")
    broken = found.chains.nan_count or (found.answers_b is not None and found.answers_b.out_of_vocabulary)
    return 1 if broken else 0
