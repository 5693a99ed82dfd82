"""Names of models to folders, with Hugging Face's cache and network imitated."""

import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from r1v.core import CheckpointError, UnavailableError
from r1v.models import hub, resolve_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of Hugging Face's client."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


class Hub:
    """Stands for `snapshot_download`: copies a folder into the cache, as far as it is told to."""

    def __init__(self, cache: Path, source: Path) -> None:
        self.cache, self.source = cache, source
        self.asked: list[tuple[str, Any]] = []
        self.files: set[str] | None = None

    def __call__(self, repository: str, revision: str | None = None, **options: Any) -> str:
        self.asked.append((repository, revision))
        assert options["allow_patterns"] == list(hub.PATTERNS) and options["ignore_patterns"] == ["*/*"]
        root = self.cache / f"models--{repository.replace('/', '--')}"
        folder = root / "snapshots" / COMMIT
        folder.mkdir(parents=True, exist_ok=True)
        (root / "refs").mkdir(exist_ok=True)
        (root / "refs" / (revision or "main")).write_text(COMMIT)
        for path in self.source.iterdir():
            if self.files is None or path.name in self.files:
                shutil.copy(path, folder / path.name)
        if self.files is not None:
            raise ConnectionError("Connection broken")
        return str(folder)


@pytest.fixture
def online(cache: Path, native_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    fake = Hub(cache, native_folder)
    monkeypatch.setattr(hub, "check_hub", lambda: None)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fake)
    return fake


def test_local_folders_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert resolve_model("owner/name") == Path("owner/name")
    assert resolve_model(tmp_path) == tmp_path


@pytest.mark.parametrize(
    "name", ["nothing", "./owner/name", "../x/y", "a/b/c", "owner/name@", "", "/no/such/folder"]
)
def test_names_that_are_none(name: str, cache: Path) -> None:
    with pytest.raises(CheckpointError, match=re.escape(f"{name!r} is neither a folder nor a known model")):
        resolve_model(name)


def test_the_built_in_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, native_folder: Path) -> None:
    monkeypatch.setattr(hub, "BUILT_IN", {"r1v-nano": native_folder})
    assert resolve_model("r1v-nano") == native_folder
    monkeypatch.setattr(hub, "BUILT_IN", {"r1v-nano": tmp_path / "gone"})
    with pytest.raises(CheckpointError, match="lacks the built-in model"):
        resolve_model("r1v-nano")


def test_a_download_is_done_once(online: Hub) -> None:
    folder = resolve_model("r1v3-38b")
    assert folder.name == COMMIT and online.asked == [("Skywork/Skywork-R1V3-38B", None)]
    assert resolve_model("Skywork/Skywork-R1V3-38B") == folder and len(online.asked) == 1


def test_a_revision_is_asked_for(online: Hub) -> None:
    assert resolve_model("r1v2-38b-awq@v1.0").name == COMMIT
    assert resolve_model("owner/name@v1.0").name == COMMIT
    assert resolve_model(f"owner/name@{COMMIT}").name == COMMIT  # in the cache already
    assert online.asked == [("Skywork/Skywork-R1V2-38B-AWQ", "v1.0"), ("owner/name", "v1.0")]


def test_an_interrupted_download_goes_on_with_the_same_commit(online: Hub) -> None:
    online.files = {"config.json"}
    with pytest.raises(
        UnavailableError, match=r"cannot be downloaded \(Connection broken.*give a local folder"
    ):
        resolve_model("owner/name")
    online.files = None
    assert hub.is_complete(resolve_model("owner/name"))
    assert online.asked == [("owner/name", None), ("owner/name", COMMIT)]


def test_a_repository_of_pickles(online: Hub, tmp_path: Path) -> None:
    (tmp_path / "pickles").mkdir()
    (tmp_path / "pickles" / "config.json").write_text("{}")
    online.source = tmp_path / "pickles"
    with pytest.raises(CheckpointError, match="no complete safetensors checkpoint"):
        resolve_model("owner/name")


def test_without_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UnavailableError, match="connect to the internet, or give a local folder") as caught:
        resolve_model("r1v-38b")
    assert "\n" not in str(caught.value)


def test_a_repository_that_is_not_there(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import errors

    def missing(*args: Any, **options: Any) -> str:
        raise errors.RepositoryNotFoundError.__new__(errors.RepositoryNotFoundError)

    monkeypatch.setattr(hub, "check_hub", lambda: None)
    monkeypatch.setattr("huggingface_hub.snapshot_download", missing)
    with pytest.raises(UnavailableError, match="has no repository owner/name at revision abc"):
        resolve_model("owner/name@abc")


@pytest.mark.parametrize(
    "failure, says",
    [("LocalEntryNotFoundError", "cannot be downloaded"), ("EntryNotFoundError", "has no config.json")],
)
def test_a_config_that_cannot_be_had_says_why(
    failure: str, says: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import errors

    def refuse(*_: Any, **__: Any) -> str:
        raise getattr(errors, failure)("No network. Check the connection.")

    monkeypatch.setattr(hub, "check_hub", lambda: None)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    with pytest.raises(UnavailableError, match=says) as error:
        hub.resolve_config("owner/name")
    assert "Check" not in str(error.value)


@pytest.mark.parametrize("resolve", [resolve_model, hub.resolve_config])
def test_without_a_network_the_hubs_client_is_not_asked(
    resolve: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That client would try again for most of a minute."""
    asked: list[str] = []
    for name in ("snapshot_download", "hf_hub_download"):
        monkeypatch.setattr(f"huggingface_hub.{name}", lambda *_, **__: asked.append("asked"))
    with socket.create_server(("127.0.0.1", 0)) as server:  # nobody listens there when it is closed
        port = server.getsockname()[1]
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1 does not answer") as error:
        resolve("owner/name")
    assert "\n" not in str(error.value) and not asked


def test_a_hub_that_hangs_is_given_up(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections and says nothing
        monkeypatch.setattr(
            "huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}"
        )
        with pytest.raises(UnavailableError, match="does not answer"):
            resolve_model("owner/name")


def test_a_config_in_the_cache_needs_no_network(
    online: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_model("owner/name")

    def fail() -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(hub, "check_hub", fail)
    assert (hub.resolve_config("owner/name") / "config.json").is_file()
