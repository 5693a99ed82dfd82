"""Our engine at one level of instructions, random weights; asked by `levels.py` (see `shared.peers.Child`).

Arguments: the level, a geometry, the number of threads, weight formats. Times are processor seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any


def main() -> None:
    level, geometry, threads, *formats = sys.argv[1:]
    os.environ["R1V_CPU_ISA"] = level
    from r1v.cli.instructions import limit_instructions

    limit_instructions(os.environ)  # before torch is imported: its own products obey too
    sys.path.insert(0, str(Path(__file__).parent.parent))
    import torch
    from shared.models import exactly, make_engine, prompt, random_model
    from shared.report import median

    torch.set_num_threads(int(threads))
    model = random_model(geometry, torch.bfloat16, "cpu")
    engines = {name: make_engine(model, name, cache_bytes=1 << 29) for name in formats}
    for line in sys.stdin:
        asked = json.loads(line)
        found: dict[str, Any] = {}
        for name, engine in engines.items() if asked else ():
            row = found[name] = {}
            for length in asked["prompts"]:  # the first token comes with the prompt
                engine.add(replace(prompt(length, asked["seed"] + length), params=exactly(1)))
                start = time.process_time()
                while engine.has_work:
                    engine.step()
                row[f"prompt {length}"] = (time.process_time() - start) / length
            engine.add(replace(prompt(64, asked["seed"]), params=exactly(asked["number"])))
            spent = []
            while engine.has_work:
                start = time.process_time()
                engine.step()
                spent.append(time.process_time() - start)
            row["token"] = median(spent[1:])
        print("RESULT " + json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
