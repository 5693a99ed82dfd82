"""What ``--help`` holds: a text for every option, one form for defaults, one name for one thing, and
examples that parse."""

from __future__ import annotations

import argparse
import re
import shlex

import pytest

from r1v.cli.commands.train import OF_A_FOLDER, STAGES, keys_of
from r1v.cli.help import EXAMPLES, named_parsers
from r1v.cli.main import COMMANDS, build_parser


def parser_of(command: str) -> argparse.ArgumentParser:
    """The parser of a command, with its examples."""
    parser = build_parser(command)
    actions = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    found: argparse.ArgumentParser = actions.choices[command]
    return found


def every_parser() -> list[tuple[str, argparse.ArgumentParser]]:
    return [named for command in COMMANDS for named in named_parsers(parser_of(command))]


PARSERS = every_parser()


@pytest.mark.parametrize(("name", "parser"), PARSERS, ids=[name for name, _ in PARSERS])
def test_every_argument_has_a_text_and_one_form_of_default(
    name: str, parser: argparse.ArgumentParser
) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            continue
        what = f"{name} {action.option_strings or action.dest}"
        assert action.help, what
        text = re.sub(
            r"\(default: [^()]+(\([^()]*\))?[^()]*\)", "", parser._get_formatter()._expand_help(action)
        )
        assert "default" not in text, f"{what}: {text}"
        takes_value = action.nargs != 0
        assert not takes_value or action.metavar or action.choices, f"{what} has no name for its value"


def test_one_name_for_one_thing() -> None:
    metavars: dict[str, set[str]] = {}
    for name, parser in PARSERS:
        for action in parser._actions:
            spelled = action.option_strings[0] if action.option_strings else action.dest
            assert spelled not in ("--output", "--base-url", "--model_path"), name
            assert "_" not in spelled or not action.option_strings, f"{name} {spelled}"
            if isinstance(action.metavar, str):
                metavars.setdefault(spelled, set()).add(action.metavar)
                assert action.metavar not in ("SRC", "DST", "FOLDER", "PATH"), f"{name} {spelled}"
    assert metavars["--model"] <= {"MODEL", "DIR"}  # DIR: a reward model has no short names
    for option in ("--url", "--seed", "--temperature", "--top-p", "--device", "--dtype", "--limit"):
        assert len(metavars[option]) == 1, (option, metavars[option])


def test_help_shows_one_spelling_and_all_are_accepted() -> None:
    text = parser_of("ask").format_help()
    assert "--model MODEL" in text and "model_path" not in text and "--top_p" not in text
    words = [
        "ask",
        "--model_path",
        "m",
        "--image_paths",
        "a.png",
        "--base-url",
        "http://x/v1",
        "--question",
        "?",
    ]
    args = build_parser("ask").parse_args(words)
    assert (args.model, args.image_paths, args.base_url) == ("m", ["a.png"], "http://x/v1")
    assert build_parser("ask").parse_args(["ask", "?", "--url", "http://x/v1"]).base_url == "http://x/v1"


@pytest.mark.parametrize(("name", "parser"), PARSERS, ids=[name for name, _ in PARSERS])
def test_every_help_ends_in_examples_that_parse(name: str, parser: argparse.ArgumentParser) -> None:
    text = parser.format_help()
    for line in EXAMPLES[name]:
        assert f"\n  {line}" in text
        words = shlex.split(line)
        words = words[words.index("r1v.cli.main" if "r1v.cli.main" in words else "r1v") + 1 :]
        assert words[: len(name.split())] == name.split() or name in ("figures", "eval", "train", "reward")
        if "--help" not in words:
            build_parser(words[0]).parse_args(words)


def test_the_first_help_names_a_command_and_says_what_the_small_model_is(run_r1v) -> None:
    status, out, _ = run_r1v("--help")
    assert status == 0 and "r1v ask examples/demo.png" in out and "Of photographs" in out


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in OF_A_FOLDER])
def test_a_stages_help_has_every_key_with_type_default_and_meaning(stage: str, run_r1v) -> None:
    status, out, _ = run_r1v("train", stage, "--help")
    assert status == 0 and keys_of(stage) in out
    lines = keys_of(stage).splitlines()
    for head, meaning in zip(lines[::2], lines[1::2], strict=True):
        assert re.match(r"  [a-z_0-9.]+ +\S.*? {1,}\S", head), head
        assert meaning.startswith("      ") and len(meaning.split()) > 1, head
