"""The drafter: what it proposes, what it remembers, and that it is silent where proposing does not pay."""

import random

from r1v.engine.speculate import ContextTable, Drafter, SharedDrafts

IMAGE = 999


def drafter(shared: SharedDrafts | None = None, max_drafts: int = 8) -> Drafter:
    return Drafter(shared or SharedDrafts(0), IMAGE, max_drafts, max_length=2000)


def test_a_repeated_text_is_copied() -> None:
    text = list(range(100, 160))
    copier = drafter(max_drafts=6)
    copier.read(text)
    for token_id in text[:40]:
        copier.push(token_id)
    assert copier.draft(0.0, 0.1) == text[40:46]


def test_a_short_period_runs_on() -> None:
    looping = drafter()
    for index in range(60):
        looping.push(index % 3)
    assert looping.draft(0.0, 0.05) == [0, 1, 2, 0, 1, 2, 0, 1]


def test_random_ids_are_not_drafted() -> None:
    random_ = random.Random(0)
    silent, rows = drafter(SharedDrafts(1 << 20)), 0
    for _ in range(2000):
        silent.push(random_.randrange(40))
        rows += len(silent.draft(0.0, 0.15))
    assert rows < 40


def test_other_answers_teach_what_recurs() -> None:
    """Ten answers, the same but for one id in five: the next one is guessed up to that id, if they share."""
    wording = [[i * 5 + j for j in range(4)] for i in range(10)]
    for num_bytes, number in ((1 << 16, 4), (0, 0)):
        shared, random_ = SharedDrafts(num_bytes), random.Random(1)
        for _ in range(10):
            earlier = drafter(shared)
            for part in wording:
                for token_id in (*part, random_.randrange(100, 200)):
                    earlier.push(token_id)
        new = drafter(shared)
        new.read([77])
        new.push(wording[0][0])
        assert new.draft(0.0, 0.1) == wording[0][1:number]


def test_a_prompt_teaches_its_own_sequence_only() -> None:
    shared = SharedDrafts(1 << 16)
    drafter(shared).read(list(range(50)) * 3)
    assert shared.table is not None and not any(shared.table._entries)


def test_images_are_not_guessed() -> None:
    after = drafter()
    after.read([1, 2, 3, IMAGE, IMAGE, IMAGE, 4, 1, 2])
    after.push(3)
    assert after.draft(0.0, 0.01) == []


def test_a_table_keeps_its_size_and_forgets() -> None:
    table, random_ = ContextTable(1000), random.Random(2)
    for _ in range(3):
        table.learn([5], 6)
    assert len(table._entries) == 512 and table.find(5) == (2, 6)
    for _ in range(20_000):
        table.learn([random_.getrandbits(64)], 7)
    assert table.find(5) is None


def test_steady_contexts_outlast_an_exception() -> None:
    table = ContextTable(64)
    for _ in range(4):
        table.learn([5], 6)
    table.learn([5], 8)
    assert table.find(5) == (2, 6)


def test_no_more_is_drafted_than_pays() -> None:
    looping = drafter()
    for index in range(60):
        looping.push(index % 3)
    looping._rates = [0.6] * len(looping._rates)
    assert 0 < len(looping.draft(0.0, 0.1)) < 8
    assert looping.draft(0.0, 1.0) == [] and looping.draft(3.0, 0.1) == []
