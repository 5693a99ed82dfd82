r"""The statement with which a reply ends, where neither a box nor an announced answer stands in it.

Enters: a reply, as it stands after what its writer took back. Leaves: the value that its end
states, "" where it contradicts itself, or None.
Always holds: one place is read, in this order: a list in the last lines, a formula set apart at the end, the
last clause of the last sentence; a clause that denies, doubts, compares or offers several different values
states nothing.
"""

from __future__ import annotations

import re

from r1v.scoring.equality import same_reading
from r1v.scoring.evaluation import same_value
from r1v.scoring.expression import Unreadable, expression_of
from r1v.scoring.kinds.modifiers import is_changed, only_names
from r1v.scoring.kinds.numerals import in_digits
from r1v.scoring.kinds.units import read_unit
from r1v.scoring.kinds.words import directed
from r1v.scoring.notation import at_relations, brackets, split_top, tidy
from r1v.scoring.reading import NAME, read
from r1v.scoring.sentences.asides import AGAIN, CONTRAST, agree, first_of_two, is_domain
from r1v.scoring.sentences.blocks import block, cases, matrix_in_words
from r1v.scoring.sentences.chinese import DENIED_IN_CHINESE
from r1v.scoring.sentences.mentions import is_mention, leads_to_mention, main_clause
from r1v.scoring.sentences.prose import DENIED, NUMBER, RESTRICTED, VERB, stated
from r1v.scoring.sentences.stance import is_asked, is_said

