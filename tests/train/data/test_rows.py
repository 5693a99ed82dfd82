"""What a row of training data means, whatever its keys: null, other names, conversations, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from r1v.core import Message
from r1v.prompt import Processor
from r1v.train.core.config import DataConfig
from r1v.train.data.examples import JsonlSource, encode, parse_row
from r1v.train.data.pairs import PairFile
from r1v.train.data.rows import read_row
from r1v.train.data.sources import open_source

GOOD = {"question": "How many?", "thinking": "One and one.", "answer": "2"}


def put(folder: Path, rows: list[object]) -> Path:
    file = folder / "rows.jsonl"
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return file


@pytest.mark.parametrize(
    "key", ["images", "image", "family", "answer_type", "tolerance", "solution", "extra"]
)
def test_null_is_the_same_as_absent(key: str) -> None:
    assert read_row({**GOOD, key: None}, chains=True) == read_row(GOOD, chains=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thinking": None}, "thinking or solution is missing"),
        ({"thinking": " \n"}, "thinking is empty"),
        ({"question": ""}, "question is empty"),
        ({"question": None}, "question or problem is missing"),
        ({"answer": "  "}, "answer is empty"),
        ({"answer": None}, "answer is missing"),
        ({"answer": 4}, "answer is the number 4, not text"),
        ({"answer": True}, "answer is true"),
        ({"question": ["a"]}, "question is a list"),
        ({"thinking": {"text": "t"}}, "thinking is an object"),
        ({"family": 3}, "family is the number 3"),
        ({"answer_type": 3}, "answer_type is the number 3"),
        ({"problem": "Another?"}, "question and problem are both given"),
        ({"solution": "Another."}, "thinking and solution are both given"),
        ({"image": "a.png", "images": ["b.png"]}, "images and image are both given"),
        ({"images": [None]}, "images is null, not an image"),
        ({"images": ["a.png", ""]}, r"images\[1\] is empty"),
        ({"image": 3}, "image is the number 3"),
        ({"image": "https://example.org/a.png"}, "download it"),
        ({"picture": "a.png"}, "key 'picture' looks like an image"),
        ({"image_url": {"url": "a.png"}}, "key 'image_url' looks like an image"),
        ({"tolerance": "wide"}, "tolerance is 'wide'"),
        ({"messages": [{"role": "user", "content": "q"}]}, "messages and question are both given"),
    ],
)
def test_what_is_wrong_is_said_and_never_made_into_text(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_row({**GOOD, **change}, chains=True)


@pytest.mark.parametrize("name", ["images", "image", "image_path", "image_paths"])
@pytest.mark.parametrize("one", [True, False])
def test_images_under_every_name(name: str, one: bool, tmp_path: Path) -> None:
    _, example = parse_row({**GOOD, name: "a.png" if one else ["a.png"]}, tmp_path)
    assert [image.source for image in example.images] == [tmp_path / "a.png"]


def test_problem_and_solution_alone_are_a_row() -> None:
    row = {"problem": "1 + 1?", "solution": "It is 1 + 1 = 2, so \\boxed{2}."}
    _, example = parse_row(row, Path())
    assert (example.question, example.key.answer) == ("1 + 1?", "2")
    assert example.answer == "Answer: \\boxed{2}" and "1 + 1 = 2" in example.thinking
    with pytest.raises(ValueError, match="answer is missing"):
        read_row({**row, "solution": "It is two."}, chains=True)


@pytest.mark.parametrize(
    "reply",
    [
        {"content": "So \\boxed{2}", "reasoning_content": "One and one."},
        {"content": "<think>\nOne and one.\n</think>\n\nSo \\boxed{2}"},
        {"content": [{"type": "text", "text": "So \\boxed{2}"}], "reasoning": "One and one."},
    ],
)
def test_conversations(reply: dict[str, object], tmp_path: Path) -> None:
    parts = [{"type": "image", "image": "a.png"}, {"type": "text", "text": "How many?"}]
    turns = [{"role": "user", "content": parts}, {"role": "assistant", **reply}]
    _, example = parse_row({"messages": turns}, tmp_path)
    assert (example.question, example.thinking, example.answer) == (
        "How many?",
        "One and one.",
        "So \\boxed{2}",
    )
    assert example.key.answer == "2" and [i.source for i in example.images] == [tmp_path / "a.png"]
    # a place without a name is the image that the row has
    turns[0]["content"] = [{"type": "image"}, *parts[1:]]
    _, same = parse_row({"messages": turns, "images": ["a.png"]}, tmp_path)
    assert same == example
    with pytest.raises(ValueError, match="1 places for 0 images"):
        read_row({"messages": turns}, chains=True)


@pytest.mark.parametrize(
    "roles", [(), ("assistant",), ("system", "user"), ("user", "user"), ("user", "tool")]
)
def test_conversations_of_other_turns_are_refused(roles: tuple[str, ...]) -> None:
    turns = [{"role": role, "content": "text"} for role in roles]
    with pytest.raises(ValueError, match="a row takes one of the user"):
        read_row({"messages": turns, "answer": "a"}, chains=False)


def test_a_file_names_its_bad_rows_and_counts_unread_keys(tmp_path: Path) -> None:
    deep = "[" * 5000 + "]" * 5000
    line_end = json.dumps({**GOOD, "question": "a\u2028b\u0085c"}, ensure_ascii=False)
    rows = ["\ufeff" + json.dumps(GOOD), line_end, {**GOOD, "id": 1, "split": "x"}, {**GOOD, "id": 2},
            "[1]", "7", deep, f'{{"question": {deep}}}', {**GOOD, "thinking": None}, "not json"]  # fmt: skip
    source = JsonlSource(put(tmp_path, rows))
    assert len(source.rows["all"]) == 4 and source.rows["all"][1][1].question == "a\u2028b\u0085c"
    assert [one.split(":")[1] for one in source.bad] == ["5", "6", "7", "8", "9", "10"]
    assert source.unread == {"id": 2, "split": 1}
    console = Console(record=True, width=200)
    open_source(DataConfig(source=(str(tmp_path / "rows.jsonl"),), bad_share=1.0), 0, console)
    said = console.export_text()
    assert "6 bad rows left out" in said and "id (2 rows), split (1 rows)" in said
    assert all("None" not in example.thinking for _, example in source.rows["all"])


def test_pairs_keep_the_same_rule(tmp_path: Path) -> None:
    good = {"question": "q", "chosen": {"thinking": None, "answer": "a"}, "rejected": {"answer": "b"}}
    rows = [
        good, {**good, "images": None}, {**good, "question": None}, {**good, "question": " "},
        {**good, "chosen": {"thinking": "t", "answer": 4}}, {**good, "rejected": None},
        {**good, "rejected": {"thinking": "", "answer": None}}, {**good, "images": [None]}, "[]",
    ]  # fmt: skip
    found = PairFile.read(put(tmp_path, rows))
    assert len(found.pairs) == 2 and len(found.bad) == 7
    assert {(pair.chosen.thinking, pair.chosen.answer) for pair in found.pairs} == {("", "a")}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    ["question", "problem", "answer", "thinking", "solution", "images", "image", "image_path", "messages",
     "family", "answer_type", "tolerance", "role", "content", "picture"]
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_KEYS, _JSON, max_size=8), st.booleans())
def test_any_row_is_read_or_refused_by_a_sentence(values: dict[str, object], chains: bool) -> None:
    try:
        row = read_row(values, chains=chains)
    except ValueError:
        return
    assert row.question.strip() and row.answer.strip() and (row.thinking.strip() or not chains)
    given = json.dumps(values)
    assert json.dumps(row.question) in given  # a text of the row, not one that was made of something else


_REPLY = {"role": "assistant", "content": "<think>x</think>4"}


def talk(user: dict[str, object], **reply: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": "W", **user}, {**_REPLY, **reply}]}


def parts(*more: dict[str, object], **first: object) -> dict[str, object]:
    return talk({"content": [{"type": "text", "text": "W", **first}, *more]})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        *[({**GOOD, key: "a.png"}, f"key '{key}'")
          for key in ("file", "screenshot", "chart", "figure", "图片", "img")],
        ({**GOOD, "jpg": "data:image/png;base64,AAAA"}, "key 'jpg'"),
        ({**GOOD, "jpg": "DATA:image/png;base64,AAAA"}, "key 'jpg'"),
        ({**GOOD, "media": [{"at": ["a.png"]}]}, "key 'media'"),
        ({**GOOD, "images": [], "image_file": "gone.png"}, "key 'image_file'"),
        ({**GOOD, "image": None, "picture": "gone.png"}, "key 'picture'"),
        ({**GOOD, "images": ["a.png"], "image2": "b.png"}, "key 'image2'"),
        ({**GOOD, "images": ["sub/a.png"], "second": "a.png"}, "key 'second'"),
        ({**GOOD, "question": "data:image/png;base64,AAAA"}, "question is the data URL of an image"),
        ({**talk({}), "img": "a.png"}, "key 'img'"),
        (talk({"images": ["a.png"]}), "the user's message: key 'images'"),
        (talk({"file": "a.png"}), "the user's message: key 'file'"),
        (talk({}, images=["a.png"]), "the assistant's message: key 'images'"),
        (talk({}, tool_calls=[{"id": 1}]), "the assistant's message has tool_calls"),
        (parts(image="a.png"), "a text of messages: key 'image'"),
        (parts({"type": "image", "image": "a.png", "url": "b.png"}), "has image and url"),
        (parts({"type": "image", "image": "a.png", "second": "b.png"}), "an image of messages: key 'second'"),
    ],
)  # fmt: skip
def test_no_picture_or_call_is_dropped(row: dict[str, object], message: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "b.png", "sub/a.png"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=message):
        parse_row(row, tmp_path)


@pytest.mark.parametrize(
    ("more", "unread"),
    [({"file_name": "a.png", "image_id": "a.png"}, ("file_name", "image_id")),
     ({"note": "see b.txt, not c.png", "image_width": 3, "image_source": "COCO"},
      ("note", "image_width", "image_source"))],
)  # fmt: skip
def test_what_loses_no_picture_is_only_counted(
    more: dict[str, object], unread: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "a.png").touch()
    assert read_row({**GOOD, "images": ["a.png"], **more}, chains=True, folder=tmp_path).unread == unread
    turns = [{"role": "user", "content": "W", "name": "Ada", "images": []}, {**_REPLY, "weight": 1}]
    found = read_row({"messages": turns}, chains=True).unread
    assert found == ("messages.name", "messages.images", "messages.weight")


def test_keys_are_shown_without_their_control_characters(tmp_path: Path) -> None:
    console = Console(record=True, width=200)
    file = put(tmp_path, [{**GOOD, "\u001b[31m\n[/red]": 1}])
    open_source(DataConfig(source=(str(file),)), 0, console)
    assert "\\x1b[31m\\n[/red] (1 rows)" in console.export_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": "<image>", "images": ["a.png"]}, "nothing but <image> marks"),
        ({"question": "\u00a0\u200b"}, "question is empty"),
        ({"thinking": "\u200b"}, "thinking is empty"),
        ({"answer": "\ufeff\u2060"}, "answer is empty"),
        ({"answer": "\\boxed{}"}, "empty or not closed"),
        ({"answer": "\\boxed{ \u200b }"}, "empty or not closed"),
        ({"answer": "\\boxed{4"}, "empty or not closed"),
        ({"answer": "\\boxed{4} and \\boxed{5}"}, "answer holds 2 boxes"),
        ({"answer": "\\boxed{\\boxed{4}}"}, "answer holds 2 boxes"),
        ({"thinking": None, "solution": "So \\boxed{4}.", "answer": "5"},
         r"solution ends in .*4.*answer is '5'"),
        ({"thinking": "a</think>b"}, "the chain holds </think>"),
        ({"answer": "<think>4</think>"}, "answer holds <think>"),
        ({"question": "a\ud800"}, r"question holds .ud800 at character 1"),
        ({"thinking": "x\udfff"}, r"thinking holds .udfff"),
        (talk({}, content="<think>a</think>b</think>4"), "the chain holds </think>"),
        (talk({}, content="<think>a 4"), "the assistant's message holds <think>"),
        (talk({}, content="<think>a</think>4", reasoning="r"), "the assistant's message holds <think>"),
        ({**talk({}, content="<think>a</think>So \\boxed{4}"), "answer": "9"}, "ends in .*4.*answer is '9'"),
        ({**talk({}, content="<think>a</think>4"), "answer": "9"}, "ends in the answer '4'.*answer is '9'"),
        (talk({}, content="<think>\u200b</think>4"), "thinking or solution is missing"),
    ],
)  # fmt: skip
def test_what_means_nothing_or_contradicts_itself_is_refused(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        parse_row(change if "messages" in change else {**GOOD, **change}, tmp_path)


@pytest.mark.parametrize(
    ("solution", "answer"),
    [("\\boxed{\\frac{1}{2}}", "0.5"), ("\\boxed{2} and \\boxed{5}", "2, 5"), ("no box", "7"),
     ("First \\boxed{1}. Then, at last, it is \\boxed{4}.", "4")],
)  # fmt: skip
def test_a_solution_that_agrees_in_other_words_is_taken(solution: str, answer: str) -> None:
    _, example = parse_row({"question": "W", "solution": solution, "answer": answer}, Path())
    assert example.answer == f"Answer: \\boxed{{{answer}}}" and example.thinking == solution


def test_a_key_that_is_given_twice_makes_the_row_bad(tmp_path: Path) -> None:
    twice = '{"question": "W", "question": "V", "thinking": "t", "answer": "4"}'
    assert "question" in JsonlSource(put(tmp_path, [GOOD, twice])).bad[0]


@pytest.mark.parametrize(
    "start", ["http://", "https://", "HTTP://", "Https://", "ftp://", "s3://", " http://"]
)
def test_web_addresses_of_every_kind_are_told(start: str) -> None:
    with pytest.raises(ValueError, match=r"is a web address .* download it"):
        read_row({**GOOD, "images": [start + "example.org/a.png"]}, chains=True)


def test_addresses_of_files_and_halves_of_characters_are_told() -> None:
    for address in ("file:///a.png", "FILE://localhost/a.png", "file:/a.png"):
        with pytest.raises(ValueError, match="give the path alone"):
            read_row({**GOOD, "images": [address]}, chains=True)
    with pytest.raises(ValueError, match=r"images holds .ud800 at character 0"):
        read_row({**GOOD, "images": ["\ud800.png"]}, chains=True)
    for path in ("C:/a.png", "a:b.png", "12:30.png"):
        assert read_row({**GOOD, "images": [path]}, chains=True).images == (path,)


def test_a_data_url_may_be_written_in_capitals(tmp_path: Path) -> None:
    _, example = parse_row({**GOOD, "images": ["DATA:image/png;base64,AAAA"]}, tmp_path)
    assert [one.source for one in example.images] == ["data:image/png;base64,AAAA"]


def test_a_direct_row_is_learned_without_thinking(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Its completion is the answer alone, the prompt closes thinking; without `direct` a chain is needed."""
    row = {"question": "Who wrote it?", "answer": "A short answer.", "direct": True}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps({**row, "direct": None}) + "\n")
    source = JsonlSource(path)
    assert [bad.partition(": ")[2] for bad in source.bad] == [
        "thinking or solution is missing; a row without a chain cannot be learned here"
    ]
    processor = Processor.from_folder(tiny_checkpoint)
    encoded = encode(processor, source.example("all", 0, 1.0), thinking=True)
    ids = [int(one) for one in encoded.token_ids]
    prompt = processor.encode([Message.user("Who wrote it?")], thinking=False)
    assert ids[: encoded.num_prompt] == list(prompt.token_ids)
    learned = [*processor.encode_text("Answer: \\boxed{A short answer.}"), processor.special.eos[0]]
    assert ids[encoded.num_prompt :] == learned


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"direct": 1}, "direct is the number 1"),
        ({"direct": True, "thinking": "2"}, "direct is true beside a chain"),
    ],
)
def test_direct_is_true_or_false_and_without_a_chain(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_row({"question": "q", "answer": "2", **change}, Path())
