"""Function calls as text, and the rules by which BFCL compares them.

Enters: a model's text, function descriptions, possible answers. Leaves: the calls, and why they do not
fit. Always holds: nothing that a model wrote is executed; the rules are those of the official AST checker for
Python (bfcl-eval 2026.3.23), with which tests compare them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from r1v.eval.item import Json

Call: TypeAlias = tuple[str, Mapping[str, Any]]

_TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
_IGNORED = re.compile(r"[ ,./\-_*^]")


class CallError(Exception):
    """The text is not a list of function calls."""


def parse_calls(text: str) -> list[Call]:
    """The calls in ``[f(a=1), g.h(b=[2])]``; the outer brackets may be missing, back-quotes may be about it.

    Raises CallError.
    """
    text = text.strip("`\n ")
    if not text.startswith("["):
        text = "[" + text
    if not text.endswith("]"):
        text += "]"
    try:
        body = ast.parse(text.strip().strip("'"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CallError(f"no calls: {str(error)[:120]}") from error
    if isinstance(body, ast.Call):
        return [_call(body)]
    if not isinstance(body, ast.List | ast.Tuple | ast.Set):
        raise CallError("no list of calls")
    if not all(isinstance(element, ast.Call) for element in body.elts):
        raise CallError("something in the list is no call")
    return [_call(element) for element in body.elts if isinstance(element, ast.Call)]


def _call(node: ast.Call) -> Call:
    """One call. Positional arguments have no name to compare with and are left out, as in the official
    parser."""
    return _name(node.func), {str(keyword.arg): literal(keyword.value) for keyword in node.keywords}


def _name(node: ast.expr) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def literal(node: ast.expr) -> Any:
    """The value of a literal; a name, a call or a subscript gives its text. Raises CallError."""
    if isinstance(node, ast.Constant):
        return "..." if node.value is ... else node.value
    if isinstance(node, ast.UnaryOp | ast.BinOp):
        return _arithmetic(node)
    if isinstance(node, ast.List):
        return [literal(element) for element in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(literal(element) for element in node.elts)
    if isinstance(node, ast.Dict):
        return {literal(k): literal(v) for k, v in zip(node.keys, node.values, strict=True) if k is not None}
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        return ast.unparse(node) if not node.keywords else {_name(node.func): dict(_call(node)[1])}
    if isinstance(node, ast.Lambda | ast.Subscript | ast.Attribute | ast.JoinedStr):
        return ast.unparse(node)
    raise CallError(f"{type(node).__name__} is no value of an argument")


def _arithmetic(node: ast.expr) -> Any:
    """The value of sums, products and powers of numbers, within limits, so that nothing large is computed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.UnaryOp):
        value = _arithmetic(node.operand)
        if isinstance(node.op, ast.USub):
            return -value
        return value if isinstance(node.op, ast.UAdd) else not value
    if isinstance(node, ast.BinOp):
        left, right = _arithmetic(node.left), _arithmetic(node.right)
        if isinstance(node.op, ast.Pow) and (abs(right) > 64 or abs(left) > 1e6):
            raise CallError("a power is too large")
        try:
            match node.op:
                case ast.Add():
                    return left + right
                case ast.Sub():
                    return left - right
                case ast.Mult():
                    return left * right
                case ast.Div():
                    return left / right
                case ast.FloorDiv():
                    return left // right
                case ast.Mod():
                    return left % right
                case ast.Pow():
                    return left**right
        except (ArithmeticError, TypeError) as error:
            raise CallError(f"arithmetic: {error}") from error
    raise CallError(f"{type(node).__name__} is no number")


def check_calls(
    calls: Sequence[Call], functions: Sequence[Json], possible: Sequence[Json], category: str
) -> str | None:
    """Why the calls do not fit the possible answers; None if they do.

    Parallel calls may come in any order: each possible answer takes the first remaining call that fits it.
    Otherwise there is one call and one possible answer.
    """
    if len(calls) != len(possible):
        return f"{len(calls)} calls instead of {len(possible)}"
    if "parallel" not in category:
        wanted = (
            functions[0] if "multiple" not in category else _description(functions, next(iter(possible[0])))
        )
        return check_call(calls[0], wanted, possible[0])
    left = list(calls)
    for answer in possible:
        description = _description(functions, next(iter(answer)))
        for call in left:
            if check_call(call, description, answer) is None:
                left.remove(call)
                break
        else:
            return f"no call fits {next(iter(answer))}"
    return None


