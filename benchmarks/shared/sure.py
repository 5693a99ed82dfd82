"""How sure a model is of what it has said, as anybody can read it from an answer with log-probabilities."""

from __future__ import annotations

import math

from r1v.core import Completion


def sure(reply: Completion) -> float:
    """The log-probability of the whole reply, thinking and answer: the sum over its tokens, nats. It has to
    be asked for with ``logprobs=0``."""
    assert reply.logprobs is not None, "asked with logprobs=0"
    return math.fsum(one.logprob for one in reply.logprobs)
