"""llama.cpp's greedy answers with log-probabilities, through the package xllamacpp.

    python benchmarks/peers/llama_side.py FILE.gguf PROMPTS.json ANSWERS.jsonl MAX_TOKENS MINUTES

PROMPTS.json: lists of ids by number. ANSWERS.jsonl: a line for each, {"number": …, "ids": […],
"logprobs": […], "build": …}; lines that are there already stay. No prompt is begun after MINUTES. Run it with
an interpreter that has xllamacpp (pip install xllamacpp).
"""

import json
import sys
import time
from pathlib import Path

import xllamacpp


def main() -> None:
    """Answer every prompt, one at a time on one thread."""
    model, prompts, answers, max_tokens, minutes = sys.argv[1:6]
    path, began = Path(answers), time.monotonic()
    done = {json.loads(line)["number"] for line in path.read_text().splitlines()} if path.exists() else set()
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx, params.n_parallel, params.warmup = 2048, 1, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    for number, ids in json.loads(Path(prompts).read_text()).items():
        if int(number) in done or time.monotonic() - began > 60 * float(minutes):
            continue
        asked = {"prompt": ids, "n_predict": int(max_tokens), "temperature": 0, "n_probs": 1,
                 "cache_prompt": False}  # fmt: skip
        answer = server.handle_completions(asked)
        written = (answer["choices"][0].get("logprobs") or {}).get("content") or []
        line = {
            "number": int(number), "ids": [each["id"] for each in written],
            "logprobs": [each["logprob"] for each in written], "build": xllamacpp.BUILD_INFO,
        }  # fmt: skip
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