_ITEM = re.compile(r"(?:[-*+•]|\(?\d{1,2}[.)])\s+(?P<item>\S.*)")
_ROW = re.compile(r"\|(?P<name>[^|]+)\|(?P<value>[^|]+)\|")
_RULE = re.compile(r"\|[\s|:-]+\|")
_BRANCH = re.compile(r"(?P<name>[A-Za-z]'*\([a-z]\))\s*=\s*(?P<value>[^=<>]+\s(?:for|if|when)\s.+)")
_DISPLAY = re.compile(
    r"(?:\$\$(?P<dollars>(?:(?!\$\$).)+)\$\$|\\\[(?P<brackets>(?:(?!\\\[).)+)\\\])[\s.]*\Z", re.S
)
# a formula, and not what lies between two sums of money
_DOLLARS = r"(?<![\\\d])\$(?!\d[\d.,]*\s+[A-Za-z]{2,}[^$]*\s\$)([^$\n]+)\$"
_PROTECTED = re.compile(_DOLLARS + r"|\\\(.*?\\\)|\([^()]*\)|\{[^{}]*\}")
_CONNECTIVE = re.compile(
    r"(?:(?<![A-Za-z])(?:so|hence|thus|therefore|consequently|i\.e\.|that is(?=,)|which\s+(?:means|gives|is)"
    r"|leaving|leaves(?!\s+(?:at|on|in|for|from)(?![A-Za-z]))|giving|yielding|simplifies\s+to|reduces\s+to|meaning|(?:to|and(?:\s+(?:we|you|one))?)\s+(?:get|obtain)|and\s+(?:we\s+)?find)(?![A-Za-z])(?:\s+(?:that|we\s+(?:get|have|find)))?[,:]?"
    r"|,\s+and(?=\s+the\s+(?:equation|answer|result)\s+(?:is|are)(?![A-Za-z]))"
    r"|(?<=[^\s\d]):(?=\s)|(?<=\d):(?=\s+[*$(\[{\\])|：|\s—|所以|因此|⇒|∴|⟹|=>|(?-i:\\(?:Rightarrow|therefore|implies|Longrightarrow))(?![A-Za-z])"
    r"|(?:^|(?<=[,，;；]))\s*(?:即|故|解得|可得|得)(?=\s*[-$\\A-Za-z\d])|[,，]\s*(?=共|还剩|一共))\s*",
    re.IGNORECASE,
)
_SETTING = re.compile(
    r"(?:since|as|because|given|using|with|by|from|substituting|applying|taking|setting|adding|subtracting|dividing|multiplying)\b[^,]*,\s+",
    re.IGNORECASE,
)
_BUT = re.compile(r"[,;]?\s+but\s+", re.IGNORECASE)
_NOT = re.compile(r"\bnot\b|n['’]t\b|\bnever\b", re.IGNORECASE)
_BOLD = re.compile(r"\*\*(?=\S)(.{1,200}?)(?<=\S)\*\*|\\textbf\{([^{}]+)\}")
_FORMULA = re.compile(_DOLLARS + r"|\\\((.+?)\\\)")
_BEHIND_NAMES = re.compile(
    r",?\s+(?:and|which)\s+(?:that\s+|this\s+|it\s+)?is\s+(?:the|our|what)\b[^\d$\\]*$"
)
_FIGURE = re.compile(r"\d(?!\d*(?:st|nd|rd|th)\b)|[$\\=<>]")
_NEAR = re.compile(
    r"\b(?:than|least|most|over|under|between|up\s+to|within|above|below|or|not|and"
    r"|when|if|where|out\s+of|from|with|per|(?:divided|multiplied)\s+by)\s*[$(]?\s*$",
    re.IGNORECASE,
)
_MORE = re.compile(r"\s*(?:more|less|fewer|or|and|times|of\s+the\s+original)\b|\s*\?", re.IGNORECASE)
_ASIDE = re.compile(r"(?P<value>.*\S)\s+\((?P<aside>[^()]+)\)", re.S)
_AGAIN_BEHIND = re.compile(r"(?P<words>(?:\s+[a-z]+){1,4})\s+\((?P<again>[^()]*\d[^()]*)\)\s*")
_WORDS_BEFORE = re.compile(r".*(?<![A-Za-z\\_])[A-Za-z][A-Za-z'’-]+[,:]?\s+(?=\S)", re.S)
_WORDS_FIRST = re.compile(r"(?:[A-Za-z][A-Za-z'’-]+,?\s+)+(?=\S)")
_IT_IS = re.compile(
    r"(?:(?:it|that|this)(?:['’]s|\s+(?:is|was|equals))|(?:i|we)\s+(?:get|got|find|found|have|obtain(?:ed)?)|altogether,?|in\s+(?:total|all),?|(?:in|at|on)(?=\s+\d))\s+",
    re.IGNORECASE,
)
_IS = re.compile(r"(?<=[\w)}])\s+(?:is|makes|gives|equals)\s+(?=[-+\d\\$(])")
_BY_CASES = re.compile(
    r"(?:[^=<>\d]*\b(?:is|equals)\s+|[^=<>]{1,30}=\s*)(?P<cases>[-+\d\\$(a-z][^A-Z]*)", re.DOTALL
)
_CONDITION = re.compile(r"\b(?:when|if|for)\s+\S*[a-z]\S*\s*(?:[<>=]|\\(?:le|ge|ne)(?![a-z]))")
_NEXT_CASE = re.compile(r",?\s+(?:and|but)\s+(?:(?:it\s+)?(?:is|equals)\s+)?(?=[^<>]*\b(?:when|if|for)\b)")
_WORDS_IN_BRACKETS = re.compile(r"\s*\((?=[^()]*[a-z]{3})[^()]*\)$")
_COUNTED = re.compile(
    rf"(?P<number>{NUMBER.pattern}|\d[\d.,]*)\s+(?P<what>[a-z]+(?:\s+[a-z]+)?)", re.IGNORECASE
)
_LABEL = re.compile(r"^\*\*[^*\n]{1,30}[.:]\*\*\s+(?=.*\*\*)")  # **Step 3.**
_REMAINDER = re.compile(
    r".*(?:=|≡|\\equiv(?![a-z]))\s*(?P<value>-?\d+)\s*\(?\\?[bp]?(?:mod|\\bmod|\\pmod)\s*\{?\s*\w+\s*\}?\)?"
)
_ALL = re.compile(r"(?<=\s)all\s+(?=\$?[a-z]\s*(?:[<>≤≥]|\\(?:leq?|geq?)(?![a-z])))")
_TOGETHER = re.compile(
    r"(?<=\d),?\s+(?:together\s+with|and\s+also|or\s+else|as\s+well\s+as)\s+(?:all\s+)?(?=[a-z]\s*(?:[<>=≤≥]|\\[lg]e))"
)
_MOLECULE = r"(?:\d+\s?)?[A-Z][A-Za-z\d_{}()^+-]*(?:\([a-z]{1,2}\))?"
_REACTION = re.compile(
    rf"{_MOLECULE}(?:\s+\+\s+{_MOLECULE})*\s*(?:\\(?:to|rightarrow|longrightarrow)(?![a-z])|→|->)\s*{_MOLECULE}(?:\s+\+\s+{_MOLECULE})*"
)
_BUT_NOT = re.compile(r"(?<=\w)\s+but\s+not\b")  # "odd but not prime"
_JUDGED = re.compile(
    r"(?:(?:the|this|that)\s+)?(?:(?:statement|claim|assertion)|it)\s+is\s+(true|false)\s*[:;—]\s"
    r"|(yes|no|true|false)\s*[:—-]+\s+\d+\s+(?:is|are|has|divides|can)\b",
    re.IGNORECASE,
)
_TO_COME = re.compile(r"\b(?:steps?|cases?|parts?|remain\w*|left|more|others?|to|times)\b", re.IGNORECASE)
_ARROW = re.compile(r"^(?:\\(?:to|Rightarrow|rightarrow|therefore)(?![a-z])|[→⇒∴]|=>?)\s*(?=\S)")
_CURVE = re.compile(
    r".*\b(?:is|becomes|reads)\s+(?P<curve>[a-z](?:\([a-z]\))?\s*=\s*[^=,;]*(?<![A-Za-z\\])[a-z](?![A-Za-z])[^=,;]*)"
)
_OPENING = re.compile(r"\**(yes|no|true|false)(?:[.!]\**|\**[.!])\s+(?!\d+\W*$)", re.IGNORECASE)
_JOINS = re.compile(r"\b(?:or|and|for|if|when|otherwise)\b|\\(?:begin|lor|land)")
_IN_ORDER = re.compile(
    r"\b(?:from\s+(?:greatest|least|smallest|largest)|ascending|descending|(?:increasing|decreasing)\s+order|in\s+order)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!。]\s|\n")
