r"""The short answer that a sentence states.

Enters: one sentence, tidy. Leaves: the number, formula, condition or words that it states, or None. Always
holds: what is found does not depend on the right answer; a sentence that denies, hedges or offers several
things that are not the same states nothing.
"""

from __future__ import annotations

import re
from itertools import pairwise

from r1v.scoring.kinds.dates import find_date
from r1v.scoring.kinds.modifiers import is_changed, multiplied
from r1v.scoring.kinds.numerals import in_digits
from r1v.scoring.kinds.times import CLOCK_WORDS
from r1v.scoring.kinds.units import read_unit
from r1v.scoring.kinds.words import directed
from r1v.scoring.sentences.asides import agree
from r1v.scoring.sentences.chinese import stated_in_chinese
from r1v.scoring.sentences.mentions import is_mention, main_clause, scope
from r1v.scoring.sentences.stance import is_asked, is_said

MAX_SENTENCE = 300  # characters
_LEAD = re.compile(
    r"^(?:(?:so|hence|therefore|thus|then|and|finally|consequently|overall|in conclusion|in total|altogether"
    r"|we (?:get|find|have|obtain|conclude)(?: that)?|it follows that|this means(?: that)?)\s*,?\s+)+",
    re.IGNORECASE,
)
DENIED = re.compile(
    r"\b(?:not|never|neither|nor|cannot|unlike|except|instead|rather|perhaps|maybe|might|could|either|unless"
    r"|without|unclear|unknown|unsure|guess|wrong|incorrect|false (?:claim|that))\b|n't\b",
    re.IGNORECASE,
)
_BUT_SOME = re.compile(r"(?:all )?(?:real numbers|reals)\s*,?\s*except.*$", re.IGNORECASE)
_WORD = re.compile(r"(?<![A-Za-z\\_^{])[A-Za-z]{2,}(?![A-Za-z}])")
_NOTHING = re.compile(
    r"\b(?:has|have|there (?:is|are|exists?)|with)\s+no\s+(?:real\s+|integer\s+|such\s+|positive\s+)*"
    r"(?:solutions?|roots?|values?|numbers?|answers?)(?:\s+exists?)?$",
    re.IGNORECASE,
)
_BOUNDS = [
    (re.compile(pattern, re.IGNORECASE), sign)
    for pattern, sign in (
        (r"(?:is |must be |are )?(?:at least|no less than|no smaller than|not less than|not smaller than"
         r"|greater than or equal to)\s+", r" \\ge "),
        (r"(?:is |must be |are )?(?:at most|no more than|no greater than|not more than|not greater than"
         r"|less than or equal to|smaller than or equal to)\s+", r" \\le "),
        (r"(?:is |must be |are )?(?:(?:strictly )?(?:less|smaller|lower) than|below)\s+", " < "),
        (r"(?:is |must be |are )?(?:(?:strictly )?(?:more|greater|larger|bigger|higher) than|above"
         r"|exceeds)\s+", " > "),
    )
]  # fmt: skip
_COMPARED = re.compile(
    r"\b(?:than|(?<!the )least|(?<!the )most|between|up to|within|fewer|more|less)\b|\b(?:over|under)\s+\d",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(r"(?<![A-Za-z\\])([A-Za-z](?:_\w)?)\s+(?:is|equals|=)\s+(?=[-+\\$(]?[\d\\])")
_BETWEEN = re.compile(
    r"(?:(?<=[a-z]\sis\s)|(?<=[a-z]\slies\s)|(?<=\slie\s)|(?<=\sbe\s))(?:strictly\s+)?between\s+-?[\d./]+\s+and\s+-?[\d./]+(?:,?\s+(?:both\s+)?"
    r"(?:inclusive|included|exclusive|excluded))?$",
    re.IGNORECASE,
)
_ROUNDED = re.compile(
    r",?\s*\b(?:rounded|correct|accurate)\s+to\s+(?:the\s+nearest\s+\w+"
    r"|(?:\d|one|two|three|four)\s+(?:decimal\s+places?|significant\s+(?:figures?|digits?)|d\.?p\.?|s\.?f\.?))",
    re.IGNORECASE,
)
_PART_OF = re.compile(r"\b(\d{1,6})\s+(?:out of|in)\s+(\d{1,6})\b")
_COPULA = re.compile(
    r"\b(?:is|are|was|were|be|equals?|becomes?|gives?|yields?|as|to)\s+(?:therefore\s+|thus\s+|exactly\s+|simply\s+"
    r"|just\s+|then\s+|also\s+|only\s+|always\s+|approximately\s+|about\s+)*|\bat\s+(?=the\s+origin\b)|\b(?:falls?|fell)\s+on\s+"
    r"|\b(?:called|named|termed|known as|(?:example|type|kind|form) of)\s+",
    re.IGNORECASE,
)
VERB = re.compile(r"\b(?:is|are|was|were|equals?|becomes?|gives?|makes?|yields?)\b", re.IGNORECASE)
_ABOUT = re.compile(r"\b(?:approximately|about|roughly|around|exactly)\s+", re.IGNORECASE)
_MATH = re.compile(
    r"[\d=<>+*/^_\\()\[\]|{}%$€£¥₹°√π]|^-|^(?:ln|log|sin|cos|tan|sqrt|lg|exp|arcsin|arccos|arctan)$"
)
_FUNCTIONS = frozenset("ln log sin cos tan sqrt lg exp arcsin arccos arctan sec csc cot".split())
_ARTICLE_OR_I = frozenset(("a", "A", "I"))
_LOOSE_TO = re.compile(  # "the planet closest to the Sun" says nothing; "it turns to gas" does
    r"(?<!known\s)(?<!turns\s)(?<!turned\s)(?<!changes\s)(?<!changed\s)(?<!belongs\s)(?<!due\s)(?<!points\s)(?<!moves\s)"
    r"(?<!converted\s)(?<!rises\s)(?<!goes\s)(?<!referred\s)\b(?:to|as)\s+(?:the\s+|an?\s+)?[\w'’-]+(?:\s+[\w'’-]+)?$",
    re.IGNORECASE,
)
_ONE_WORD_ANSWER = re.compile(r"(?:an?\s+|the\s+)?([^\W\d_][\w'’ -]{0,48})")
_VERB_AT_END = re.compile(
    r"\b((?<=will )(?:increase|decrease|rise|fall|grow|drop)|increases|decreases|rises|falls|grows|drops"
    r"|goes (?:up|down)|stays the same|remains the same"
    r"|converges|diverges|does not exist|does not converge|doesn['’]t converge|stays constant"
    r"|remains (?:constant|unchanged))$",
    re.IGNORECASE,
)


_BEHIND_VALUE = re.compile(
    r"(?<=\S)\s+(?:as\s+well|too|instead|as\s+an?\s+(?:fraction|decimal|percentage|percent|mixed\s+number))$",
    re.IGNORECASE,
)
_WRITTEN_AS = re.compile(r"\b(?:can|may|could)\s+be\s+\w+\s+(?:to|as|into)\b", re.IGNORECASE)
_NEEDED = re.compile(  # the least number that is enough
    r"(?:(?<=need\s)|(?<=needs\s)|(?<=requires\s)|(?<=require\s))at\s+least\s+"
    r"|\bat\s+least\s+(?=[^,;]*\s(?:is|are)\s+(?:needed|required|necessary)$)",
    re.IGNORECASE,
)
_EVEN_THOUGH = re.compile(r",\s+even\s+though\b.*$")
_DENYING_END = re.compile(r"does(?: not|n['’]t) (?:exist|converge)$")
_YES_NO = re.compile(r"(yes|no)\s*[,.;:-]\s*(?=[a-z])", re.IGNORECASE)
RESTRICTED = re.compile(
    r"\b(?:but|only|if|unless|except|however|although|though|perhaps|maybe|might|may|could|wait|yes\b.*\bno|no\b.*\byes)\b",
    re.IGNORECASE,
)


def stated(sentence: str) -> str | None:
    """What a sentence states. A text that is no sentence, such as a formula, states nothing beyond itself."""
    text = sentence.strip().rstrip(".。!")
    chinese = re.search(r"[一-鿿]", text) is not None
    if not (3 if chinese else 4) <= len(text) <= MAX_SENTENCE or is_mention(text):
        return None
    if chinese:
        return stated_in_chinese(text)
    if len(_WORD.findall(re.sub(r"\\[A-Za-z]+", "", text))) < 2:
        return None
    whole, text = text, _BEHIND_VALUE.sub("", _NEEDED.sub("", _LEAD.sub("", scope(text))))
    if (not re.match(r"[A-Za-z]", whole) or NUMBER.match(whole)) and not (
        VERB.search(text) or _WRITTEN_AS.search(text)
    ):
        return None  # a value with words behind it, such as "50 basis points"
    if _NOTHING.search(text):
        return "no solution"
    if (all_but := _BUT_SOME.search(text)) is not None:
        return all_but[0]
    if (first := _YES_NO.match(text)) is not None and not _spans(text):
        doubtful = is_asked(text) or not is_said(text) or RESTRICTED.search(text)
        return None if doubtful else first[1]
    if DENIED.search(_DENYING_END.sub("", _EVEN_THOUGH.sub("", text))) or is_asked(text) or not is_said(text):
        return None
    if (verb := _VERB_AT_END.search(main_clause(text))) is not None:
        return verb[1]
    if len(assigned := list(_ASSIGNED.finditer(text))) > 1:
        return _ASSIGNED.sub(r"\1 = ", text[assigned[0].start() :])
    if (between := _BETWEEN.search(text)) is not None:
        return between[0]
    if (bounded := _bounds(text)) is not None or _COMPARED.search(text.split(" is ")[-1]):
        return bounded
    if (date := find_date(text)) is not None:
        return date
    clocks = list(CLOCK_WORDS.finditer(text))
    if len(clocks) == 1:
        return clocks[0][0]
    way = directed(text)
    if way is None:
        return None
    text = _ROUNDED.sub("", main_clause(text))
    found = _formula(text)
    return f"{way} = {found}" if way and found else found or _predicate(text)


def _bounds(text: str) -> str | None:
    """``k must be at least -2 and less than 1`` as ``k \\ge -2 and k < 1``."""
    signed = text
    for pattern, sign in _BOUNDS:
        signed = pattern.sub(sign, signed)
    if signed == text:
        return None
    parts = re.findall(
        r"(?:(?<![A-Za-z\\])([A-Za-z])\s*)?(\\ge|\\le|<|>)\s*(-?[\d.\\{}/]+(?:[a-z]+\{\d+\})*)", signed
    )
    names = {name for name, _, _ in parts if name}
    if not parts or len(names) > 1:
        return None
    name = names.pop() if names else "x"
    tail = re.sub(r".*(?:\\ge|\\le|<|>)\s*-?[\d.\\{}/]+", "", signed)
    if re.search(r"\d", tail) or " or " in signed:
        return None
    return " and ".join(f"{name} {sign} {end.rstrip('.')}" for _, sign, end in parts)


def _formula(text: str) -> str | None:
    """The one number, quantity or formula of a sentence, or the one after its last verb; None where there
    are several or none."""
    if (nearly := _NEARLY.search(text)) is not None:
        first, second = _spans(text[: nearly.start()]), _spans(text[nearly.end() :])
        if len(first) == len(second) == 1 and agree(first[0], second[0], "\\approx"):
            return first[0]
    text = _HALVES.sub(lambda match: f"{in_digits(match[1])}.5", text)
    text = _ONE_IN.sub(lambda match: rf"\frac{{1}}{{{in_digits(match[1])}}}", text)
    text = _PART_OF.sub(r"\\frac{\1}{\2}", text)
    for part in (text, _behind(text), text[text.rfind("=") + 1 :] if "=" in text else ""):
        found = _spans(_ABOUT.sub("", part))
        if len(found) == 1:
            return None if is_changed(part.replace(found[0], multiplied(found[0]))) else found[0]
        again = len(found) == 2 and re.search(r",\s*(?:or|i\.e\.|that is)\b", part)
        if again and agree(found[0], found[1], ""):
            return found[1]
    if (value := _asserted(text)) is not None:
        return value
    if (match := _COMES_TO.search(text)) is not None and not is_changed(match[1]):
        return in_digits(match[1])
    if not _spans(text) and (run := _number_words(text)) is not None and not is_changed(text):
        return run
    return None


def _asserted(text: str) -> str | None:
    """The one value of a clause that does not depend on a preposition: 24 in "after 3 hours, the tank
    holds 24 litres", "of the 60 students, 24 passed". None where another stands behind it, or it is compared
    or changed."""
    text = NUMBER.sub(lambda match: in_digits(match[0]), _ABOUT.sub("", _RELATIVE.sub("", text)))
    found, at = list[str](), 0
    for span in _spans(text):
        start = text.find(span, at)
        if start < 0 or found:
            return None  # "it reaches 2 at 1" may answer where it does
        if not _ADJUNCT.search(text[at:start]) and not _TIME.search(text, start - 6, start + len(span)):
            found.append(span)
        at = start + len(span)
    if not found or found[0] in ("", text) or is_changed(text) or _EQUAL_SIGN.search(text):
        return None
    return found[0]


def _behind(text: str) -> str:
    """What stands behind the last verb that says what something is; nothing where an earlier one says a value
    too."""
    matches = list(_COPULA.finditer(text))
    for match, after in pairwise(matches):
        if _spans(text[match.end() : after.start()]):
            return ""
    return text[matches[-1].end() :] if matches else ""


def _spans(text: str) -> list[str]:
    """Runs of figures, signs and formulas, each with its unit; single letters alone are not counted."""
    tokens = text.split()
    found: list[list[str]] = []
    open_span = False
    depth = 0
    for index, token in enumerate(tokens):
        bare = token.strip(",;:")
        inside = depth > 0
        depth += sum(sign in "([{" for sign in token) - sum(sign in ")]}" for sign in token)
        letter = len(bare) == 1 and bare.isalpha() and bare not in _ARTICLE_OR_I
        joint = (
            bare in ("and", "or") and open_span and index + 1 < len(tokens) and _is_math(tokens[index + 1])
        )
        if inside or _is_math(bare) or letter or joint or bare in ("-", "+") or bare in _FUNCTIONS:
            if not open_span:
                found.append([])
            found[-1].append(token)
            open_span = True
        elif open_span and _is_unit(found[-1], bare):
            found[-1].append(token)
        else:
            open_span = False
        if token.endswith((";", ":")):
            open_span = False
    spans = [" ".join(span).strip(" ,;:") for span in found]
    return [span for span in spans if not re.fullmatch(r"[A-Za-z]|[-+()\s]*|(?:and|or)", span)]


def _is_math(token: str) -> bool:
    return bool(_MATH.search(token)) and not re.fullmatch(r"\([A-Za-z]{2,}[.,]?\)?|[A-Za-z]{2,}\)", token)


def _is_unit(span: list[str], word: str) -> bool:
    """Whether a word goes on with the unit of a number: ``5 square metres``, ``3:45 PM``."""
    if (
        not re.search(r"[\d}]", span[-1])
        and read_unit(span[-1]) is None
        and span[-1] not in ("square", "cubic", "per")
    ):
        return False
    if re.fullmatch(
        r"(?:[ap]\.?m\.?|percent|square|cubic|per|dollars?|cents?|euros?|thousand|million|billion)",
        word,
        re.I,
    ):
        return True
    unit = read_unit(word) if word.isalpha() and word not in ("in", "a", "at", "h") else None
    return unit is not None and unit.factor is not None


NUMBER = re.compile(
    r"(?:(?:minus|negative)\s+)?\b(?:zero|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty"
    r"|thirty|forty|fifty|sixty|seventy|eighty|ninety|one(?=\s+(?:half|third|quarter|fourth|fifth|sixth|seventh"
    r"|eighth|ninth|tenth|hundred|thousand|million|over)))\b(?:[\s-]+(?:and\s+)?(?:one|two|three|four|five|six|seven"
    r"|eight|nine|ten|hundred|thousand|million|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|half|halves"
    r"|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?|hundredths?|over)\b)*",
    re.IGNORECASE,
)


_ADJUNCT = re.compile(
    r"\b(?:after|before|in|for|(?<!total\s)(?<!sum\s)(?<!speed\s)(?<!length\s)(?<!area\s)of|with"
    r"|by|from|at|to|within|during|per|every"
    r"|each|on|until|since|when|if|where|through|among|into|around|all|these|those|as)\s+(?:(?:the|an?|all|these|those|its|their"
    r"|his|her|our|first|last|next|other|another)\s+)*[$(]*$",
    re.IGNORECASE,
)
_TIME = re.compile(r"\bover\s+\d+\s+(?:years?|months?|weeks?|days?|hours?|minutes?|seconds?)", re.IGNORECASE)
_NEARLY = re.compile(
    r",?\s+(?:(?:or|i\.e\.|that is|which is),?\s+)?(?:roughly|about|approximately|around|\\approx)\s+"
)
_HALVES = re.compile(rf"({NUMBER.pattern})\s+and\s+a\s+half", re.IGNORECASE)
_ONE_IN = re.compile(rf"\b(?:one|once)\s+(?:in|out\s+of)\s+({NUMBER.pattern}|\d+)", re.IGNORECASE)
_RELATIVE = re.compile(
    r",\s+(?:which|who)\s+(?!(?:gives?|makes?|means|is|equals?|yields?|leaves?|comes|simplifies|reduces)\b).*$"
)
_EQUAL_SIGN = re.compile(r"[=<>]|\\(?:le|ge|ne|approx)(?![a-z])")


_COMES_TO = re.compile(  # "7 times 5 makes thirty-five", "simplifies from 6/8 to three quarters"
    r"(?:(?<=\d)\s+(?:is|equals|makes|gives)|\b(?:simplifies|reduces)\s+(?:from\s+\S+\s+)?to)\s+"
    rf"({NUMBER.pattern})(?:\s+of\s+the\s+\w+)?$",
    re.IGNORECASE,
)


def _number_words(text: str) -> str | None:
    """The one number in words of a sentence, in digits."""
    found = [match[0] for match in NUMBER.finditer(text)]
    if len(found) != 1:
        return None
    top, _, bottom = found[0].partition(" over ")
    digits = "/".join(in_digits(part) for part in (top, bottom) if part)
    return digits if re.fullmatch(r"-?[\d./]+", digits) else None


def _predicate(text: str) -> str | None:
    """The words behind the last verb of a sentence without figures."""
    if _spans(text) or is_mention(text, in_words=True):
        return None
    behind = "" if _LOOSE_TO.search(text) else _behind(text)
    match = _ONE_WORD_ANSWER.fullmatch(behind.strip(" ,"))
    return match[1].strip() if match and len(match[1].split()) <= 6 else None
