"""Conversations of several turns: BFCL's programs, its checks, and the loop that asks a model."""

import json
from types import SimpleNamespace

import pytest

from r1v.core import Message
from r1v.eval.benchmark import GradingTools, benchmark, load_items
from r1v.eval.grading import call_turns
from r1v.eval.grading.call_turns import MAX_STEPS, Turns, check_turns
from r1v.eval.item import Item, Output, Sample
from r1v.eval.score import _weights


class Shelf:
    """A program: boxes that can be put on a shelf."""

    def _load_scenario(self, state: dict, long_context: bool = False) -> None:
        self.boxes = list(state.get("boxes", ()))
        self._secret = object()

    def put(self, box: str, labels: list[str] | None = None) -> dict:
        self.boxes.append([box, labels or []])
        return {"boxes": len(self.boxes)}

    def label(self, number: int, text: str) -> str:
        self.boxes[number][1].append(text)
        return text

    def look(self) -> dict:
        return {"boxes": len(self.boxes)}


@pytest.fixture
def item(monkeypatch: pytest.MonkeyPatch) -> Item:
    monkeypatch.setattr(call_turns, "_class", lambda name: Shelf)
    grading = {
        "category": "multi_turn_miss_func",
        "turns": [[{"role": "user", "content": "Put a."}], [], [{"role": "user", "content": "Label it x."}]],
        "missed": {"1": [{"name": "label"}]},
        "programs": ["Shelf"],
        "states": {"Shelf": {"boxes": []}},
        "truth": [["put('a', labels=['new'])"], [], ["label(number=0, text='x')"]],
    }
    return Item("multi_turn_miss_func_0", (Message.user("Put a."),), "", (), "", grading)


PUT, LABEL = "[put(box='a', labels=['new'])]", "[label(number=0, text='x')]"


def test_results_come_back_and_turns_follow(item: Item) -> None:
    turns = Turns(item)
    assert '"call": "put"' in turns.reply(PUT)[0].text
    assert "can be called from now on" in turns.reply("Done.")[0].text
    assert turns.reply("Nothing to do.")[0].text == "Label it x."
    turns.reply(LABEL)
    assert turns.reply("Done.") == () and turns.finished


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ([PUT, "Done.", "No.", LABEL, "Done."], None),
        ([PUT, "[look()]", "Done.", "No.", LABEL, "Done."], None),
        ([PUT, "Done.", "[look()]", "No.", LABEL, "Done."], None),
        ([PUT, "Done.", "No.", LABEL], "not brought to its end"),
        (["Done.", "No.", LABEL, "Done."], "no calls in turn 1"),
        (["[put(box='b', labels=['new'])]", "Done.", "No.", LABEL, "Done."], "Shelf.boxes"),
        (["[look()]", "Done.", "No.", LABEL, "Done."], "Shelf.boxes"),
        ([PUT, "Done.", "No.", "[put(box='x')]", "Done."], "turn 3"),
        ([PUT.replace("put(", "_load_scenario("), "Done.", "No.", LABEL, "Done."], "turn 1"),
        (["[put(box=__import__('os').getcwd())]", "Done.", "No.", LABEL, "Done."], "turn 1"),
    ],
)
def test_what_is_right(item: Item, replies: list[str], reason: str | None) -> None:
    found = check_turns(item, replies)
    assert (found is None) if reason is None else (found is not None and reason in found)
    graded = benchmark("bfcl").grade(
        item, Output(answer="\n".join(replies), replies=tuple(replies)), GradingTools()
    )
    assert graded.right is (reason is None)


def test_an_error_is_an_answer_and_no_turn_goes_on_for_ever(item: Item) -> None:
    turns = Turns(item)
    assert "name 'nothing' is not defined" in turns.reply("[nothing(a=1)]")[0].text
    assert "is not allowed" in turns.reply("[run(a=1)]")[0].text
    for _ in range(MAX_STEPS - 2):
        assert turns.reply("[look()]")
    assert turns.reply("[look()]") == () and turns.cut and not turns.finished


def test_the_loop_keeps_replies_and_adds_up(item: Item) -> None:
    inspect_model = pytest.importorskip("inspect_ai.model", reason="needs the extra eval")
    import anyio

    from r1v.eval.inspect_tasks import converse

    replies = [PUT, "Done.", "No.", LABEL, "Done."]
    seen: list[list[str]] = []

    async def generate(state, seed):
        seen.append([message.text for message in state.messages])
        text = replies[len(seen) - 1]
        content = [inspect_model.ContentReasoning(reasoning="Hm."), inspect_model.ContentText(text=text)]
        message = inspect_model.ChatMessageAssistant(content=content)
        state.output = inspect_model.ModelOutput(
            choices=[inspect_model.ChatCompletionChoice(message=message, stop_reason="stop")],
            usage=inspect_model.ModelUsage(
                input_tokens=3, output_tokens=5, total_tokens=8, reasoning_tokens=2
            ),
        )
        state.messages.append(message)
        return state

    state = SimpleNamespace(messages=[inspect_model.ChatMessageUser(content="Put a.")], output=None)
    _, output = anyio.run(converse, state, generate, Turns(item), 7)
    assert output.replies == tuple(replies) and output.thinking.count("Hm.") == 5
    assert (output.prompt_tokens, output.completion_tokens, output.reasoning_tokens) == (15, 25, 10)
    assert len(seen) == 5 and seen[1][1] == PUT and "Hm." not in str(seen)
    again = Sample.from_json(Sample("bfcl", "1", 1, 0, output).to_json())
    assert again.output == output


def test_groups_weigh_the_same_level_by_level() -> None:
    sizes = {"expert/a": 100, "expert/b": 300, "live/a": 10, "live/b": 30, "turns/x": 5}
    assert _weights(sizes, ("live",)) == pytest.approx(
        {"expert/a": 1 / 6, "expert/b": 1 / 6, "live/a": 1 / 12, "live/b": 1 / 4, "turns/x": 1 / 3}
    )
    assert _weights({"a/b/c": 1, "a/b/d": 9, "a/e": 5, "f": 2}) == pytest.approx(
        {"a/b/c": 1 / 8, "a/b/d": 1 / 8, "a/e": 1 / 4, "f": 1 / 2}
    )


def test_the_official_questions() -> None:
    pytest.importorskip("bfcl_eval", reason="needs bfcl-eval: its data and programs")
    items = load_items(benchmark("bfcl"), limit=15).items
    several = [one for one in items if "turns" in one.grading]
    assert len(several) == 4 and len({one.group for one in items}) == 15
    withheld = next(one for one in several if one.grading["missed"])
    name = next(iter(withheld.grading["missed"].values()))[0]["name"]
    assert f'"name": "{name}"' not in withheld.messages[0].text
    assert json.loads(withheld.answer) == withheld.grading["truth"]
    for one in several:
        assert check_turns(one, ["No."] * len(one.grading["turns"])) is not None