_CHECK = re.compile(r"\(?(?:check|checking|verification|verify|note|indeed)\b", re.IGNORECASE)
_VERDICT = re.compile(r"(yes|no|true|false)\s*[,.—:-]+\s*[a-z'’]", re.IGNORECASE)
_VERDICT_LAST = re.compile(r"[:—–]\s*(yes|no|true|false)$", re.IGNORECASE)
_ANY_VERDICT = re.compile(r"\b(?:yes|no|true|false|but|however|wait)\b", re.IGNORECASE)
_SUPPOSED = re.compile(
    r"(?:(?:now|next|then|first|so|we|i)[\s,]+)*(?:(?:(?:still|also)\s+)?(?:need|have|want)\s+to"
    r"|let(?!['’]?s?\s+me)|assume|suppose|consider|substitute|try)\b",
    re.IGNORECASE,
)
_UNTRUE = re.compile(
    r"\b(?:statement|claim|it|this|that)\s+is\s+(?:not\s+(?:true|correct)|untrue)$", re.IGNORECASE
)
_DROPPED = re.compile(  # a candidate that the sentence ends by giving up, or a step on the way
    r"\b(?:fails?|(?:is|are|was|were)\s+(?:rejected|extraneous|excluded|ruled\s+out|impossible))(?:\s+too)?$"
    r"|\b(?:last|previous|next)\s+step\s+(?:was|is|would\s+be)\b",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])")
_LONG_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{3,}")
_UNIT = re.compile(r"(?<=\d)\s+([A-Za-z]{1,4})(?![A-Za-z])")
_OTHER_WORD = re.compile(r"(?<![A-Za-z\\])(?!(?:and|for|when|otherwise)\b)[A-Za-z]{3,}")
MAX_ITEMS = 20
MAX_LINES = 40  # of a formula set apart
MAX_SENTENCE = 600  # characters