def _description(functions: Sequence[Json], name: str) -> Json:
    for function in functions:
        if function["name"] == name:
            return function
    raise CallError(f"function {name} is not described")


def check_call(call: Call, function: Json, possible: Json) -> str | None:
    """Why one call does not fit; None if it does. possible: {name: {parameter: [right values, "" if
    optional]}}."""
    name, arguments = call
    allowed: Json = next(iter(possible.values()))
    properties, required = function["parameters"]["properties"], function["parameters"].get("required", [])
    if name != function["name"]:
        return f"function {name} instead of {function['name']}"
    for parameter in required:
        if parameter not in arguments:
            return f"parameter {parameter} is missing"
    for parameter, value in arguments.items():
        if parameter not in properties or parameter not in allowed:
            return f"parameter {parameter} is not expected"
        reason = _check_value(parameter, value, properties[parameter], allowed[parameter])
        if reason is not None:
            return reason
    for parameter, values in allowed.items():
        if parameter not in arguments and "" not in values:
            return f"parameter {parameter} is left out"
    return None


def _check_value(parameter: str, value: Any, description: Json, allowed: Sequence[Any]) -> str | None:
    kind = description["type"]
    expected = _TYPES[kind]
    nested = _TYPES[description["items"]["type"]] if kind in ("array", "tuple") else None
    if kind == "tuple" and isinstance(value, tuple):
        value = list(value)
    if kind == "float" and type(value) is int:
        value = float(value)
    fits, variable = _type_fits(value, allowed, expected, nested)
    if not fits:
        return f"parameter {parameter} is of type {type(value).__name__}, not {kind}"
    if not variable:
        if expected is dict:
            return None if _dict_fits(value, allowed) else f"parameter {parameter} is {value!r}"
        if expected is list and nested is dict:
            return None if _dicts_fit(value, allowed) else f"parameter {parameter} is {value!r}"
        if expected is str:
            folded = [_folded(one) for one in allowed if isinstance(one, str)]
            return None if _folded(value) in folded else f"parameter {parameter} is {value!r}"
        if expected is list:
            given = [_folded(one) for one in value]
            return None if given in [[_folded(x) for x in one] for one in allowed] else (
                f"parameter {parameter} is {value!r}"
            )  # fmt: skip
    return None if value in allowed else f"parameter {parameter} is {value!r}"


def _type_fits(value: Any, allowed: Sequence[Any], expected: type, nested: type | None) -> tuple[bool, bool]:
    """(whether the type is right, whether the value is a variable). If the right value has another type than
    the description says, its type counts."""
    known = next((type(one) for one in allowed if one != ""), None)
    variable = known is not None and known is not expected
    if type(value) is expected:
        entries: Any = value
        if nested is None:
            return True, variable
        for one in allowed:
            if not isinstance(one, list) or all(_type_fits(x, one, nested, None)[0] for x in entries):
                return True, variable
    if known is not None and type(value) is known:
        return True, True
    return False, False


def _folded(value: Any) -> Any:
    """Text without case and without signs that do not matter."""
    return _IGNORED.sub("", value).lower().replace("'", '"') if isinstance(value, str) else value


def _dict_fits(value: Mapping[Any, Any], allowed: Sequence[Any]) -> bool:
    for one in allowed:
        if one == "":
            continue
        if any(
            key not in one or _folded(v) not in [_folded(x) for x in one[key]] for key, v in value.items()
        ):
            continue
        if all(key in value or "" in values for key, values in one.items()):
            return True
    return False


def _dicts_fit(value: Sequence[Any], allowed: Sequence[Any]) -> bool:
    return any(
        len(value) == len(one) and all(_dict_fits(v, [x]) for v, x in zip(value, one, strict=True))
        for one in allowed
    )
