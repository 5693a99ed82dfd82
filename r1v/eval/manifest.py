"""The description of a run, with which it can be repeated, resumed and compared.

Enters: a model's description and loaded benchmarks. Leaves: the manifest. Always holds: "identity" holds
everything that may change a score, and nothing else; a run is continued only with the same identity.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from r1v.eval.benchmark import Loaded
from r1v.eval.item import Json
from r1v.eval.model import versions
from r1v.eval.store import RunError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a run besides model and benchmarks."""

    epochs: int = 1
    seed: int = 0
    limit: int | None = None
    shuffle_seed: int | None = None
    protocol: str = "r1v"
    pictures: str = "shown"  # or "none", or "captions"


def make_manifest(
    model: Json,
    loaded: Sequence[Loaded],
    item_hashes: Mapping[str, str],
    plan: Plan,
) -> dict[str, Any]:
    """The manifest of a new run."""
    tasks = {
        one.benchmark.name: {
            "version": one.benchmark.version,
            "data": dict(one.origin),
            "items": len(one.items),
            "partial": one.partial,
            "items_sha256": item_hashes.get(one.benchmark.name),
            "prompts": {name: dict(wording.describe()) for name, wording in one.wordings.items()},
            **({"own": dict(one.benchmark.own)} if one.benchmark.own else {}),
        }
        for one in loaded
    }
    manifest = {
        "format": FORMAT,
        "identity": {
            "model": dict(model),
            "plan": asdict(plan),
            "tasks": tasks,
            "versions": dict(versions()),
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"python": sys.version.split()[0], "platform": platform.platform()},
        "judge": None,
    }
    as_stored: dict[str, Any] = json.loads(json.dumps(manifest))  # so that it equals one that was read
    return as_stored


def check_same(known: Json, new: Json) -> None:
    """Raise RunError, which names the first difference, if a run cannot be continued with the present
    settings.

    Other benchmarks, more epochs and another limit are allowed. Versions of packages may differ: the change
    is added to the manifest, because samples were drawn with both.
    """
    tasks = known["identity"]["tasks"].keys() & new["identity"]["tasks"].keys()
    for path, old, now in differences(known["identity"], new["identity"]):
        section, _, rest = path.partition(".")
        name, _, key = rest.partition(".")
        if section == "versions" or path in ("plan.epochs", "plan.limit"):
            continue
        if (path in ("plan.protocol", "plan.pictures") or path.startswith("model.engine.")) and not _there(
            known["identity"], path
        ):
            continue  # a setting that did not exist when the run began
        if section == "tasks" and key in ("data.of", "data.official") and not _there(known["identity"], path):
            continue  # something that was not recorded when the run began
        if section == "tasks" and (name not in tasks or key in ("items", "items_sha256", "partial")):
            continue
        own = known["identity"]["tasks"][name].get("own") if section == "tasks" else None
        if own and own["kind"] == "python" and key in ("own.sha256", "data.sha256", "data.rows"):
            continue  # its questions are compared one by one, and its grader may be mended
        raise RunError(
            f"the run was begun with {path} = {old!r}, but now it is {now!r}; start another run with --out"
        )


def _there(value: Any, path: str) -> bool:
    """Whether a JSON object has the entry that a dotted path names."""
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    return True


def merged(known: Json, new: Json) -> dict[str, Any]:
    """The manifest of a run that is continued: the new one, with the benchmarks of both and what has
    changed."""
    tasks = {**known["identity"]["tasks"], **new["identity"]["tasks"]}
    for name in known["identity"]["tasks"].keys() & new["identity"]["tasks"].keys():
        whole = (
            known["identity"]["tasks"][name].get("partial") is False
        )  # all its questions are already there
        tasks[name] = {**tasks[name], "partial": tasks[name]["partial"] and not whole}
    identity = {**new["identity"], "tasks": tasks}
    changes = [list(change) for change in differences(known["identity"], identity)]
    history = [*known.get("continued", []), {"at": new["created"], "changes": changes}]
    return {**known, "identity": identity, "continued": history}


def differences(left: Any, right: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The differences of two JSON values: (dotted path, left, right); None stands for an absent value."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in sorted(left.keys() | right.keys()):
            yield from differences(left.get(key), right.get(key), f"{path}.{key}" if path else str(key))
    elif left != right:
        yield path, left, right
