"""Ask a model about images through transformers: its layers are spread over every GPU that is visible.

The flags are those of the release's script, and so is what cannot be set: at most 12 tiles an image,
temperature 0.6, top-p 0.95, repetition penalty 1.05, at most 64,000 new tokens.
"""

import sys

from release_script import answer, release_parser


def main() -> int:
    """Answer one question."""
    args = release_parser(__doc__).parse_args()
    sampling = {"temperature": 0.6, "top_p": 0.95, "repetition_penalty": 1.05, "max_tokens": 64000}
    return answer(args, sampling, "transformers", max_tiles=12)


if __name__ == "__main__":
    sys.exit(main())
