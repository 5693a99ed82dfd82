"""A server as a peer: what it shows of its prompts, its log-probabilities and its answers.

Always holds: the server is asked as any client would ask it; a token of its log-probabilities is matched with
ours by its bytes, and left out where that is not possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

from r1v.core import Completion, FinishReason, SamplingParams, UnavailableError
from r1v.engine import EngineConfig
from r1v.llm.backends.remote.backend import RemoteBackend
from r1v.llm.backends.remote.wire import error_text, openai_body
from r1v.llm.config import LLMConfig, RemoteConfig
from r1v.llm.requests import ChatRequest
from r1v.prompt import ImageLimits, Processor, Prompt
from r1v.verify.certificate import Case, Scores

NUM_TOP = 5


class RemotePeer:
    """One model of one server."""

    name = "server"

    def __init__(self, url: str, model: str, api_key: str, processor: Processor) -> None:
        """processor: of the same checkpoint, to spell its tokens. Raises UnavailableError, ConfigError."""
        self._remote = RemoteConfig(url.rstrip("/"), api_key=api_key)
        RemoteBackend.from_config(LLMConfig(model, "openai", remote=self._remote), EngineConfig()).close()
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        tokenizer = processor.tokenizer
        spelled = [tokenizer.token_bytes(number) for number in range(tokenizer.num_tokens)]
        self._by_bytes: dict[bytes, int] = {}
        self._twice: set[bytes] = set()
        for number, each in enumerate(spelled):
            if each in self._by_bytes:
                self._twice.add(each)
            self._by_bytes.setdefault(each, number)
        self._answers: dict[str, Any] = {}
        self.versions = {"server": url}

    def tiles(self, case: Case) -> np.ndarray | None:
        """A server does not show them."""
        return None

    def token_ids(self, case: Case) -> list[int] | None:
        """By the server's /tokenize, where it has one that gives ids of images too."""
        root = self._remote.url.removesuffix("/v1")
        body = {"model": self._model, "messages": self._body(case, 1)["messages"]}
        try:
            answer = httpx.post(f"{root}/tokenize", json=body, headers=self._headers, timeout=120.0)
            ids = answer.json()["tokens"] if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError, LookupError):
            return None
        return ids if isinstance(ids, list) and all(isinstance(each, int) for each in ids) else None

    def num_prompt_tokens(self, case: Case) -> int | None:
        """By the usage of an answer."""
        answer = self._answers.get(case.name) or self._ask(case, 1)
        found = (answer.get("usage") or {}).get("prompt_tokens")
        return None if found is None else int(found)

    def _body(self, case: Case, max_tokens: int) -> dict[str, Any]:
        params = SamplingParams.greedy(max_tokens=max_tokens, logprobs=NUM_TOP)
        request = ChatRequest(case.messages, params)
        body = openai_body(self._model, request, 0, self._remote, ImageLimits(), "")
        body |= {"temperature": 0.0, "stream": False}
        del body["stream_options"]
        return body

    def _ask(self, case: Case, max_tokens: int) -> dict[str, Any]:
        url = f"{self._remote.url}/chat/completions"
        try:
            answer = httpx.post(
                url, json=self._body(case, max_tokens), headers=self._headers, timeout=self._remote.timeout_s
            )
        except httpx.HTTPError as error:
            raise UnavailableError(f"{url} cannot be reached ({type(error).__name__})") from error
        if answer.status_code != 200:
            raise UnavailableError(f"{url}: {answer.status_code} {error_text(answer.text)}")
        found: dict[str, Any] = answer.json()
        return found

    def greedy(self, case: Case, prompt: Prompt, max_tokens: int) -> tuple[list[int] | None, Completion]:
        """See Peer; ids are not shown."""
        answer = self._answers[case.name] = self._ask(case, max_tokens)
        message = answer["choices"][0]["message"]
        thinking = message.get("reasoning_content") or message.get("reasoning") or ""
        return None, Completion(thinking, message.get("content") or "", (), FinishReason.STOP)

    def scores(self, case: Case, prompt: Prompt, output: Sequence[int]) -> Scores | None:
        """Log-probabilities of the best tokens, as far as the answers are the same."""
        found = self._answers[case.name]["choices"][0].get("logprobs")
        if not found:
            return None
        rows = []
        entries = [*(found.get("reasoning") or ()), *(found.get("content") or ())]
        if len(entries) < len(output) and not found.get("reasoning"):
            return None  # only the answer's: their places are not known
        for entry, token_id in zip(entries, output, strict=False):
            top = {}
            for each in (entry, *(entry.get("top_logprobs") or ())):
                data = bytes(each["bytes"]) if each.get("bytes") else b""
                if data and data in self._by_bytes and data not in self._twice:
                    top[self._by_bytes[data]] = float(each["logprob"])
            rows.append(top)
            own = bytes(entry["bytes"]) if entry.get("bytes") else b""
            if own and self._by_bytes.get(own) != token_id and own not in self._twice:
                break  # from here on the texts are different
        return Scores(len(prompt.token_ids) - 1, None, tuple(rows))