def final_statement(lines: list[str], sentences: list[str]) -> str | None:
    """What the end of a reply states. lines: its lines that hold something; sentences: those of the last
    line."""
    listed = "; ".join(tidy(one).rstrip(" ,;.") for one in _items(lines))
    last = tidy(lines[-1]).strip("*.。 ")
    if (split := cases(listed or last) or matrix_in_words(last)) is not None:
        return split
    if (together := block(lines)) is not None:
        return "" if _is_open("\n".join(lines[: -together[0]])) else together[1]
    items = _items(lines)
    if len(items) > 1:
        listed = _branches(items) or ", ".join(tidy(one.rstrip(",;")) for one in items)
        return "" if _is_open("\n".join(lines[: -len(items)])) else listed
    end = "\n".join(lines[-MAX_LINES:])
    if (shown := _DISPLAY.search(end)) is not None:
        return "" if _is_open(end[: shown.start()]) else _value(shown["dollars"] or shown["brackets"])
    if (opening := _OPENING.match(lines[-1])) is not None:
        return "" if _ANY_VERDICT.search(lines[-1], opening.end()) else opening[1]
    kept = [one for one in sentences if not _CHECK.match(one)]
    if any(_NOT.search(one) for one in sentences if one not in kept):
        return None
    return _concluded(kept[-1]) if kept and len(kept[-1]) <= MAX_SENTENCE else None


def _is_open(lead: str) -> bool:
    """Whether the words before a list or a formula deny or doubt it."""
    last = _SENTENCE.split(lead.strip())[-1]
    return bool(DENIED.search(last)) or not is_said(last) or last.endswith("?") or leads_to_mention(last)


def _items(lines: list[str]) -> list[str]:
    """The items of the list, or the rows of the table, that ends a reply."""
    items = list[str]()
    for line in reversed(lines[-MAX_ITEMS:]):
        row, item = _ROW.fullmatch(line), _ITEM.fullmatch(line)
        if _RULE.fullmatch(line):
            break
        if row is None and item is None:
            break
        items.insert(0, f"{row['name'].strip()} = {row['value'].strip()}" if row else item["item"])  # type: ignore[index]
    return items


def _branches(parts: list[str]) -> str | None:
    """``f(x) = 0 for x < 0``, ``f(x) = 1 for x > 0`` as the branches of one function."""
    found = [_BRANCH.fullmatch(tidy(part.strip(" ,;."))) for part in parts]
    if len(found) < 2 or len({one["name"] if one else "" for one in found}) > 1 or found[0] is None:
        return None
    return ", ".join(one["value"] for one in found if one)


def _concluded(sentence: str) -> str | None:
    """What the last clause of a sentence states."""
    sentence = _ALL.sub("", sentence)
    sentence = _TOGETHER.sub(" or ", CONTRAST.sub("", _LABEL.sub("", sentence)))
    lead, _, claim = (
        sentence.rpartition(found[-1]) if (found := _BUT.findall(sentence)) else ("", "", sentence)
    )
    if lead and (is_said(lead) and not _NOT.search(lead)):
        claim = sentence  # what is before "but" stands as well
    clause = _BEHIND_NAMES.sub("", _last_clause(claim.strip().rstrip(".。!")))
    said = tidy(_BOLD.sub(lambda match: match[1] or match[2], clause))
    if (_SUPPOSED.match(said) or _DROPPED.search(main_clause(said))) and re.search(r"\d", said):
        return ""
    if is_mention(tidy(claim)):
        return ""
    if (judged := _JUDGED.match(said)) is not None:
        open_ = RESTRICTED.search(_BUT_NOT.sub(" ", said)) or not is_said(said)
        return None if open_ else judged[1] or judged[2]
    if _UNTRUE.search(said):
        return "false"
    if (
        verdict := _VERDICT.match(tidy(claim)) or _VERDICT.match(said) or _VERDICT_LAST.search(tidy(claim))
    ) is not None:
        doubtful = is_asked(said) or not is_said(said) or RESTRICTED.search(_BUT_NOT.sub(" ", claim))
        return None if doubtful else verdict[1]
    outside = _FORMULA.sub(" ", clause)
    outside = _WORDS_IN_BRACKETS.sub("", outside) if _cases(said) is not None else outside
    if DENIED.search(outside) or DENIED_IN_CHINESE.search(clause) or is_asked(claim) or not is_said(claim):
        return None
    if (whole := _cases(said) or matrix_in_words(said)) is not None:
        return whole
    if (curve := _CURVE.fullmatch(said)) is not None:
        return curve["curve"]
    if len(reactions := _REACTION.findall(said)) == 1:
        return reactions[0]
    if re.search(r"\d", core := main_clause(clause)):
        clause, said = core, main_clause(said)
    counted = _COUNTED.fullmatch(said)
    if (
        counted is not None
        and not _TO_COME.search(said)
        and only_names(counted["what"])
        and not is_mention(said)
    ):
        return in_digits(said[: counted.end("number")]) + said[counted.end("number") :]
    reasons = re.search(r"\d", said) and not re.search(r"\d", main_clause(said))
    value, way = None if reasons else _marked(clause) or _alone(said), directed(said)
    if value is None:
        return stated(said) if said != tidy(sentence) else None
    if way is None or (re.search(r"\d", value) and is_changed(re.sub(r"\\[A-Za-z]+", "", said))):
        return None
    if _IN_ORDER.search(sentence) and len(split_top(value, ",")) > 1 and brackets(value)[0] == "":
        return f"({value})"
    placed = re.search(r"[<>=,]|\\(?:le|ge|in|cup)(?![a-z])", value)  # "increasing on (1, 2)"
    return f"{way} = {value}" if way and way not in value and not placed else value


