"""The ways in which benchmarks are asked and scored: ``--protocol``.

Enters: a protocol's name. Leaves: its wordings for a benchmark, its sampling, its options and how answers are
read. Always holds: a flag on the command line overrides the protocol's value; the manifest holds the
protocol's name.

    r1v       ours: think step by step, one box, the model's own sampling, answers read by rules
    r1v2      as R1V2's report and its transformers script have it (report section 4.1)
    r1v3      as R1V3's release evaluates: a fork of VLMEvalKit, and EMMA's and MMK12's own scripts
    official  as each benchmark's authors ask, greedily
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from r1v.core import ConfigError
from r1v.eval.benchmark import Benchmark
from r1v.eval.prompts import Wording, prompt

_LONG = 65536
# the sampling of the release's two scripts, as fields of AnswerSampling; its report states none
SCRIPTS: dict[str, dict[str, float]] = {
    "transformers": {"temperature": 0.6, "top_p": 0.95, "repetition_penalty": 1.05, "max_tokens": _LONG},
    "vllm": {"temperature": 0.0, "top_p": 0.95, "repetition_penalty": 1.05, "max_tokens": 8000},
}


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way of evaluating.

    wordings: versions of prompts by name, or by "benchmark/name" for one benchmark. sampling: fields of
    ``AnswerSampling``; own_sampling: the same for single benchmarks. options: of single benchmarks, as
    ``--option`` gives them. reading: how answers are read, one of ``extraction.READINGS``. judge_choices:
    whether a judge, if one is given, also decides on multiple choice. judge: the judge that the protocol
    names.
    """

    name: str
    about: str
    wordings: Mapping[str, int] = field(default_factory=dict)
    sampling: Mapping[str, float] = field(default_factory=dict)
    own_sampling: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    reading: str = "rules"
    judge_choices: bool = False
    judge: str = ""

    def prompts_for(self, which: Benchmark) -> dict[str, Wording]:
        """The wordings of a benchmark's prompts, by name."""
        names = [*which.prompts, "system"]
        versions = {
            name: self.wordings.get(f"{which.name}/{name}", self.wordings.get(name)) for name in names
        }
        return {name: prompt(name, version) for name, version in versions.items() if version is not None}

    def options_for(self, which: Benchmark) -> dict[str, str]:
        return dict(self.options.get(which.name, {}))

    def sampling_for(self, names: list[str]) -> dict[str, Any]:
        """The sampling of a group of benchmarks. Raises ConfigError if it is not the same for all of them."""
        found = [dict(self.own_sampling.get(name, self.sampling)) for name in names]
        for name, one in zip(names, found, strict=True):
            if one != found[0]:
                raise ConfigError(
                    f"protocol {self.name} samples {name} and {names[0]} with different settings; "
                    "give each a run of its own (--out)"
                )
        return found[0] if found else dict(self.sampling)


_R1V2 = {"choice": 1, "open": 1, "unit": 1}
_R1V3 = {
    "choice": 3, "open": 3, "marked": 3, "yes_no": 3, "short": 2,
    "visulogic/marked": 2,
    "emma_mini/choice": 5, "emma_mini/open": 5,
    "mmk12/marked": 3, "mmk12/open": 3, "mmk12/system": 1,
    "seephys/open": 6,
}  # fmt: skip
_OFFICIAL = {
    "choice": 4, "open": 4, "marked": 4, "yes_no": 2, "short": 2,
    "aime24/open": 2, "math500/open": 2, "gpqa/choice": 2, "mathvision/choice": 2, "mathvision/open": 2,
    "mathvision_full/choice": 2, "mathvision_full/open": 2, "mathverse/marked": 1, "mathverse/open": 2,
    "visulogic/marked": 2, "emma_mini/choice": 5, "emma_mini/open": 5, "mmk12/system": 1, "mmk12/marked": 3,
    "mmk12/open": 3, "seephys/open": 6, "geometry3k/choice": 2, "dynamath/marked": 1, "dynamath/open": 2,
    "mmmu_pro/choice": 2, "mmmu_pro_vision/choice": 2,
}  # fmt: skip

PROTOCOLS: dict[str, Protocol] = {
    "r1v": Protocol("r1v", "ours: step by step, one box, read by rules"),
    "r1v2": Protocol(
        "r1v2",
        "R1V2's report: a reasoned guess where unsure, 64K tokens, a judge decides where one is given",
        _R1V2,
        SCRIPTS["transformers"],
        judge_choices=True,
    ),
    "r1v3": Protocol(
        "r1v3",
        "R1V3's fork of VLMEvalKit: greedy, 16,384 tokens, letters read by its rules, a judge, then the box",
        _R1V3,
        {"temperature": 0.0, "max_tokens": 16384},
        {
            "emma_mini": {"temperature": 0.7, "max_tokens": 64000},
            "mmk12": {"temperature": 0.8, "max_tokens": 16384},
        },
        reading="toolkit+box",
        judge="gpt-4o-2024-05-13",
    ),
    "official": Protocol(
        "official",
        "each benchmark's own: its instructions, greedy",
        _OFFICIAL,
        {"temperature": 0.0, "max_tokens": _LONG},
        options={"olympiadbench": {"subset": "all"}},
    ),
}


def protocol(name: str) -> Protocol:
    """A protocol by its name. Raises ConfigError."""
    if name not in PROTOCOLS:
        raise ConfigError(f"protocol {name!r} is not known; use one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
