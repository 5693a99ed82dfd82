"""R1V-Small before training: tower, a projector that begins as R1V-Nano's, and the language model.

R1V_REAL_WEIGHTS=FOLDER python experiments/r1v_small/assemble.py --out runs/r1v-small/base
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from r1v.models.hub import BUILT_IN, language_model_of_small
from r1v.models.small import assemble_small


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--llm", type=Path, default=os.environ.get("R1V_REAL_WEIGHTS"),
                        help="folder or GGUF file (default: $R1V_REAL_WEIGHTS, else the Hub's)")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    language = language_model_of_small(args.llm and Path(args.llm))
    assemble_small(BUILT_IN["r1v-nano"], language, args.out)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
