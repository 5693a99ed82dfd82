r"""Mathematical expressions: read once into a tree, compared by value.

Enters: text after ``notation.tidy``. Leaves: an ``Expression``, or ``Unreadable``. Always holds: two numbers
side by side are neither one number nor a product; nothing is evaluated while reading, so the work is limited
by the length of the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from r1v.scoring.signs import FUNCTIONS, OF_SEVERAL, Token, Unreadable, tokens

MAX_DEPTH = 40
SERIES = ("sum", "prod")
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot"}
_ACCENTS = {
    "overline",
    "vec",
    "hat",
    "bar",
    "tilde",
    "overrightarrow",
    "widehat",
    "dot",
    "ddot",
    "angle",
    "triangle",
}
_SYMBOLS = set(
    (
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon "
        "phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar partial "
        "nabla"
    ).split()
)
_CLOSING = {"(": ")", "[": "]", "{": "}", r"\{": r"\}"}


@dataclass(frozen=True, slots=True)
class Expression:
    """A tree. kind: number, symbol, pi, e, i, infinity, degree, sum, product, quotient, power, factorial,
    binomial, absolute, series, or the name of a function. value: of a number. name: of a symbol; of a series
    (from, to, terms) "sum" or "prod" and its variable."""

    kind: str
    args: tuple[Expression, ...] = ()
    value: Fraction = Fraction(0)
    name: str = ""

    def walk(self) -> Iterator[Expression]:
        """This expression and all parts of it."""
        yield self
        for arg in self.args:
            yield from arg.walk()

    @property
    def symbols(self) -> frozenset[str]:
        """Names of the variables; that of a series is bound."""
        if self.kind == "symbol":
            return frozenset((self.name,))
        if self.kind == "series":
            low, high, terms = (arg.symbols for arg in self.args)
            return low | high | (terms - {self.name.split()[1]})
        return frozenset[str]().union(*(arg.symbols for arg in self.args))


def number(value: Fraction | int) -> Expression:
    """A number as an expression."""
    return Expression("number", value=Fraction(value))


def negative(value: Expression) -> Expression:
    """The expression with a minus before it."""
    return number(-value.value) if value.kind == "number" else Expression("product", (number(-1), value))


def substituted(value: Expression, name: str, by: Expression) -> Expression:
    """The expression with another one for a variable."""
    if value.kind == "symbol":
        return by if value.name == name else value
    return replace(value, args=tuple(substituted(arg, name, by) for arg in value.args))


def parse(text: str) -> Expression:
    """Read an expression. Raises Unreadable for anything else, including relations and lists."""
    reader = _Reader(list(tokens(text)))
    if not reader.tokens:
        raise Unreadable
    value = reader.whole()
    if reader.position < len(reader.tokens):
        raise Unreadable
    return value


@lru_cache(maxsize=8192)  # readers of several kinds try the same text
def expression_of(text: str) -> Expression | None:
    """The expression that a text is, or None."""
    try:
        return parse(text)
    except (Unreadable, ValueError, ZeroDivisionError, RecursionError):
        return None


class _Reader:
    """Recursive descent: sums of products of powers of atoms; products may be implied."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.bars = 0  # number of open absolute values

    def peek(self) -> Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else Token("end", "", False)

    def at(self, *signs: str) -> bool:
        token = self.peek()
        return token.kind == "sign" and token.text in signs

    def take(self) -> Token:
        token = self.peek()
        if token.kind == "end":
            raise Unreadable
        self.position += 1
        return token

    def expect(self, sign: str) -> None:
        if not self.at(sign):
            raise Unreadable
        self.position += 1

    def sum(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable
        minus = self.sign()
        terms = [self.product()]
        if minus:
            terms[0] = negative(terms[0])
        while self.at("+", "-"):
            minus = self.take().text == "-"
            term = self.product()
            terms.append(negative(term) if minus else term)
        self.depth -= 1
        return terms[0] if len(terms) == 1 else Expression("sum", tuple(terms))

    def sign(self) -> bool:
        """Read all signs at this place. True if the number of minus signs is odd."""
        minus = False
        while self.at("+", "-"):
            minus ^= self.take().text == "-"
        return minus

    def product(self) -> Expression:
        value, factors = self.power(), list[Expression]()
        before = self.tokens[self.position - 1]
        while True:
            if self.at("*", "/"):
                divides = self.take().text == "/"
                minus = self.sign()
                factor = self.power()
                factor = negative(factor) if minus else factor
                if divides:
                    value, factors = Expression("quotient", (_product(value, factors), factor)), []
                else:
                    factors.append(factor)
            elif self.starts_factor():
                if self.peek().kind == "number" and before.kind == "number":
                    value = self.mixed(_product(value, factors))
                    factors = []
                else:
                    factor = self.power()
                    if (
                        not factors
                        and (mixed := _mixed(value, factor)) is not None
                        and before.kind == "number"
                    ):
                        value = mixed
                    else:
                        factors.append(factor)
            else:
                return _product(value, factors)
            before = self.tokens[self.position - 1]

    def mixed(self, whole: Expression) -> Expression:
        """Read a mixed number, ``1 2/3``: a whole number, a space, a proper fraction. Two numbers side by
        side mean nothing else."""
        top = self.take()
        if not (top.spaced and top.text.isdigit() and self.at("/")):
            raise Unreadable
        self.take()
        bottom = self.take()
        if bottom.kind != "number" or not bottom.text.isdigit() or not int(bottom.text):
            raise Unreadable
        value = _mixed(whole, Expression("quotient", (number(int(top.text)), number(int(bottom.text)))))
        if value is None:
            raise Unreadable
        return value

    def starts_factor(self) -> bool:
        token = self.peek()
        if token.kind in ("number", "letter", "command"):
            return token.text not in (
                "to",
                "le",
                "ge",
                "ne",
                "in",
                "cup",
                "cap",
                "setminus",
                "pm",
                "mp",
                "approx",
                "circ",
                "over",
                "choose",
                "rfloor",
                "rceil",
            )
        return (token.kind == "sign" and token.text in ("(", "[", "{", r"\{")) or (
            self.at("|") and not self.bars
        )

    def power(self) -> Expression:
        base = self.postfixed(self.atom())
        if not self.at("^"):
            return base
        self.take()
        return self.postfixed(Expression("power", (base, self.exponent())))

    def exponent(self) -> Expression:
        minus = self.sign()
        value = self.argument(whole_number=True)
        return negative(value) if minus else value

    def postfixed(self, value: Expression) -> Expression:
        while True:
            if self.at("!"):
                self.take()
                value = Expression("factorial", (value,))
            elif self.at("%"):
                self.take()
                value = Expression("quotient", (value, number(100)))
            elif self.at("^") and self.following() == ("command", "circ"):
                self.position += 2
                value = Expression("product", (value, Expression("degree")))
            else:
                return value

    def following(self) -> tuple[str, str]:
        if self.position + 1 >= len(self.tokens):
            return "", ""
        token = self.tokens[self.position + 1]
        return token.kind, token.text

    def argument(self, whole_number: bool = False) -> Expression:
        """Read an argument: the content of braces or brackets, or one sign. Of a longer number that is one
        digit, unless ``whole_number``."""
        token = self.peek()
        if token.kind == "sign" and token.text in ("{", "(", r"\{"):
            return self.group()
        if token.kind == "number" and not whole_number and len(token.text) > 1 and token.text.isdigit():
            self.tokens[self.position] = Token("number", token.text[1:], False)
            return number(int(token.text[0]))
        return self.atom()

    def group(self) -> Expression:
        opened = self.take().text
        value = self.whole()
        self.expect(_CLOSING[opened])
        return value

    def whole(self) -> Expression:
        r"""Read a sum, or two of them around ``\over`` or ``\choose``, which apply to everything in their
        braces."""
        value = self.sum()
        token = self.peek()
        if token.kind != "command" or token.text not in ("over", "choose"):
            return value
        self.take()
        return Expression("quotient" if token.text == "over" else "binomial", (value, self.sum()))

    def atom(self) -> Expression:
        token = self.peek()
        if token.kind == "sign":
            if token.text in _CLOSING:
                return self.group()
            if token.text == "|":
                return self.absolute()
            raise Unreadable
        self.take()
        if token.kind == "number":
            return number(
                Fraction(
                    token.text.replace(",", "").rstrip(".") if "e" not in token.text.lower() else token.text
                )
            )
        if token.kind == "letter":
            if token.text in ("e", "i") and not self.at("_", "'"):
                return Expression(token.text)
            return self.symbol(token.text)
        return self.command(token.text)

    def absolute(self) -> Expression:
        self.take()
        self.bars += 1
        value = self.sum()
        self.bars -= 1
        self.expect("|")
        return Expression("absolute", (value,))

    def symbol(self, name: str) -> Expression:
        """A variable with its subscript and primes."""
        while self.at("_", "'"):
            if self.take().text == "'":
                name += "'"
                continue
            token = self.take()
            if token.text == "{":
                inner = []
                while not self.at("}"):
                    inner.append(self.take().text)
                self.take()
                name += "_" + "".join(inner)
            else:
                name += "_" + token.text
        return Expression("symbol", name=name)

    def command(self, name: str) -> Expression:
        if name in FUNCTIONS:
            return self.function(name)
        if name == "frac":
            return Expression("quotient", (self.argument(), self.argument()))
        if name == "binom":
            return Expression("binomial", (self.argument(), self.argument()))
        if name in ("sqrt", "cbrt"):
            return self.root(3 if name == "cbrt" else 2)
        if name == "pi":
            return Expression("pi")
        if name == "infty":
            return Expression("infinity")
        if name in SERIES:
            return self.series(name)
        if name in OF_SEVERAL:
            return self.of_several(name)
        if name in ("lfloor", "lceil"):
            value = self.sum()
            if self.take().text != name.replace("l", "r", 1):
                raise Unreadable
            return Expression("floor" if name == "lfloor" else "ceil", (value,))
        if name in _SYMBOLS:
            return self.symbol("\\" + name)
        if name in _ACCENTS:
            return self.symbol(f"\\{name} {turned(name, self.raw_argument())}")
        raise Unreadable

    def series(self, name: str) -> Expression:
        r"""``\\sum_{k=1}^{n} a``: the terms are the product that follows."""
        self.expect("_")
        self.expect("{")
        variable = self.atom()
        self.expect("=")
        low = self.sum()
        self.expect("}")
        self.expect("^")
        high = self.exponent()
        if variable.kind not in ("symbol", "i"):
            raise Unreadable
        terms = self.product() if variable.kind == "symbol" else _as_symbol(self.product())
        return Expression("series", (low, high, terms), name=f"{name} {variable.name or 'i'}")

    def of_several(self, name: str) -> Expression:
        """``max(a, b)``."""
        opened = self.take().text
        if opened not in ("(", r"\{"):
            raise Unreadable
        values = [self.sum()]
        while self.at(","):
            self.take()
            values.append(self.sum())
        self.expect(_CLOSING[opened])
        return Expression(name, tuple(values))

    def raw_argument(self) -> str:
        """Read the letters below an accent, or after a sign such as ``\\angle``."""
        if self.at("{"):
            self.take()
            inner = []
            while not self.at("}"):
                inner.append(self.take().text)
            self.take()
            return "".join(inner)
        letters = []
        while self.peek().kind == "letter" and self.peek().text.isupper():
            letters.append(self.take().text)
        return "".join(letters) or self.take().text

    def root(self, degree: int) -> Expression:
        index = number(degree)
        if self.at("["):
            self.take()
            index = self.sum()
            self.expect("]")
        return Expression(
            "power", (self.argument(whole_number=True), Expression("quotient", (number(1), index)))
        )

    def function(self, name: str) -> Expression:
        base: Expression | None = number(10) if name == "lg" else None
        power: Expression | None = None
        if self.at("_"):
            self.take()
            base = self.argument(whole_number=True)
        if self.at("^"):
            self.take()
            power = self.exponent()
            if power == number(-1) and name in _INVERSE:
                name, power = _INVERSE[name], None
        value = self.operand()
        if name in ("log", "lg", "ln"):
            found = Expression("ln", (value,))
            if base is not None and base.kind != "e":
                found = Expression("quotient", (found, Expression("ln", (base,))))
        elif base is not None:
            raise Unreadable
        else:
            found = Expression(name, (value,))
        return found if power is None else Expression("power", (found, power))

    def operand(self) -> Expression:
        """Read the argument of a function without brackets: the factors up to the next sign or function."""
        if self.at("(", "{", "["):
            value = self.group()
            return self.postfixed(value) if self.at("!") else value
        minus = self.sign()
        factors = [self.power()]
        while self.starts_factor() and self.peek().text not in FUNCTIONS and self.peek().kind != "sign":
            factors.append(self.power())
        while self.at("/"):
            self.take()
            factors = [Expression("quotient", (_product(factors[0], factors[1:]), self.power()))]
        value = _product(factors[0], factors[1:])
        return negative(value) if minus else value


def turned(name: str, letters: str) -> str:
    """The letters of an angle or a segment, in the alphabetically first of both directions: ``CBA`` becomes
    ``ABC``."""
    either_way = (name == "angle" and len(letters) == 3) or (name == "overline" and len(letters) == 2)
    return min(letters, letters[::-1]) if either_way and letters.isalpha() and letters.isupper() else letters


def _as_symbol(value: Expression) -> Expression:
    """The expression with i for a variable."""
    if value.kind == "i":
        return Expression("symbol", name="i")
    return replace(value, args=tuple(_as_symbol(arg) for arg in value.args))


def _product(first: Expression, others: list[Expression]) -> Expression:
    return Expression("product", (first, *others)) if others else first


def _mixed(whole: Expression, part: Expression) -> Expression | None:
    """A mixed number: a whole number and a proper fraction of whole numbers; None for anything else."""
    sign = 1
    if whole.kind == "product" and whole.args[0] == number(-1) and len(whole.args) == 2:
        whole, sign = whole.args[1], -1
    if whole.kind != "number" or whole.value.denominator != 1 or whole.value < 1 or part.kind != "quotient":
        return None
    top, bottom = part.args
    if any(side.kind != "number" or side.value.denominator != 1 for side in (top, bottom)):
        return None
    if not 0 < top.value < bottom.value:
        return None
    return number(sign * (whole.value + top.value / bottom.value))
