"""Log-probabilities in chunks are those of the whole logits, gradients included."""

from __future__ import annotations

import pytest
import torch

from r1v.train.core.token_scores import token_scores


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
@pytest.mark.parametrize("bf16", [False, True])
def test_chunks_change_nothing(chunk: int, bf16: bool) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(7, 5, requires_grad=True)
    weight = torch.randn(11, 5, requires_grad=True)
    targets = torch.randint(0, 11, (7,))
    slope = torch.randn(7)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        found = token_scores(hidden, weight, targets, entropy=True, chunk=chunk)
        logits = torch.nn.functional.linear(hidden, weight).float()
    found.logprobs.backward(slope)
    ours = (hidden.grad.clone(), weight.grad.clone())  # type: ignore[union-attr]
    hidden.grad = weight.grad = None
    wanted = logits.log_softmax(-1)
    picked = wanted.gather(1, targets[:, None]).squeeze(1)
    picked.backward(slope)
    tolerance = 3e-2 if bf16 else 1e-5
    assert torch.allclose(found.logprobs, picked, atol=tolerance)
    assert torch.equal(found.right, logits.argmax(-1) == targets)
    assert found.entropy is not None
    assert torch.allclose(found.entropy, -(wanted.exp() * wanted).sum(-1), atol=tolerance)
    assert torch.allclose(ours[0], hidden.grad, atol=tolerance)  # type: ignore[arg-type]
    assert torch.allclose(ours[1], weight.grad, atol=5 * tolerance)  # type: ignore[arg-type]


def test_a_frozen_matrix_gets_no_gradient() -> None:
    hidden = torch.randn(4, 5, requires_grad=True)
    weight = torch.randn(6, 5)
    token_scores(hidden, weight, torch.tensor([0, 1, 2, 3])).logprobs.sum().backward()
    assert hidden.grad is not None and weight.grad is None


def test_no_targets() -> None:
    hidden = torch.randn(0, 5, requires_grad=True)
    found = token_scores(hidden, torch.randn(6, 5), torch.zeros(0, dtype=torch.int64))
    assert found.logprobs.shape == (0,)
