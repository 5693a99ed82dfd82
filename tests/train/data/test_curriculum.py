"""The curriculum: looks widen with success, and all are wide at the end."""

from dataclasses import replace
from random import Random

from r1v.train.data.curriculum import Curriculum, CurriculumConfig

CONFIG = CurriculumConfig(on=True, widen=0.05, widen_above=0.4, floor_start=0.5, floor_end=0.8)


def make(start: float = 0.0) -> Curriculum:
    return Curriculum(("easy", "stuck"), replace(CONFIG, start_variation=start))


def test_a_learned_family_widens_and_a_stuck_one_waits_for_the_floor() -> None:
    curriculum = make()
    for _ in range(60):
        curriculum.update({"easy": (16, 16), "stuck": (0, 16)}, progress=0.2)
    assert curriculum.variation == {"easy": 1.0, "stuck": 0.0}
    curriculum.update({}, progress=0.65)
    assert abs(curriculum.variation["stuck"] - 0.5) < 1e-9
    curriculum.update({}, progress=0.9)
    assert curriculum.variation["stuck"] == 1.0


def test_a_learned_family_is_drawn_less_often_and_never_not_at_all() -> None:
    curriculum = make()
    for _ in range(100):
        curriculum.update({"easy": (16, 16), "stuck": (0, 16)}, progress=0.1)
    rng = Random(0)
    drawn = [curriculum.choose(rng)[0] for _ in range(1000)]
    assert 100 < drawn.count("easy") < 300


def test_state_goes_round() -> None:
    one, two = make(), make()
    one.update({"easy": (9, 16), "stuck": (2, 16)}, 0.6)
    two.restore(one.state())
    assert two.state() == one.state()


def test_it_can_start_wide() -> None:
    assert set(make(start=1.0).variation.values()) == {1.0}


def test_known_families_start_wide() -> None:
    curriculum = Curriculum(("old", "new"), replace(CONFIG, known=("old",)))
    assert curriculum.variation == {"old": 1.0, "new": 0.0}
