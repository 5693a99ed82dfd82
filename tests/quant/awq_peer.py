"""Run by the interpreter of a peer: log probabilities of given token ids by transformers or by vLLM.

    python awq_peer.py {transformers,vllm} REQUEST.json RESULT.json

Enters: the folder, the ids with the image's places, the same as text with one marker for the image, the
picture. Leaves: the ids that the peer made of the text (transformers gets ours) and the log probability of
each but the first.
"""

import json
import sys
from pathlib import Path
from typing import Any


def by_transformers(request: dict[str, Any]) -> dict[str, Any]:
    """One forward pass of the quantised model on a CPU."""
    import torch
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(request["folder"], dtype=torch.bfloat16)
    kinds = sorted({type(each).__name__ for each in model.model.language_model.layers.modules()})
    ids = torch.tensor([request["ids"]])
    pixels = torch.load(request["pixels"]).to(torch.bfloat16)
    with torch.no_grad():
        logits = model(input_ids=ids, pixel_values=pixels).logits[0].float()
    logprobs = logits[:-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    return {"ids": request["ids"], "logprobs": logprobs.tolist(), "kinds": kinds}


def by_vllm(request: dict[str, Any]) -> dict[str, Any]:
    """The folder's name and no flag about quantisation; dtype and cache as a CPU needs them."""
    from PIL import Image
    from vllm import LLM, SamplingParams

    llm = LLM(model=request["folder"], dtype="bfloat16", max_model_len=2048, enforce_eager=True,
              kv_cache_memory_bytes=1 << 28, max_num_seqs=2, limit_mm_per_prompt={"image": 1, "video": 0},
              disable_log_stats=True)  # fmt: skip
    given = {"prompt": request["text"], "multi_modal_data": {"image": Image.open(request["picture"])}}
    output = llm.generate([given], SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0))[0]
    ids = list(output.prompt_token_ids)
    found = [each[i].logprob for i, each in zip(ids[1:], output.prompt_logprobs[1:], strict=True)]
    return {"ids": ids, "logprobs": found, "quantisation": llm.llm_engine.model_config.quantization}


def main() -> None:
    name, request, result = sys.argv[1:]
    asked = json.loads(Path(request).read_text())
    found = {"transformers": by_transformers, "vllm": by_vllm}[name](asked)
    Path(result).write_text(json.dumps(found))


if __name__ == "__main__":  # vLLM starts processes
    main()
