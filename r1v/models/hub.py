"""From a model's name to its folder: local, shipped with the package, or from the Hugging Face hub.

Enters: a name. Leaves: a folder with config.json and weights. Always holds: of a hub repository only data is
fetched (safetensors, JSON, text, templates), never code; the revision found at the first download is the one
used from then on, until another is asked for by ``name@revision``.
"""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from r1v.core import CheckpointError, UnavailableError
from r1v.models.tensor_files import TensorFiles

BUILT_IN: Mapping[str, Path] = MappingProxyType({"r1v-nano": Path(__file__).parent / "r1v-nano"})

SHORT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "r1v-38b": "Skywork/Skywork-R1V-38B",
        "r1v2-38b": "Skywork/Skywork-R1V2-38B",
        "r1v3-38b": "Skywork/Skywork-R1V3-38B",
        "r1v-38b-awq": "Skywork/Skywork-R1V-38B-AWQ",
        "r1v2-38b-awq": "Skywork/Skywork-R1V2-38B-AWQ",
        "r1v3-38b-awq": "Skywork/Skywork-R1V3-38B-AWQ",
    }
)

CONNECT_S = 5.0  # seconds within which the hub must answer
PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.jinja")
_REPOSITORY = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+))?")


def resolve_model(name: str | Path) -> Path:
    """The folder of a model.

    name: a local folder, a GGUF file (converted once, see `folder_of_gguf`), ``r1v-nano``, a short name of a
    release, or a hub repository as ``owner/name``; the last two also with ``@revision``. A repository that is
    not in Hugging Face's cache is downloaded, with
    progress; an interrupted download goes on where it stopped. Raises CheckpointError for a name that is
    none of these, UnavailableError where the hub cannot be reached or refuses.
    """
    text = str(name)
    if text and Path(name).is_dir():
        return Path(name)
    if text.endswith(".gguf"):
        return folder_of_gguf(Path(name))
    if text in BUILT_IN:
        if not (BUILT_IN[text] / "config.json").is_file():
            raise CheckpointError(f"this installation lacks the built-in model {text}; install r1v again")
        return BUILT_IN[text]
    short, _, revision = text.partition("@")
    if short in SHORT_NAMES:
        text = SHORT_NAMES[short] + (f"@{revision}" if revision else "")
    found = _REPOSITORY.fullmatch(text)
    if found is None or text.startswith("."):
        raise CheckpointError(
            f"{text!r} is neither a folder nor a known model; give a folder, a GGUF file, a hub repository "
            f"(owner/name), "
            f"or one of {', '.join((*BUILT_IN, *SHORT_NAMES))}"
        )
    return download(found[1], found[2])


def folder_of_gguf(file: Path) -> Path:
    """The checkpoint's folder of a GGUF file, converted at the first use and kept in ~/.cache/r1v/gguf.

    Another size or time of change of the file makes another folder. Errors as `gguf.convert.convert_gguf`.
    """
    from r1v.models.gguf.convert import convert_gguf

    if not file.is_file():
        raise CheckpointError(f"{file} does not exist; give a GGUF file, or the folder of a checkpoint")
    file = file.resolve()
    found = file.stat()
    stamp = hashlib.sha256(f"1 {file} {found.st_size} {found.st_mtime_ns}".encode()).hexdigest()[:12]
    folder = Path.home() / ".cache" / "r1v" / "gguf" / f"{file.stem}-{stamp}"
    if not (folder / "config.json").is_file():
        print(f"converting {file.name} once, into {folder}", file=sys.stderr)
        convert_gguf(file, folder)
    return folder


