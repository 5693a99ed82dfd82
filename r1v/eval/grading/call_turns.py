"""BFCL's questions of several turns: calls change the state of programs, and the final state is checked.

Enters: a question's programs and their first state, a model's replies. Leaves: what the programs answered,
and the reason why calls do not do what was asked. Always holds: the programs are those of the package
bfcl-eval (Apache-2.0); only calls of their public methods with literal arguments are run, and never text of a
reply; the rules are those of the official multi-turn checker, with which tests compare them.
"""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from r1v.core import Message, UnavailableError
from r1v.eval.grading.calls import Call, CallError, literal, parse_calls
from r1v.eval.item import Item, Json

PROGRAMS: dict[str, str] = {
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TwitterAPI": "posting_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "VehicleControlAPI": "vehicle_control",
}
MAX_STEPS = 20  # replies with calls in one turn; the official limit
_REFUSED = {"kill", "exit", "quit", "remove", "unlink", "popen", "Popen", "run"}


class Programs:
    """The programs of one question. Calls change their state."""

    def __init__(self, names: Sequence[str], states: Json, long_context: bool) -> None:
        self.instances: dict[str, Any] = {}
        self._methods: dict[str, Callable[..., Any]] = {}
        for name in names:
            instance = _class(name)()
            if name != "MathAPI":  # the only program without a state
                instance._load_scenario(copy.deepcopy(states.get(name, {})), long_context=long_context)
            self.instances[name] = instance
            methods = inspect.getmembers(instance, predicate=inspect.ismethod)
            self._methods |= {key: method for key, method in methods if not key.startswith("_")}

    def run(self, name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> str:
        """What a call answers, as text; the text of an error is an answer too."""
        try:
            if name in _REFUSED:
                raise PermissionError(f"Function call {name} is not allowed.")
            if name not in self._methods:
                raise NameError(f"name '{name}' is not defined")
            # copies, because programs keep and change what they are given
            result = self._methods[name](*copy.deepcopy(positional), **copy.deepcopy(dict(named)))
        except Exception as error:  # noqa: BLE001 - whatever a program raises is its answer
            return f"Error during execution: {error}"
        if isinstance(result, dict):
            try:
                return json.dumps(result)
            except (TypeError, ValueError):
                return str(result)
        return result if isinstance(result, str) else str(result)

    def state(self) -> dict[str, dict[str, Any]]:
        """The public attributes of each program."""
        return {
            name: {key: value for key, value in vars(instance).items() if not key.startswith("_")}
            for name, instance in self.instances.items()
        }


def _class(name: str) -> Any:
    package = "bfcl_eval.eval_checker.multi_turn_eval.func_source_code"
    try:
        return getattr(importlib.import_module(f"{package}.{PROGRAMS[name]}"), name)
    except ImportError as error:
        raise UnavailableError(
            "BFCL's questions of several turns need its programs; "
            "install them: pip install --no-deps bfcl-eval && pip install mpmath"
        ) from error


class Turns:
    """One conversation: it takes the model's replies and gives what is said next. calls: by turn and reply.
    finished: whether all turns are over. cut: whether there were too many replies in one turn."""

    def __init__(self, item: Item) -> None:
        grading = item.grading
        self.grading = grading
        self.programs = programs_of(item)
        self.calls: list[list[list[Call]]] = [[]]
        self.steps = 0
        self.finished = False
        self.cut = False

    def reply(self, text: str) -> tuple[Message, ...]:
        """What follows a reply: the results of its calls, the next turn, or nothing."""
        try:
            calls = parse_calls(text)
        except CallError:
            calls = []
        if not calls:
            return self._next_turn()
        self.calls[-1].append(calls)
        self.steps += 1
        results = [
            {"call": name, "result": self.programs.run(name, (), arguments)} for name, arguments in calls
        ]
        if self.steps > MAX_STEPS:
            self.cut = True
            return ()
        return (Message.user("The calls gave:\n" + json.dumps(results, indent=1, ensure_ascii=False)),)

    def _next_turn(self) -> tuple[Message, ...]:
        turn = len(self.calls)
        if turn >= len(self.grading["turns"]):
            self.finished = True
            return ()
        self.calls.append([])
        self.steps = 0
        more = self.grading["missed"].get(str(turn))
        if more:
            listed = json.dumps(more, indent=1, ensure_ascii=False)
            return (Message.user(f"These functions can be called from now on:\n{listed}\nDo it now."),)
        return tuple(Message(turn["role"], (str(turn["content"]),)) for turn in self.grading["turns"][turn])


def programs_of(item: Item) -> Programs:
    """The programs of a question in their first state."""
    grading = item.grading
    return Programs(grading["programs"], grading["states"], "long_context" in grading["category"])


def check_turns(item: Item, replies: Sequence[str]) -> str | None:
    """Why a conversation is wrong; None if it is right.

    After each turn that asks for calls, the programs must have the state that the right calls lead to, and
    the model must have received all answers that these calls give.
    """
    turns = Turns(item)
    for text in replies:
        turns.reply(text)
    if not turns.finished:
        return "the conversation was not brought to its end"
    given, right = programs_of(item), programs_of(item)
    answers: list[str] = []
    for number, (calls, truth) in enumerate(zip(turns.calls, item.grading["truth"], strict=True), 1):
        answers += [given.run(name, (), arguments) for step in calls for name, arguments in step]
        wanted = [right.run(*right_call(text)) for text in truth]
        if not truth:  # no call can help in this turn; calls are run nevertheless, and show in the next state
            continue
        if not calls:
            return f"no calls in turn {number}"
        states = given.state(), right.state()
        for name, attributes in states[1].items():
            for key, value in attributes.items():
                if states[0][name].get(key) != value:
                    return f"turn {number}: {name}.{key} is not as it should be"
        left = list(answers)
        for answer in wanted:
            if answer not in left:
                return f"turn {number}: an answer is missing: {answer[:120]}"
            left.remove(answer)
    return None


def right_call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Name, positional arguments and named arguments of a right call, which the data gives as text. Raises
    CallError."""
    node = ast.parse(text.strip(), mode="eval").body
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise CallError(f"{text!r} is no call")
    named = {str(keyword.arg): literal(keyword.value) for keyword in node.keywords}
    return node.func.id, [literal(value) for value in node.args], named
