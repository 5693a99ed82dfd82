"""Ask a model about images through vLLM, on several GPUs.

The flags and their defaults are those of the release's script: greedy, repetition penalty 1.05, at most 8,000
new tokens, at most 20 images, four GPUs.
"""

import sys

from release_script import answer, release_parser


def main() -> int:
    """Answer one question."""
    parser = release_parser(__doc__)
    parser.add_argument("--tensor_parallel_size", type=int, default=4, metavar="N",
                        help="GPUs that share the model (default: 4)")  # fmt: skip
    parser.add_argument(
        "--temperature", type=float, default=0.0, metavar="T", help="0 is greedy (default: 0)"
    )
    parser.add_argument("--max_tokens", type=int, default=8000, metavar="N",
                        help="new tokens at most (default: 8000)")  # fmt: skip
    parser.add_argument("--repetition_penalty", type=float, default=1.05, metavar="R",
                        help="1 is off (default: 1.05)")  # fmt: skip
    parser.add_argument("--top_p", type=float, default=0.95, metavar="P", help="1 is off (default: 0.95)")
    args = parser.parse_args()
    names = ("temperature", "max_tokens", "repetition_penalty", "top_p")
    sampling = {name: getattr(args, name) for name in names}
    return answer(args, sampling, "vllm", max_images=20, num_devices=args.tensor_parallel_size)


if __name__ == "__main__":
    sys.exit(main())