def _cases(text: str) -> str | None:
    """``The value is 1 when x > 0 and -1 when x < 0`` as ``1 when x > 0, -1 when x < 0``."""
    match = _BY_CASES.fullmatch(_WORDS_IN_BRACKETS.sub("", text))
    if match is None or len(_CONDITION.findall(match["cases"])) < 2:
        return None
    return _NEXT_CASE.sub(", ", match["cases"])


def _last_clause(sentence: str) -> str:
    """The sentence behind its last connective, which does not stand within a formula or brackets."""
    masked = _PROTECTED.sub(lambda match: match[0][0] + "_" * (len(match[0]) - 2) + match[0][-1], sentence)
    for match in reversed(list(_CONNECTIVE.finditer(masked))):
        if rest := sentence[match.end() :].strip():
            return rest if not rest.startswith("**") or len(rest) > 4 else sentence
    if (setting := _SETTING.match(masked)) is not None:
        return sentence[setting.end() :]
    return sentence


def _marked(clause: str) -> str | None:
    """The only bold words of a clause, or its only formula, where no other value stands behind them."""
    for pattern in (_BOLD, _FORMULA):
        found = list(pattern.finditer(clause))
        if len(found) != 1:
            continue
        before, behind = clause[: found[0].start()], clause[found[0].end() :]
        if (again := _AGAIN_BEHIND.fullmatch(behind)) and agree(found[0][1] or "", again["again"], ""):
            behind = again["words"]  # 720 kJ of energy (0.2 kWh)
        aside = re.match(r"\s*\([^()]*\)", behind)
        rest = behind[aside.end() :] if aside else behind
        if _NEAR.search(before) or _MORE.match(behind) or _FIGURE.search(rest):
            return None
        if pattern is _BOLD and VERB.search(rest) and _LONG_WORD.search(before):
            return None  # what is bold is part of what the sentence speaks of
        text = found[0][1] or found[0][2]
        if pattern is _FORMULA and (
            VERB.search(rest) or len(rest.split()) > 3 or re.search(r"[\d*]", _FORMULA.sub("", before))
        ):
            return None
        unit = rest.strip() if pattern is _FORMULA else ""
        return _value(f"{text} {unit}{aside[0] if aside else ''}")
    return None


