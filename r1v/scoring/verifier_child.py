"""The child process of ``verifier.py``: a line of JSON in (given, answer, seconds of processor time that the
comparison may take), a line of JSON out. A comparison that takes longer ends the process by SIGPROF."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import resource
import signal
import sys
from typing import Any

MEMORY_BYTES = 4 << 30
MAX_LENGTH = 2000  # characters; longer texts are not short answers


def main() -> None:
    """Serve until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    from math_verify import LatexExtractionConfig, parse, verify
    from math_verify.parser import ExprExtractionConfig

    logging.disable(logging.CRITICAL)
    configs = (LatexExtractionConfig(), ExprExtractionConfig())
    out = sys.stdout
    out.write("ready\n")
    out.flush()
    for line in sys.stdin:
        given, answer, limit_s = json.loads(line)
        result: dict[str, Any] = {"equal": False}
        if max(len(given), len(answer)) <= MAX_LENGTH:
            # with math-verify's own alarms, an interrupted comparison could not be recognised
            signal.setitimer(signal.ITIMER_PROF, limit_s)
            with contextlib.suppress(Exception):
                left, right = (
                    parse(f"${text}$", extraction_config=configs, parsing_timeout=None)
                    for text in (given, answer)
                )
                result = {"given": _value(left), "answer": _value(right)}
                result["equal"] = bool(verify(right, left, timeout_seconds=None))
            signal.setitimer(signal.ITIMER_PROF, 0)
        out.write(json.dumps(result) + "\n")
        out.flush()


def _value(parsed: list[Any]) -> float | None:
    """The numeric value of what was parsed, if it has one."""
    if not parsed:
        return None
    with contextlib.suppress(Exception):
        value = complex(parsed[0].evalf())
        if value.imag == 0 and math.isfinite(value.real):
            return value.real
    return None


if __name__ == "__main__":
    main()
