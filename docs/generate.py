"""Pages of the site that are made from the code: the commands, the training keys and R1V-Nano's card.

MkDocs calls ``on_files`` (mkdocs.yml, ``hooks``). Each fact has one home: the parsers, the configuration
classes and the card inside the package.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from r1v.cli.commands.train import STAGES, keys_of
from r1v.cli.main import COMMANDS, build_parser

CARD = Path("r1v/models/r1v-nano/README.md")
CARD_PAGE = "measurements/r1v-nano.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    os.environ["COLUMNS"] = "100"  # the width that argparse writes
    pages = {
        "reference/commands.md": commands(),
        "reference/training-keys.md": training_keys(),
        CARD_PAGE: card(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to the card's file, which hold in a clone, lead to its page here."""
    up = "../" * page.file.src_uri.count("/")
    return markdown.replace(f"]({up}../{CARD.as_posix()}", f"]({up}{CARD_PAGE}")


def commands() -> str:
    """Every command with its options, as its own help says it."""
    parts = ["# Commands\n\n`r1v COMMAND --help` prints each of these.\n"]
    for name in COMMANDS:
        for title, parser in _with_actions(f"r1v {name}", _parser(name)):
            parts.append(f"## {title}\n\n```text\n{parser.format_help().rstrip()}\n```\n")
    return "\n".join(parts)


def _parser(name: str) -> argparse.ArgumentParser:
    parser = build_parser(name)
    subparsers = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    found: argparse.ArgumentParser = subparsers.choices[name]
    return found


def _with_actions(title: str, parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    found = [(title, parser)]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [(f"{title} {name}", inner) for name, inner in action.choices.items()]
    return found


def training_keys() -> str:
    """Every key of every stage: type, default, meaning."""
    parts = ["# Training keys\n\n`r1v train STAGE --help` prints each of these.\n"]
    for stage, summary in STAGES.items():
        if stage != "plot":  # it draws a run and has no keys
            parts.append(f"## {stage}\n\n{summary}\n\n```text\n{keys_of(stage).rstrip()}\n```\n")
    return "\n".join(parts)


def card() -> str:
    """R1V-Nano's card, its links into the documentation made to fit the page's place."""
    text = re.sub(r"\A---\n.*?\n---\n", "", CARD.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\]\((?:\.\./)*docs/", "](../", text)