def _alone(text: str) -> str | None:
    """A clause that is a formula, a computation with its result, or conditions."""
    text = _IT_IS.sub("", text, count=1) if _IT_IS.match(text) else text
    if re.search(r"[一-鿿]", text):
        return stated(text) or _value(text)
    if not _LONG_WORD.search(re.sub(r"\\[A-Za-z]+", "", _IS.sub(" ", text))):
        sides = _IS.split(text)  # "12 + 5 is 17", and not "2x + 1 is 5"
        if len(sides) == 2 and (NAME.fullmatch(sides[0]) or _comes_to(sides[0], sides[1])):
            text = " = ".join(sides)
    parts, _ = at_relations(text)
    if len(parts) > 1 and any(_OTHER_WORD.search(part) for part in parts[1:-1]):
        return None
    if len(parts) > 1:
        words = None if NAME.fullmatch(parts[0]) else _WORDS_BEFORE.match(parts[0])
        if words is not None and re.search(r"\d", words[0]):
            words = _WORDS_FIRST.match(parts[0])  # 2 hours 30 minutes = 150 min
        rest = text[words.end() :] if words else text
        return None if (found := _value(rest)) == rest and words and _OTHER_WORD.search(rest) else found
    return None if _LONG_WORD.search(re.sub(r"\\[A-Za-z]+", "", text)) else _value(text)


def _value(text: str) -> str | None:
    """The value of a formula: of a chain of equal sides the last exact one, with the name that it is given;
    an aside that repeats the value is dropped."""
    text = _ARROW.sub("", tidy(text).strip(" ,;:"))
    if len(text) > MAX_SENTENCE:
        return None
    if ("\\equiv" in text or "≡" in text) and (match := _REMAINDER.fullmatch(text)) is not None:
        return match["value"]
    text = first_of_two(text) or text
    if (match := _ASIDE.fullmatch(text)) is not None:
        core = _value(match["value"])
        if core is None or not re.search(r"\d", match["aside"]):
            return core
        again = AGAIN.fullmatch(match["aside"])
        agreed = again is not None and agree(core, again["again"], again["sign"] or "")
        return core if agreed or is_domain(match["aside"], core) else None
    pieces = [tidy(one) for one in re.split(r",?\s+and\s+|;\s+|,\s+(?=[A-Za-z]'*\()", text)]
    if (branches := _branches(pieces)) is not None:
        return branches
    parts, signs = at_relations(text)
    if len(parts) < 2 or not set(signs) <= {"=", "approx"} or any(not part for part in parts):
        return text or None
    if len(set(parts)) == 1:
        return ""  # 3 = 3
    grouped = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    if len(split_top(grouped, ",;")) > 1 or (_JOINS.search(text) and not _JOINS.search(parts[-1])):
        return text
    exact = parts[: signs.index("approx") + 1] if "approx" in signs else parts
    last = exact[-1] if len(exact) > 1 else parts[0]
    tail = text[len(text) - len(parts[-1]) :] if "approx" in signs else ""
    last = f"{last} \\approx {tail}" if tail else last
    if len(exact) == 1:
        return text if NAME.fullmatch(parts[0]) else last
    if all(re.fullmatch("[A-Za-z]", part) for part in parts[:-1]):
        return text  # x = y = 2
    if NAME.fullmatch(parts[0]):
        return f"{parts[0]} = {last}"
    return (
        last if (len(exact) > 2 and expression_of(parts[0]) is None) or _gives(parts[0], exact[-1]) else text
    )


def _gives(left: str, right: str) -> bool:
    """Whether an equation says what its left side comes to: it holds no unknown, or both sides are the same,
    or the right side is a set, a tuple or the like. ``2x + 1 = 5`` does not."""
    if re.match(r"\\(?:begin|\{|langle)|[(\[{]", right) or (":" in left and ":" in right):
        return True
    if same_reading(read(left), read(right)):
        return True
    first = expression_of(_UNIT.sub(lambda m: "" if _is_unit(m[1]) else m[0], left))
    if first is None or not first.symbols:
        return not _LETTERS.search(re.sub(r"\\[A-Za-z]+|\d\s*[A-Za-z]+\b", "", left))
    return _equal(left, right)


def _is_unit(word: str) -> bool:
    unit = read_unit(word)
    return unit is not None and unit.factor is not None


def _comes_to(left: str, right: str) -> bool:
    """Whether what is said of an expression can be its value: it has no unknown, or both are the same."""
    first = expression_of(left)
    return first is not None and (not first.symbols or _equal(left, right))


def _equal(left: str, right: str) -> bool:
    first, second = expression_of(left), expression_of(right)
    try:
        return first is not None and second is not None and same_value(first, second)
    except Unreadable:
        return False
