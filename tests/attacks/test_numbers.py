"""Every numeric parameter over the whole range of doubles and integers, several at once, with a healthy client
beside it: nothing is answered with 5xx, and the healthy answers stay what they are alone."""
# ruff: noqa: E501

import json
import math
import random
import struct
import threading
from collections import Counter
from typing import Any

import httpx
import pytest

from r1v.llm import LLM
from tests.server.conftest import serving

URL = "/v1/chat/completions"
REALS = ("temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
         "deadline_s")  # fmt: skip
WHOLE = ("top_k", "seed", "max_tokens", "min_tokens", "thinking_budget", "n", "top_logprobs")
EDGES = (0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1e-40, 1e-37, 1.4e-45, 1e-7, 1e-5, 9.9e-6, 0.1, 0.5,
         1 - 1e-16, 1.0, 1 + 2.3e-16, 1.05, 2.0, 10.0, 100.0, 65504.0, 3.4e38, 3.5e38, 1e300, 1.7976931348623157e308,
         -1.0, -2.0, -1e308)  # fmt: skip
INTEGERS = (0, 1, -1, 2, 3, 16, 17, 127, 128, 255, 256, 511, 512, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63,
            -(2**63), 10**30, -(10**30))  # fmt: skip


def real(rng: random.Random) -> float | int:
    """A number: often at an edge, sometimes any double there is, sometimes a plain one."""
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(EDGES)
    if kind < 0.7:
        return rng.uniform(0, 2)
    if kind < 0.75:
        return rng.choice(INTEGERS)
    value: float = struct.unpack("<d", rng.randbytes(8))[0]
    return value if math.isfinite(value) else 0.0


def body(rng: random.Random, vocab_size: int) -> dict[str, Any]:
    """A request with one to six numbers that nobody would send."""
    found: dict[str, Any] = {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 3,
    }
    for name in rng.sample(REALS, rng.randint(1, 4)):
        found[name] = real(rng)
    for name in rng.sample(WHOLE, rng.randint(0, 2)):
        found[name] = rng.choice(INTEGERS)
    if rng.random() < 0.4:
        keys = rng.sample(range(vocab_size), rng.randint(1, 20))
        found["logit_bias"] = {str(key): real(rng) if rng.random() < 0.3 else rng.choice((-100, 100, 0, 1e-40))
                               for key in keys}  # fmt: skip
    if rng.random() < 0.2:
        found["stop_token_ids"] = rng.sample(range(vocab_size), rng.randint(1, 64))
    if rng.random() < 0.1:
        found |= {"min_tokens": 3, "stop_token_ids": list(range(64))}
    if "top_logprobs" in found:
        found["logprobs"] = True
    if rng.random() < 0.2:
        found["stream"] = True
    return found


HEALTHY = {"model": "tiny", "messages": [{"role": "user", "content": "How many?"}], "max_tokens": 12,
           "temperature": 0, "seed": 1}  # fmt: skip


def healthy(client: httpx.Client) -> str:
    answer = client.post(URL, json=HEALTHY)
    assert answer.status_code == 200, answer.text
    return json.dumps(answer.json()["choices"][0]["message"])


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", [150, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_number_ends_anything_for_others(tiny_llm: LLM, number: int) -> None:
    rng = random.Random(number)
    wrong: list[str] = []
    seen: Counter[int] = Counter()
    stop = threading.Event()
    with serving(tiny_llm) as served:
        with httpx.Client(base_url=served.url, timeout=120) as client:
            alone = healthy(client)

        def beside() -> None:
            with httpx.Client(base_url=served.url, timeout=120) as client:
                while not stop.is_set():
                    if healthy(client) != alone:
                        wrong.append("a neighbour's answer changed")
                        return

        def attack(bodies: list[dict[str, Any]]) -> None:
            with httpx.Client(base_url=served.url, timeout=120) as client:
                for each in bodies:
                    answer = client.post(URL, json=each)
                    seen[answer.status_code] += 1
                    if answer.status_code >= 500 or '"server_error"' in answer.text or "NaN" in answer.text:
                        # a deadline of next to nothing is the client's own wish
                        if answer.status_code == 504 and "deadline_s" in each:
                            continue
                        wrong.append(f"{answer.status_code} {answer.text[:200]} for {each}")

        bodies = [body(rng, tiny_llm.info.vocab_size) for _ in range(number)]
        threads = [threading.Thread(target=beside)]
        threads += [threading.Thread(target=attack, args=(bodies[start::4],)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads[1:]:
            thread.join()
        stop.set()
        threads[0].join()
        assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:5])
        with httpx.Client(base_url=served.url, timeout=120) as client:
            assert healthy(client) == alone and client.get("/health").status_code == 200
        assert seen[200] > number // 20 and seen[400] > number // 20, seen
        served.wait_until(lambda: served.idle)
