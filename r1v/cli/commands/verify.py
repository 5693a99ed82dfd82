"""``r1v verify MODEL --against PEER``: does another library compute the same from this checkpoint?"""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from r1v.cli.parser import MODEL_HELP, CommandParser, quiet_vllm
from r1v.cli.screen.progress import bars
from r1v.core import ConfigError

if TYPE_CHECKING:
    from r1v.verify.certificate import Peer


def configure(parser: CommandParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--against", required=True, metavar="PEER",
                        help="transformers, vllm, or the URL of a server, up to and with /v1")  # fmt: skip
    parser.add_argument(
        "--out", "--output", type=Path, metavar="FILE", dest="output",
        help="file for the certificate (default: parity-PEER.json in MODEL's folder)",
    )  # fmt: skip
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"),
                        help="dtype of both sides; float32 shows the most")  # fmt: skip
    parser.add_argument("--device", default="cpu", metavar="NAME", help="device of both sides")
    parser.add_argument(
        "--max-tokens", type=int, default=96, metavar="N", help="number of greedy tokens to compare"
    )
    parser.add_argument(
        "--tolerance", type=float, metavar="X",
        help="largest allowed difference of a logit (default: by dtype)",
    )  # fmt: skip
    parser.add_argument("--tensor-parallel-size", type=int, default=1, metavar="N", help="devices of vLLM")
    parser.add_argument(
        "--served-name", metavar="NAME",
        help="the model's name on that server (default: the first that it lists)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Compare; 1 where something differs."""
    if args.max_tokens < 1:
        raise ConfigError(f"--max-tokens is {args.max_tokens}; it must be at least 1")
    if args.against == "vllm":
        quiet_vllm(None)  # before torch is imported, which reads the environment then
    from r1v.verify.certificate import CheckpointVerifier

    peer = make_peer(args)
    verifier = CheckpointVerifier(args.model, args.dtype, args.device)
    with bars() as report:
        certificate = verifier.run(
            peer, max_tokens=args.max_tokens, tolerance=args.tolerance, progress=partial(report, "case")
        )
    verifier.close()
    versions = ", ".join(f"{name} {found}" for name, found in certificate.versions.items())
    print(f"{args.model} ({args.dtype}, {args.device}): r1v against {certificate.against} ({versions})")
    print(certificate.table())
    output = args.output or verifier.folder / f"parity-{peer.name}.json"
    try:
        certificate.write(output)
    except OSError as error:
        raise ConfigError(f"the certificate cannot be written to {output} ({error.strerror}); "
                          "name another file with --out") from error  # fmt: skip
    print("They agree." if certificate.agrees else "They DIFFER.", f"Certificate: {output}")
    return 0 if certificate.agrees else 1


def make_peer(args: argparse.Namespace) -> Peer:
    """The peer that the arguments name. Raises UnavailableError where it is not installed."""
    from r1v.models import resolve_model

    if args.tensor_parallel_size != 1 and args.against != "vllm":
        raise ConfigError("--tensor-parallel-size is for --against vllm; leave it out")
    if args.served_name is not None and args.against in ("transformers", "vllm"):
        raise ConfigError(f"--served-name is for a server, not for --against {args.against}; leave it out")
    folder = resolve_model(args.model)
    peer: Peer
    if args.against == "transformers":
        from r1v.verify.transformers_peer import TransformersPeer

        peer = TransformersPeer(folder, args.dtype, args.device)
    elif args.against == "vllm":
        from r1v.llm.backends.vllm.launch import check_vllm

        check_vllm()
        from r1v.verify.vllm_peer import VLLMPeer

        peer = VLLMPeer(folder, args.dtype, args.tensor_parallel_size)
    elif args.against.startswith(("http://", "https://")):
        from r1v.prompt import Processor
        from r1v.verify.remote_peer import RemotePeer

        key = os.environ.get("R1V_API_KEY") or os.environ.get("OPENAI_API_KEY", "")
        peer = RemotePeer(args.against, args.served_name or args.model, key, Processor.from_folder(folder))
    else:
        raise ConfigError(f"--against is {args.against!r}; use transformers, vllm or a URL with "
                          "http(s)://")  # fmt: skip
    return peer
