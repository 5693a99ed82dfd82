"""llama.cpp's greedy answers with log-probabilities, through the package xllamacpp.

    python benchmarks/peers/llama_side.py FILE.gguf PROMPTS.json ANSWERS.json MAX_TOKENS

PROMPTS.json: lists of ids. ANSWERS.json: for each {"ids": […], "logprobs": […]} of what was written. Run it
with an interpreter that has xllamacpp (pip install xllamacpp).
"""

import json
import sys
from pathlib import Path

import xllamacpp


def main() -> None:
    """Answer every prompt, one at a time on one thread."""
    model, prompts, answers, max_tokens = sys.argv[1:5]
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx, params.n_parallel, params.warmup = 2048, 1, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    found = []
    for ids in json.loads(Path(prompts).read_text()):
        answer = server.handle_completions(
            {
                "prompt": ids,
                "n_predict": int(max_tokens),
                "temperature": 0,
                "n_probs": 1,
                "cache_prompt": False,
            }
        )
        written = (answer["choices"][0].get("logprobs") or {}).get("content") or []
        found.append(
            {"ids": [each["id"] for each in written], "logprobs": [each["logprob"] for each in written]}
        )
    Path(answers).write_text(json.dumps({"build": xllamacpp.BUILD_INFO, "answers": found}))


if __name__ == "__main__":
    main()
