"""Penalties against the formula by hand; clarity on pictures whose Laplacian is known; judges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from r1v.core import Message, R1VError
from r1v.train.data.examples import FigureSource
from r1v.train.data.judges import FigureJudge, ModelJudge
from r1v.train.data.pairs import Reply
from r1v.train.data.quality import Clarity, JudgeScores, assess, clarity, laplacian_variance, min_max, penalty


def test_the_penalty_by_hand() -> None:
    # weighted (0.2 + 2 * 0.5 + 0.5 * 1) / 3.5 = 0.485714...
    assert penalty(0.2, 0.5, 1.0, 0.3, 2.0, 0.5) == pytest.approx(math.exp(0.3 * (1 - 1.7 / 3.5)))
    assert penalty(1.0, 1.0, 1.0, 5.0, 1.0, 1.0) == 1.0  # the hardest: none
    assert penalty(0.0, 0.0, 0.0, 0.5, 1.0, 1.0) == pytest.approx(math.exp(0.5))
    assert penalty(0.0, 0.0, 0.0, 5.0, 1.0, 1.0) == 2.0  # the cap
    assert penalty(0.1, 0.2, 0.3, 0.0, 1.0, 1.0) == 1.0


def test_min_max() -> None:
    assert min_max([2.0, 4.0, 3.0]).tolist() == [0.0, 1.0, 0.5]
    assert min_max([7.0, 7.0]).tolist() == [0.5, 0.5]
    assert min_max([1.0, math.inf, 3.0]).tolist() == [0.0, 1.0, 1.0]
    assert min_max([math.inf]).tolist() == [0.5]


def test_the_laplacian_by_hand() -> None:
    assert laplacian_variance(np.full((5, 5), 9.0)) == 0.0
    assert laplacian_variance(np.arange(25.0).reshape(5, 5)) == 0.0  # a slope has no second derivative
    grey = np.zeros((3, 4))
    grey[1, 1] = 1.0
    assert laplacian_variance(grey) == pytest.approx(np.var([-4.0, 1.0]))
    assert laplacian_variance(np.zeros((2, 9))) == 0.0


def test_a_blurred_picture_is_less_clear() -> None:
    rng = np.random.default_rng(0)
    sharp = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
    blurred = sharp.filter(ImageFilter.GaussianBlur(2))
    assert clarity([blurred]).sharpness < 0.1 * clarity([sharp]).sharpness
    assert clarity([sharp, blurred]) == clarity([blurred])  # the least clear counts
    assert clarity([]).sharpness == math.inf


def test_easy_questions_get_the_higher_penalty() -> None:
    easy, hard = JudgeScores(1, 0, 2, 1), JudgeScores(1, 2, 9, 6)
    found = assess([Clarity(10.0, 100)] * 2, [0.1, 0.1], [easy, hard], alpha=0.3, beta=1.0, gamma=1.0)
    assert found[0].penalty > found[1].penalty >= 1.0
    # all but difficulty, reasoning and integration are alike: S_v 0.5, S_t 0 and 1, S_I 0 and 1
    assert found[0].penalty == pytest.approx(math.exp(0.3 * (1 - 0.5 / 3)))
    assert found[1].penalty == pytest.approx(math.exp(0.3 * (1 - 2.5 / 3)))


def test_figures_judge_themselves() -> None:
    judge = FigureJudge()
    easy, hard = (
        judge.score(FigureSource(("counting",), difficulty=level).example("counting", 3, 0.0))
        for level in ("easy", "hard")
    )  # type: ignore[arg-type]
    assert easy.difficulty < hard.difficulty and easy.reasoning < hard.reasoning
    example = FigureSource(("counting",)).example("counting", 3, 0.0)
    assert judge.correct(example, Reply("wrong", "wrong")) == Reply(example.thinking, example.answer)


def test_a_model_judges() -> None:
    asked: list[Message] = []

    def ask(message: Message) -> str:
        asked.append(message)
        if "student" in message.text:
            return "  better  "
        return "Quality: 7\ndifficulty: 2.5\nREASONING - 3\nintegration: 10"

    example = FigureSource(("counting",)).example("counting", 3, 0.0)
    judge = ModelJudge(ask)
    assert judge.score(example) == JudgeScores(7.0, 2.5, 3.0, 10.0)
    assert judge.correct(example, Reply("odd", "no")) == Reply("better", example.answer)
    assert len(asked[0].images) == 1 and example.key.answer in asked[1].text
    with pytest.raises(R1VError, match="quality"):
        ModelJudge(lambda message: "no idea").score(example)
