"""Groups and schedules."""

import copy

import pytest
import torch
from torch import nn

from r1v.core import ConfigError
from r1v.train.core.config import OptimConfig
from r1v.train.core.muon import Muon, orthogonalise
from r1v.train.core.optim import Optimizer, count, learning_rate, select


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.layers = nn.ModuleList([nn.Linear(4, 4)])


def test_only_the_named_components_train() -> None:
    modules: dict[str, nn.Module] = {"vision": nn.Linear(3, 2), "llm": nn.Linear(2, 2)}
    select(modules, ["llm"])
    assert [(r.component, r.trained, r.total) for r in count(modules)] == [("vision", 0, 8), ("llm", 6, 6)]
    assert not modules["vision"].weight.requires_grad and modules["llm"].weight.requires_grad
    select(modules, ["vision.b*", "llm.weight"])
    assert [(r.component, r.trained) for r in count(modules)] == [("vision", 2), ("llm", 4)]
    with pytest.raises(ConfigError, match="head"):
        select(modules, ["head"])


def test_a_frozen_parameter_never_moves_and_the_others_do() -> None:
    model = Block()
    model.embed.requires_grad_(False)
    before = {name: p.clone() for name, p in model.named_parameters()}
    optimizer = Optimizer(model, OptimConfig(lr=0.1, muon_lr=0.1, weight_decay=0.1))
    model.layers[0](model.embed(torch.tensor([1]))).sum().backward()
    optimizer.step(1.0)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"layers.0.weight", "layers.0.bias"}


@pytest.mark.parametrize(("muon_lr", "on_cpu"), [(0.0, False), (0.02, False), (0.0, True)])
def test_a_restored_optimizer_goes_on_bit_for_bit(muon_lr: float, on_cpu: bool) -> None:
    def steps(model: Block, optimizer: Optimizer, count: int) -> None:
        for _ in range(count):
            model.layers[0](model.embed(torch.tensor([1, 2]))).square().sum().backward()
            optimizer.step(0.5)

    torch.manual_seed(0)
    model, fresh = Block(), Block()
    settings = OptimConfig(lr=0.01, muon_lr=muon_lr, weight_decay=0.1, on_cpu=on_cpu)
    optimizer = Optimizer(model, settings)
    steps(model, optimizer, 3)
    fresh.load_state_dict(model.state_dict())
    restored = Optimizer(fresh, settings)
    restored.restore(copy.deepcopy(optimizer.state()))
    steps(model, optimizer, 2)
    steps(fresh, restored, 2)
    for one, two in zip(model.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(one, two)


def test_on_the_cpu_it_steps_as_torch_s_adamw() -> None:
    """Against torch's own, with gradients of several shapes, one of them missing in a step."""
    torch.manual_seed(0)
    model, peer = Block(), Block()
    peer.load_state_dict(model.state_dict())
    ours = Optimizer(model, OptimConfig(lr=0.03, betas=(0.9, 0.98), on_cpu=True))
    theirs = torch.optim.AdamW(peer.parameters(), lr=0.03, betas=(0.9, 0.98), weight_decay=0.0)
    for step in range(5):
        for one in (model, peer):
            (one.layers[0](one.embed(torch.tensor([1, 2]))).square().sum() * (step + 1)).backward()
            if step == 2:
                one.embed.weight.grad = None
        ours.step(1.0)
        theirs.step()
        theirs.zero_grad()
        assert all(p.grad is None for p in model.parameters())
        for one, two in zip(model.parameters(), peer.parameters(), strict=True):
            assert torch.allclose(one, two, atol=1e-6)
    with pytest.raises(ConfigError, match="muon_lr"):
        OptimConfig(on_cpu=True, muon_lr=0.1)


def test_schedules_at_known_places() -> None:
    def rate(schedule: str, step: int, progress: float) -> float:
        config = OptimConfig(schedule=schedule, warmup_steps=10, decay_share=0.5, final_lr_share=0.1)
        return learning_rate(config, step, progress)

    assert rate("wsd", 4, 0.0) == 0.5
    assert rate("wsd", 50, 0.4) == 1.0
    assert rate("wsd", 50, 0.75) == 0.5
    assert rate("wsd", 99, 1.0) == 0.1
    assert abs(rate("cosine", 50, 0.5) - 0.55) < 1e-12
    assert rate("constant", 50, 0.9) == 1.0


def test_muon_is_torch_s_own() -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Parameter(torch.ones(24, 40)) for _ in range(2))
    settings = {"lr": 0.02, "weight_decay": 0.1}
    mine = Muon([ours], **settings, dtype=torch.bfloat16)
    peer = torch.optim.Muon([theirs], **settings, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        ours.grad = torch.randn(24, 40)
        theirs.grad = ours.grad.clone()
        mine.step()
        peer.step()
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_float32_and_bfloat16_iterations_agree_and_flatten_the_singular_values() -> None:
    matrix = torch.randn(48, 20, generator=torch.Generator().manual_seed(1))
    exact, rounded = (orthogonalise(matrix[None], kind)[0] for kind in (torch.float32, torch.bfloat16))
    assert (exact - rounded.float()).abs().max() < 0.05
    values = torch.linalg.svdvals(exact)
    assert values.min() > 0.5 and values.max() < 1.3


def test_matrices_of_one_shape_are_treated_as_if_alone() -> None:
    torch.manual_seed(2)
    shapes = [(12, 20), (20, 12), (12, 20), (8, 8)]
    together = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    alone = [nn.Parameter(p.detach().clone()) for p in together]
    settings = {"lr": 0.02, "weight_decay": 0.1, "dtype": torch.float32}
    optimizers = [Muon(together, **settings), *(Muon([p], **settings) for p in alone)]
    for _ in range(3):
        for a, b in zip(together, alone, strict=True):
            a.grad = torch.randn(a.shape)
            b.grad = a.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for a, b in zip(together, alone, strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_components_and_adapters_have_rates_of_their_own() -> None:
    model = nn.ModuleDict({"vision": nn.Linear(2, 2), "language": nn.ModuleDict({"lora_A": nn.Linear(2, 2)})})
    optimizer = Optimizer(model, OptimConfig(lr=1.0, rates={"vision": 0.5, "lora": 0.25}))
    found = {
        optimizer.names[id(p)]: group["lr"]
        for group in optimizer.parts[0].param_groups
        for p in group["params"]
    }
    assert found["vision.weight"] == 0.5 and found["language.lora_A.weight"] == 0.25
