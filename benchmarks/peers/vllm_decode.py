"""vLLM's decoding of one sequence, random weights; run by vLLM's own interpreter (see `shared.peers.Child`).

Arguments: a name, and a folder with the config.json of a language model.
"""

import json
import sys
import time


def main() -> None:
    from vllm import LLM, SamplingParams
    from vllm.inputs import TokensPrompt

    llm = LLM(
        sys.argv[2], skip_tokenizer_init=True, load_format="dummy", dtype="bfloat16", enforce_eager=True,
        max_model_len=8192, max_num_seqs=8, enable_prefix_caching=False,
        max_num_batched_tokens=1024,  # it starts with a pass of so many: 8,192 take too long with AVX2 alone
    )  # fmt: skip
    for line in sys.stdin:
        asked = json.loads(line)
        found = {}
        if asked:
            spent = []
            for number in (2, 2 + asked["number"]):
                params = SamplingParams(
                    temperature=0.0, max_tokens=number, min_tokens=number, ignore_eos=True, detokenize=False
                )
                start = time.perf_counter(), time.process_time()
                llm.generate([TokensPrompt(prompt_token_ids=asked["ids"])], params, use_tqdm=False)
                spent.append((time.perf_counter() - start[0], time.process_time() - start[1]))
            found = {
                name: (spent[1][i] - spent[0][i]) / asked["number"] for i, name in enumerate(("wall", "cpu"))
            }
            # the first of the two tokens comes with the prompt
            found |= {f"prompt_{name}": spent[0][i] - found[name] for i, name in enumerate(("wall", "cpu"))}
        print("RESULT " + json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
