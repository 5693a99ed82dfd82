"""The hybrid reward: what a group learns from, what is no number, functions of one's own, and the buffer with
a reward model in the loop."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from r1v.core import ConfigError, FinishReason, R1VError
from r1v.scoring import Verdict
from r1v.train.core.config import RewardConfig
from r1v.train.core.config_read import changed
from r1v.train.data.examples import AnswerKey
from r1v.train.data.pairs import choose_pairs
from r1v.train.losses import group_advantages
from r1v.train.reward.functions import load_function
from r1v.train.reward.hybrid import Reward, advantages, combine
from r1v.train.reward.rules import RuleReward, well_formed
from r1v.train.rollout.sampler import Response
from r1v.train.stages.grpo import GRPOTrainer
from tests.train.stages.test_grpo import by_first_token, config, metrics, trainer_of
from tests.train.stages.test_stages import make_reward_model

CONFIG = RewardConfig()


def rewards(
    rights: Sequence[bool], models: Sequence[float], forms: Sequence[bool] | None = None
) -> list[Reward]:
    return [
        combine(Verdict.RIGHT if right else Verdict.WRONG, form, model, CONFIG)
        for right, model, form in zip(rights, models, forms or [False] * len(rights), strict=True)
    ]


@pytest.mark.parametrize("right", [True, False])
def test_a_group_that_is_equal_by_rule_learns_nothing_from_a_reward_model(right: bool) -> None:
    group = rewards([right] * 4, [0.1, 0.9, 0.4, 0.6])
    found = advantages(group, CONFIG)
    assert found.values == (0.0,) * 4 and not found.effective
    limited = advantages(group, RewardConfig(model_alone=0.25))
    assert max(map(abs, limited.values)) == 0.25 and not limited.effective
    assert limited.values[1] > limited.values[3] > limited.values[2] > limited.values[0]
    formed = advantages(rewards([right] * 2, [0.1, 0.9], [True, False]), CONFIG)
    assert formed.values[0] > 0 > formed.values[1]  # the form counts, though the model prefers the other one


def test_a_mixed_group_adds_all_parts() -> None:
    found = advantages(rewards([True, False, False], [0.2, 0.9, 0.1]), CONFIG, "none")
    totals = [1.1, 0.45, 0.05]
    assert found.effective
    assert found.values == pytest.approx([total - sum(totals) / 3 for total in totals], abs=1e-6)


def test_right_is_better_than_i_cannot_tell_and_that_is_better_than_wrong() -> None:
    costly = RewardConfig(wrong_cost=1.0, refusal_cost=0.1, model_weight=0.0, format_weight=0.0)
    right, refused, wrong, cut = (
        combine(verdict, False, 0.0, costly, refused=said).total
        for verdict, said in ((Verdict.RIGHT, False), (Verdict.UNPARSED, True), (Verdict.WRONG, False),
                              (Verdict.TRUNCATED, False))
    )  # fmt: skip
    assert (right, refused, wrong, cut) == (1.0, -0.1, -1.0, -1.0)
    assert combine(Verdict.WRONG, False, 0.0, costly).rule == 0.0  # the share of right ones is still told
    unknown = combine(Verdict.RIGHT, False, 0.0, costly, refused=True).total
    assert unknown == 1.0  # where there is no answer, to say so is right
    for verdict in (Verdict.WRONG, Verdict.UNPARSED):  # and without the costs nothing has changed
        assert combine(verdict, False, 0.0, RewardConfig(), refused=True).total == 0.0
    group = [combine(v, False, 0.0, costly, refused=s) for v, s in (
        (Verdict.RIGHT, False), (Verdict.UNPARSED, True), (Verdict.WRONG, False))]  # fmt: skip
    found = advantages(group, costly)
    assert found.effective and found.values[0] > found.values[1] > found.values[2]


@pytest.mark.parametrize(
    ("key", "answer", "verdict", "form"),
    [
        ("", "I can't tell: there is no picture.", Verdict.RIGHT, True),
        ("", "Hello!", Verdict.RIGHT, False),
        ("", "Answer: \\boxed{3}", Verdict.WRONG, True),
        ("", "", Verdict.WRONG, False),
        ("3", "I can't tell: there is no picture.", Verdict.UNPARSED, True),
        ("3", "Answer: \\boxed{3}", Verdict.RIGHT, True),
    ],
)
def test_a_question_without_an_answer_wants_a_reply_without_a_box(
    key: str, answer: str, verdict: Verdict, form: bool
) -> None:
    response = Response((), np.zeros(0, np.float32), FinishReason.STOP, None, "looked for: a chart", answer)
    rules = RuleReward()
    assert rules.verdict(response, AnswerKey(key, "number" if key else "string")) is verdict
    assert well_formed(response) is form
    rules.close()


@pytest.mark.parametrize(
    ("refusal", "answer", "verdict"),
    [
        (True, "I can't tell: there is no picture.", Verdict.RIGHT),
        (True, "我答不出来：没有图片。", Verdict.RIGHT),
        (True, "Hello!", Verdict.WRONG),
        (True, "It is 7.", Verdict.WRONG),
        (False, "Hello!", Verdict.RIGHT),
        (False, "I can't tell: there is no picture.", Verdict.WRONG),
        (False, "Answer: \\boxed{3}", Verdict.WRONG),
    ],
)
def test_where_a_refusal_is_wanted_nothing_else_is_right(
    refusal: bool, answer: str, verdict: Verdict
) -> None:
    response = Response((), np.zeros(0, np.float32), FinishReason.STOP, None, "looked for: a chart", answer)
    rules = RuleReward()
    assert rules.verdict(response, AnswerKey("", "string", refusal=refusal)) is verdict
    rules.close()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_never_chosen(bad: float) -> None:
    found = advantages(rewards([True, False, True, False], [bad, 0.9, 0.2, 0.1]), CONFIG)
    assert found.values[0] == 0.0 and found.effective and all(map(math.isfinite, found.values))
    alone = advantages(rewards([False] * 3, [bad, 0.9, 0.2]), RewardConfig(model_alone=0.5))
    assert alone.values[0] == 0.0 and alone.values[1] > 0
    values = group_advantages(torch.tensor([[bad, 1.0, 0.0], [bad, 1.0, 1.0]]))
    assert values[0, 0] == 0.0 and values[0, 1] == -values[0, 2] > 0 and not values[1].any()
    assert choose_pairs([bad, 1.0, 0.0], [True, True, True], 0.0, 9) == [(1, 2, 1.0)]


def test_functions_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "def share(completions, answers, bbox):\n"
        "    return [bbox[0] if c == a else None for c, a in zip(completions, answers)]\n"
        "def short(completions, **rest):\n    return [1] * (len(completions) - 1)\n"
        "def broken(completions):\n    return 1 / 0\n"
        "def array(completions):\n    import numpy\n    return numpy.arange(2, 4)\n"
        "def texts(completions):\n    return ['1', '2']\n"
    )
    share = load_function(f"{file}:share:0.5")
    assert (share.name, share.weight) == ("share", 0.5)
    given = ("question all 3", ["4", "5"], ["", ""], "4", "q", {"bbox": [0.25], "other": 1})
    assert share(*given) == [0.25, None]
    wanted = r"broken failed for question all 3: ZeroDivisionError: division by zero \(mine\.py, line 6\)$"
    with pytest.raises(R1VError, match=wanted):
        load_function(f"{file}:broken")(*given)
    with pytest.raises(
        R1VError, match=r"returned a list of 1 for question all 3; .* each of the 2 completions"
    ):
        load_function(f"{file}:short")(*given)
    assert load_function(f"{file}:array")(*given) == [2.0, 3.0]
    with pytest.raises(R1VError, match=r"returned '1' for question all 3; it must be a number or None"):
        load_function(f"{file}:texts")(*given)
    with pytest.raises(
        R1VError, match=r"share wants bbox, which question all 4 does not have; it has other, "
    ):
        share("question all 4", *given[1:5], {"other": 1})
    for text in (f"{file}:none", "no_such_module:f", f"{file}:share:much", "nothing"):
        with pytest.raises(ConfigError, match=r"reward\.functions"):
            load_function(text)


def test_a_file_that_cannot_be_imported_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    for code, said in (
        ("x = 1\ndef f(:\n", f"{file}, line 2: invalid syntax; correct it"),
        ("\nimport no_such_module\n", f"{file} cannot be imported: ModuleNotFoundError: No module named "
         "'no_such_module' (mine.py, line 2); correct it"),
        ("def g():\n    return {}['a']\ng()\n",
         f"{file} cannot be imported: KeyError: 'a' (mine.py, line 2); correct it"),
        ("x = 1\n", f"{file} has no function f"),
    ):  # fmt: skip
        file.write_text(code)
        with pytest.raises(ConfigError) as error:
            load_function(f"{file}:f")
        assert str(error.value) == f"reward.functions: {said}"


def test_columns_for_functions_are_not_called_unused(start: Path, tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "answer": "1", "count": 1, "other": 2} for i in range(4)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "mine.py").write_text("def f(completions, count):\n    return [count] * len(completions)\n")
    console = Console(record=True, width=300)
    c = config(start, tmp_path / "run", functions=(f"{tmp_path / 'mine.py'}:f",), families=(),
               data=str(tmp_path / "rows.jsonl"))  # fmt: skip
    GRPOTrainer(c, console).asker.close()
    assert "keys of" in (said := console.export_text()) and "not used: other (4 rows)" in said


def test_functions_in_a_run(start: Path, tmp_path: Path) -> None:
    """Each is logged by its name; NaN is counted and named; the verdict need not be 0 or 1."""
    file = tmp_path / "mine.py"
    file.write_text(
        "import math\n"
        "def length(completions, thinking):\n    return [float(len(t) % 5) for t in thinking]\n"
        "def odd(completions):\n    return [math.nan] + [None] * (len(completions) - 1)\n"
    )
    names = (f"{file}:length:0.5", f"{file}:odd")
    trainer_of(config(start, tmp_path / "run", steps=2, functions=names)).train()
    rows = metrics(tmp_path / "run")
    assert set(rows[0]["functions"]) == {"length", "odd"} and rows[0]["bad_samples"] == 3
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert sum("odd gave no finite score" in line.get("bad", "") for line in lines) == 6


def grpo_with(
    reward_model: Path, start: Path, out: Path, verdict: Any, **changes: Any
) -> list[dict[str, Any]]:
    c = changed(config(start, out, **changes), reward__model=str(reward_model))
    trainer_of(c, verdict).train()
    return metrics(out)


@pytest.fixture(scope="module")
def reward_model(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_reward_model(start, tmp_path_factory.mktemp("hybrid") / "model")


def test_the_buffer_works_with_a_reward_model(start: Path, reward_model: Path, tmp_path: Path) -> None:
    """All wrong: no sample is effective, whatever the reward model says. Half right: replays come."""
    rows = grpo_with(reward_model, start, tmp_path / "wrong", lambda r, k: Verdict.WRONG, steps=2)
    assert all(row["model"] > 0 for row in rows)
    assert all(row["ssb"]["fresh_effective"] == 0.0 and row["ssb"]["size"] == 0 for row in rows)

    def sometimes(response: Response, key: AnswerKey) -> Verdict:
        """Right now and then, and never where the answer is even."""
        return by_first_token(response, key) if int(key.answer) % 2 else Verdict.WRONG

    changes = {"steps": 4, "prompts": 6, "families": ("counting",), "ssb__mix": 1.0}
    rows = grpo_with(reward_model, start, tmp_path / "mixed", sometimes, **changes)
    assert any(row["ssb"]["replayed"] for row in rows)
    assert any(row["ssb"]["fresh_effective"] < 1.0 for row in rows)


def test_a_reward_model_that_gives_nan_is_named_and_not_taken_for_stale_weights(
    start: Path, reward_model: Path, tmp_path: Path
) -> None:
    c = changed(config(start, tmp_path / "run", steps=2), reward__model=str(reward_model))
    trainer = trainer_of(c)
    scorer = trainer.asker.reward.scorer
    assert scorer is not None
    score = scorer.score
    scorer.score = lambda rows: [math.nan, *score(rows)[1:]]  # type: ignore[method-assign]
    trainer.train()
    rows = metrics(tmp_path / "run")
    assert [row["bad_samples"] for row in rows] == [1, 1] and all(math.isfinite(row["loss"]) for row in rows)


def test_a_gradient_that_is_not_finite_ends_the_run_before_a_weight_changes(
    start: Path, tmp_path: Path
) -> None:
    trainer = GRPOTrainer(config(start, tmp_path / "run"), Console(quiet=True))
    before = {name: p.detach().clone() for name, p in trainer.policy.named_parameters()}
    trainer.policy.base.language.norm.weight.grad = torch.full_like(
        trainer.policy.base.language.norm.weight, math.nan
    )
    with pytest.raises(R1VError, match="not finite"):
        trainer.bench.update(1.0)
    assert all(torch.equal(before[name], p) for name, p in trainer.policy.named_parameters())
    trainer.asker.close()