def resolve_config(name: str | Path) -> Path:
    """As `resolve`, but only config.json has to be there, and only it is downloaded."""
    text = str(name)
    if text and Path(name).is_dir():
        return Path(name)
    short, _, revision = text.partition("@")
    if short in SHORT_NAMES:
        text = SHORT_NAMES[short] + (f"@{revision}" if revision else "")
    found = _REPOSITORY.fullmatch(text)
    if text.endswith(".gguf") or text in BUILT_IN or found is None or text.startswith("."):
        return resolve_model(name)
    cached = _cached(found[1], found[2])
    if cached is not None and (cached / "config.json").is_file():
        return cached
    from huggingface_hub import errors, hf_hub_download

    try:
        check_hub()
        return Path(hf_hub_download(found[1], "config.json", revision=found[2])).parent
    except errors.LocalEntryNotFoundError as error:  # an EntryNotFoundError too
        raise _unreachable_config(found[1], error) from None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise UnavailableError(
            f"the hub has no config.json of {found[1]}, or you may not read it ({type(error).__name__})"
        ) from None
    except _network_errors() as error:
        raise _unreachable_config(found[1], error) from None


def download(repository: str, revision: str | None = None) -> Path:
    """The snapshot of a hub repository in Hugging Face's cache; files that are missing there are
    downloaded."""
    cached = _cached(repository, revision)
    if cached is not None and is_complete(cached):
        return cached
    from huggingface_hub import errors, snapshot_download

    try:
        check_hub()
        folder = snapshot_download(
            repository,
            # an unfinished download belongs to this commit: finish it, even if main has moved on
            revision=cached.name if cached is not None else revision,
            allow_patterns=list(PATTERNS),
            ignore_patterns=["*/*"],
        )
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        at = f" at revision {revision}" if revision else ""
        raise UnavailableError(
            f"the hub has no repository {repository}{at}, or you may not read it ({type(error).__name__})"
        ) from None
    except _network_errors() as error:
        raise UnavailableError(
            f"{repository} is not complete in the local cache and cannot be downloaded "
            f"({_first_sentence(error)}); connect to the internet, or give a local folder"
        ) from None
    if not is_complete(Path(folder)):
        raise CheckpointError(
            f"{repository} has no complete safetensors checkpoint; pickled files are not read"
        )
    return Path(folder)


def check_hub() -> None:
    """Raise an OSError where the hub does not answer at all, after at most CONNECT_S: its own client tries
    again for most of a minute."""
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return  # the hub's own client reports this at once
    problems: list[str] = ["no answer in time"]

    def ask() -> None:
        try:
            with httpx.Client(timeout=CONNECT_S) as client:
                client.head(constants.ENDPOINT)
            problems.clear()
        except httpx.TransportError as error:
            problems[:] = [str(error) or type(error).__name__]

    asking = threading.Thread(target=ask, daemon=True)  # a name lookup has no time limit of its own
    asking.start()
    asking.join(CONNECT_S)
    if problems:
        raise OSError(f"{httpx.URL(constants.ENDPOINT).host} does not answer: {problems[0]}")


def is_complete(folder: Path) -> bool:
    """Whether a folder has a config.json and undamaged headers of all its shards."""
    try:
        return (folder / "config.json").is_file() and bool(TensorFiles(folder).infos)
    except CheckpointError:
        return False


def _cached(repository: str, revision: str | None) -> Path | None:
    """The snapshot's folder in Hugging Face's cache (refs name commits, snapshots are by commit)."""
    from huggingface_hub import constants

    root = Path(constants.HF_HUB_CACHE) / ("models--" + repository.replace("/", "--"))
    reference = root / "refs" / (revision or "main")
    commit = reference.read_text(encoding="ascii").strip() if reference.is_file() else revision
    if not commit or not (root / "snapshots" / commit).is_dir():
        return None
    return root / "snapshots" / commit


def _network_errors() -> tuple[type[Exception], ...]:
    """What the hub's client raises without network or at a refusal, in its versions 0.30 to 2."""
    from huggingface_hub import errors

    names = ("HTTPError", "HfHubHTTPError", "IncompleteSnapshotError")
    return (OSError, ValueError, *(getattr(errors, name) for name in names if hasattr(errors, name)))


def _unreachable_config(repository: str, error: Exception) -> UnavailableError:
    return UnavailableError(
        f"config.json of {repository} is not in the local cache and cannot be downloaded "
        f"({_first_sentence(error)}); connect to the internet, or give a folder that holds it"
    )


def _first_sentence(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line.split(". ")[0].rstrip(".")[:160]
