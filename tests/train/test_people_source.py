"""The sources of what people ask, as training reads them: weighted, and with inference's own prompts."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from r1v.core import ImageRef, Message
from r1v.figures import people
from r1v.prompt import Processor
from r1v.train.core.config import DataConfig
from r1v.train.data.examples import Earlier, Example, box, encode
from r1v.train.data.people import PeopleSource
from r1v.train.data.sources import MixedSource, open_source

NANO = Path(__file__).parents[2] / "r1v" / "models" / "r1v-nano"


@pytest.fixture(scope="module")
def processor() -> Processor:
    return Processor.from_folder(NANO)


def test_sources_are_named_and_weighted() -> None:
    config = DataConfig(source=("figures::3", "people::2", "typed::2", "talk::1"), families=("clock",))
    source = open_source(config, 0, Console(quiet=True))
    assert isinstance(source, MixedSource)
    labels = [source.pick(number, f"0/{number}")[0].split("/")[0] for number in range(800)]
    assert {label: round(labels.count(label) / 100) for label in set(labels)} == {
        "figures": 3, "people": 2, "typed": 2, "talk": 1,
    }  # fmt: skip
    family, index = source.pick(5, "0/5")
    again = source.example(family, index, 1.0), source.example(family, index, 1.0)
    assert again[0].question == again[1].question and again[0].thinking == again[1].thinking


@pytest.mark.parametrize("name", sorted(people.SOURCES))
def test_an_example_fits_its_slots_and_the_context(name: str, processor: Processor) -> None:
    for heldout in (False, True):
        source = PeopleSource(name, people.SOURCES[name], heldout)
        for number in range(12):
            family, index = source.pick(number, f"test/{number}")
            example = source.example(family, index, 1.0)
            found = encode(processor, example)
            assert len(found.tiles) == len(example.all_images) <= source.max_images(family)
            assert found.num_prompt < len(found.token_ids) < 1500
            assert example.answer.endswith(box(example.key.answer)) or not example.answerable


def test_the_prompt_of_a_conversation_is_the_one_that_inference_makes(processor: Processor) -> None:
    """Inference gives an earlier turn with its thinking; the prompt has its answer alone."""
    source = PeopleSource("talk", ("more", "new_picture", "sums"))
    for number in range(9):
        example = source.example(source.families[number % 3], number, 1.0)
        messages = []
        for turn in example.earlier:
            messages.append(Message.user(turn.question, turn.images))
            messages.append(Message("assistant", (turn.answer,), reasoning="I looked at it.\nIt was so."))
        messages.append(Message.user(example.question, example.images))
        asked = processor.encode(messages)
        found = encode(processor, example)
        assert tuple(found.token_ids[: found.num_prompt]) == asked.token_ids
        whole = processor.encode([
            *messages[:1], Message("assistant", (f"<think>\nso\n</think>\n\n{example.earlier[0].answer}",)),
            *messages[2:],
        ])  # fmt: skip
        assert whole.token_ids == asked.token_ids
        told = processor.tokenizer.decode(found.token_ids[found.num_prompt :].tolist())
        assert told.startswith(example.thinking) and example.answer in told


def test_only_the_last_turn_is_learned(processor: Processor) -> None:
    image = people.said("people", "clock", 0, "train").images[0]
    turn = Earlier((ImageRef(image),), "What time is it?", box("3:00"))
    example = Example((), "and in an hour?", "so it is 4:00", box("4:00"), None, earlier=(turn,))  # type: ignore[arg-type]
    found = encode(processor, example)
    prompt = found.token_ids[: found.num_prompt].tolist()
    text = processor.tokenizer.decode(prompt)
    assert "3:00" in text and prompt.count(processor.special.image_context) == 196
    assert "4:00" not in text
    assert example.without_images().all_images == () and len(example.all_images) == 1


def test_what_cannot_be_told_wants_a_refusal_and_small_talk_wants_none() -> None:
    for name in dict.fromkeys(people.SOURCES["refuse"]):
        key = PeopleSource("refuse", (name,)).example(name, 3, 1.0).key
        assert (key.answer, key.refusal) == ("", name != "chat")
    assert PeopleSource("typed", ("sum",)).example("sum", 3, 1.0).key.refusal is None
