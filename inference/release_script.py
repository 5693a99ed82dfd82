"""What the two scripts of this folder share: common flags, and one question answered as it is thought out.

Enters: the release's flags. Leaves: the answer on standard output in the release's form, "User: …" and
"Assistant: …", the thinking in it. Always holds: it runs from a clone, whether or not r1v is installed.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

if sys.version_info < (3, 11):  # noqa: UP036 - the release's own instructions make an environment of 3.10
    found = ".".join(map(str, sys.version_info[:2]))
    sys.exit(f"r1v needs Python 3.11 or later, this is {found}: conda install python=3.12, then set up again")


def release_parser(description: str | None) -> argparse.ArgumentParser:
    """The flags that both of the release's scripts have, with their defaults."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--model_path",
        default="Skywork/Skywork-R1V2-38B",
        metavar="MODEL",
        help="a folder, a name on the Hugging Face hub, or r1v-nano (default: Skywork/Skywork-R1V2-38B)",
    )
    parser.add_argument("--image_paths", nargs="+", required=True, metavar="IMAGE", help="images")
    parser.add_argument("--question", required=True, metavar="TEXT", help="the question about them")
    return parser


def answer(
    args: argparse.Namespace,
    sampling: dict[str, Any],
    backend: str,
    *,
    max_tiles: int | None = None,
    max_images: int = 64,
    num_devices: int = 1,
) -> int:
    """Print the answer of ``args.model_path`` as it comes. Returns the exit status: 1 after an error.

    sampling: fields of SamplingParams. max_tiles: of each image. num_devices: that share the model (vLLM).
    """
    sys.path.insert(0, str(ROOT))
    # for the processes that vLLM starts
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    try:
        from r1v import LLM, ImageRef, Message, R1VError, SamplingParams
        from r1v.cli.parser import quiet_vllm
        from r1v.cli.screen.terminal import PlainScreen
        from r1v.llm import ParallelConfig, PromptLimits
        from r1v.prompt import open_image
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed here: bash {ROOT / 'inference/setup.sh'}", file=sys.stderr)
        return 1
    if backend == "vllm":
        quiet_vllm(None)
    try:
        images = [ImageRef(open_image(ImageRef(path))) for path in args.image_paths]  # fail before the load
        with LLM(
            args.model_path,
            backend=backend,
            max_tiles=max_tiles,
            limits=PromptLimits(max_images=max_images),
            parallel=ParallelConfig(tensor=num_devices),
        ) as llm:
            stream = llm.stream([Message.user(args.question, images)], SamplingParams(**sampling))
            print(f"User: {args.question}\nAssistant: ", end="")
            screen = PlainScreen(sys.stdout)
            for event in stream:
                if hasattr(event, "segment"):
                    screen.show(event)
        print()
    except R1VError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
