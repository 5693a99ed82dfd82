"""The block pool: accounting, sharing, eviction and placement."""

import random

import numpy as np
import pytest

from r1v.core import CapacityError
from r1v.engine.kv_cache import BlockPool, BlockTable, block_digest


def test_blocks_of_a_sequence_lie_side_by_side() -> None:
    pool, first, second = BlockPool(64, 4), BlockTable(), BlockTable()
    for _ in range(16):
        for table in (first, second):
            table.append(pool.allocate(table.blocks[-1] if table.blocks else None))
    assert len(first.runs) == len(second.runs) == 1
    assert first.runs[0][1] == 16


def test_content_is_found_until_it_is_evicted() -> None:
    pool = BlockPool(4, 2)
    block = pool.allocate()
    name = block_digest(b"", [1, 2])
    pool.commit(block, name)
    pool.release([block])
    assert pool.find(name) == block and pool.num_free == 4 and pool.num_kept == 1
    pool.share(block)
    assert pool.references(block) == 1 and pool.num_kept == 0
    pool.release([block])
    for _ in range(4):
        pool.allocate()
    assert pool.find(name) is None and pool.num_free == 0
    with pytest.raises(CapacityError):
        pool.allocate()


def test_the_end_of_a_sequence_is_evicted_before_its_beginning() -> None:
    pool = BlockPool(40, 1)
    table = BlockTable()
    names = [block_digest(b"", [i]) for i in range(40)]
    for name in names:
        table.append(pool.allocate(table.blocks[-1] if table.blocks else None))
        pool.commit(table.blocks[-1], name)
    pool.release(table.blocks)
    pool.allocate()
    assert pool.find(names[0]) is not None and pool.find(names[-1]) is None


def test_digest_depends_on_everything() -> None:
    base = block_digest(b"a", [1, 2], b"x")
    assert base == block_digest(b"a", (1, 2), b"x")
    assert len({base, block_digest(b"b", [1, 2], b"x"), block_digest(b"a", [2, 1], b"x"),
                block_digest(b"a", [1, 2], b"y"), block_digest(b"a", [1, 2])}) == 5  # fmt: skip


def test_shedding_keeps_the_latest_and_names_what_is_vacant() -> None:
    pool = BlockPool(8, 1)
    blocks = [pool.allocate(i - 1 if i else None) for i in range(6)]
    for block in blocks:
        pool.commit(block, bytes([block]))
        if block != 3:  # in use
            pool.release([block])
    assert pool.shed(2) == [(0, 3), (6, 2)]
    assert [pool.find(bytes([block])) for block in blocks] == [None, None, None, 3, 4, 5]
    assert pool.num_kept == 2 and pool.num_free == 7 and pool.references(3) == 1
    assert pool.shed(0) == [(0, 3), (4, 4)] and pool.num_kept == 0


def test_forget_leaves_nothing_to_find() -> None:
    pool = BlockPool(3, 1)
    used, kept = pool.allocate(), pool.allocate()
    for block in (used, kept):
        pool.commit(block, bytes([block]))
    pool.release([kept])
    pool.forget()
    assert pool.find(bytes([used])) is None and pool.find(bytes([kept])) is None
    assert pool.num_free == 2
    pool.release([used])
    assert pool.num_free == 3 and pool.num_kept == 0


@pytest.mark.parametrize("side_by_side", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_random_use_never_leaks(seed: int, side_by_side: bool) -> None:
    random_ = random.Random(seed)
    pool, tables, counter = BlockPool(24, 2, side_by_side), [], 0
    for _ in range(400):
        choice = random_.random()
        if choice < 0.6 and pool.num_free:
            if not tables or random_.random() < 0.3:
                tables.append(BlockTable())
            table = random_.choice(tables)
            table.append(pool.allocate(table.blocks[-1] if table.blocks else None))
            if random_.random() < 0.5:
                counter += 1
                pool.commit(table.blocks[-1], counter.to_bytes(8, "big"))
        elif tables and choice < 0.8:
            table = tables.pop(random_.randrange(len(tables)))
            pool.release(table.blocks)
        elif tables:
            source = random_.choice(tables)
            copy = BlockTable()
            for block in source.blocks:
                pool.share(block)
                copy.append(block)
            tables.append(copy)
        used = {block for table in tables for block in table.blocks}
        assert pool.num_free == 24 - len(used)
        assert all(pool.references(block) for block in used)
        assert pool._loose is None or sorted(pool._loose) == np.flatnonzero(pool._vacant).tolist()
        for table in tables:
            spread = [first + i for first, number in table.runs for i in range(number)]
            assert spread == table.blocks
