"""Certificates: equal where the peer computes the same, and a difference is said where it does not."""

import json
from pathlib import Path

import pytest
import torch

from tests.conftest import write_tiny_checkpoint

pytest.importorskip("transformers")

from r1v.verify.certificate import CheckpointVerifier
from r1v.verify.transformers_peer import TransformersPeer


def test_equal_to_transformers(tiny_tokenizer_folder: Path, tmp_path: Path, run_r1v) -> None:
    folder = write_tiny_checkpoint(tmp_path / "tiny", tiny_tokenizer_folder, "release")
    config = json.loads((folder / "config.json").read_text())
    config["llm_config"]["max_position_embeddings"] = 4096
    (folder / "config.json").write_text(json.dumps(config))
    status, out, err = run_r1v("verify", folder, "--against", "transformers", "--max-tokens", 8)
    assert status == 0, out + err
    certificate = json.loads((folder / "parity-transformers.json").read_text())
    assert certificate["agrees"] and [c["name"] for c in certificate["cases"]] == [
        "text", "one image", "two images", "five images"
    ]  # fmt: skip
    for case in certificate["cases"]:
        assert case["ids_equal"] and case["max_logit_difference"] < 1e-3 and case["equal_prefix"] > 0
        assert case["tiles"] == 0 or case["tile_levels"] <= 2


def test_a_difference_is_seen(tiny_checkpoint: Path) -> None:
    peer = TransformersPeer(tiny_checkpoint)
    with torch.no_grad():
        peer._backend.model.model.language_model.layers[1].mlp.down_proj.weight.mul_(1.1)
    verifier = CheckpointVerifier(str(tiny_checkpoint))
    certificate = verifier.run(peer, max_tokens=4)
    assert not certificate.agrees
    assert any("logits differ" in problem for case in certificate.cases for problem in case.problems)
