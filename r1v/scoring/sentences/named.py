r"""What a sentence in words names: by its place in the clause, whatever the words are.

Enters: a sentence, tidy or with bold marks. Leaves: what stands there as an answer in words: the subject that
is identified ("Mercury is the planet closest to the Sun"), the end of a predicate ("rainfall was greatest in
the spring"), the bold words, the quoted words, the verb that ends a short sentence.
Always holds: a sentence that denies, doubts, compares, supposes, asks or offers a choice names nothing; a
sentence with bold words names these alone. Only keys in words are compared with what is named.
"""

from __future__ import annotations

import re

from r1v.scoring.notation import tidy
from r1v.scoring.sentences.asides import CONTRAST
from r1v.scoring.sentences.mentions import is_mention, main_clause, scope
from r1v.scoring.sentences.stance import is_asked, is_said

_MARKS = re.compile(r"\*\*(?=\S)(.{1,200}?)(?<=\S)\*\*|\\textbf\{([^{}]+)\}")
_BOLD = re.compile("\u27e6([^\u27e6\u27e7]+)\u27e7")
_OPEN = re.compile(  # denied, left open, restricted or compared
    r"\b(?:not|never|no|nor|neither|none|nobody|cannot|without|except|unlike|instead|rather|than|or|if|unless|only|whether"
    r"|but|however|although|though|while|whereas|perhaps|maybe|might|may|could|either|unclear|unknown|unsure|guess"
    r"|wrong|incorrect|false|between|both|like|similar|different|compared|followed|before|after|almost|nearly|besides)\b|n['’]t\b|[?<>≠]|不|没|非|或",
    re.IGNORECASE,
)
_BUT = re.compile(r",?\s+but\s+|;\s+", re.IGNORECASE)
_LEAD = re.compile(
    r"^(?:(?:so|hence|thus|therefore|then|and|finally|overall|consequently|in (?:conclusion|short|summary"
    r"|other words|fact)"
    r"|this means(?: that)?|that means(?: that)?|we (?:see|find|conclude|know)(?: that)?|it follows that"
    r"|clearly)\b\s*,?\s*)+",
    re.IGNORECASE,
)
_SETTING = re.compile(
    r"^(?:since|as|in|on|at|by|from|for|with|according to|among|of|here|today)\b[^,]{0,80},\s+", re.IGNORECASE
)
_SINCE = re.compile(r"^(?:since|in|around|after|before|until)\s+(?:the\s+year\s+)?\d{4},?\s+", re.IGNORECASE)
_COPULA = (
    r"(?:is|are|was|were|(?:has|have|had)\s+been|(?:will|must|would|should|has\s+to|have\s+to)\s+be|becomes?|became|gets?|got"
    r"|remains?|stays?|turns?|looks?|appears?|seems?|be)"
)
_CALLED = (
    r"(?:\s+(?:therefore|thus|hence|indeed|clearly|actually|then|also|still|simply|always|definitely|called|named"
    r"|known\s+as|termed))*"
)
_IDENTITY = re.compile(
    rf"(?P<subject>[^,;:]{{1,60}}?)\s+(?:is|are|was|were|be){_CALLED}\s+(?:the|our|what|where|who)\b[^,;:]*",
    re.IGNORECASE,
)
_SUPERLATIVE = re.compile(
    r"(?P<subject>[^,;:]{1,40}?)\s+[a-z]+\s+the\s+(?:[a-z]{2,}est|most|least|first|last)\b[^,;:]*",
    re.IGNORECASE,
)
_CLEFT = re.compile(
    r"(?:it|this|that)\s+(?:is|was)\s+(?P<it>[^,;:]{1,60}?)\s+(?:who|that|which)\b.*", re.IGNORECASE
)
_PREDICATE = re.compile(
    rf".*(?:(?<![A-Za-z]){_COPULA}|(?<=it)['’]s|(?<=that)['’]s){_CALLED}\s+(?P<it>[^;:]+)", re.IGNORECASE
)
_TAIL = re.compile(  # what adds something to a name
    r",\s+(?!and\b|or\b)(?!.*\sand\s).*|,\s+(?:with|which|who|whose|where|because|since|as|due|having|a|an|the|making|at|in|near|also|located)\b.*"
    r"|\s+(?:with|because|since|due\s+to|which|who|whose|where|in|at|by|from|during|around|near|for|on)\s.*|\s*\([^()]*\)$",
    re.IGNORECASE,
)
_AT_END = re.compile(
    r".*\s(?P<how>in|on|at|by|through|via|during|of|for)\s+(?:(?:the|an?)\s+)?(?P<it>[A-Za-z][\w'’-]*(?:\s+[A-Za-z][\w'’-]*){0,3})"
)
_WRITTEN = re.compile(
    r"(?:(?:we|you|i|one)\s+are\s+(?:dealing\s+with|looking\s+at|left\s+with)|(?:we|you)\s+(?:end\s+up\s+with|arrive\s+at|settle\s+on)|(?:we|you|i|one)\s+(?:can\s+|now\s+|would\s+)?(?:write|get|have|obtain|find|choose|pick|conclude|call\s+(?:it|this|that|these|those|them)))\s+(?:the\s+|an?\s+)?(?P<it>[^\s,;:]+(?:\s+[a-z]+){0,2})",
    re.IGNORECASE,
)
_LIST = re.compile(
    r".*\b(?:are|is|were)(?:\s+(?:called|therefore|thus))?:?\s+(?P<it>[A-Za-z][^,;:]{0,40}(?:,\s+[A-Za-z][^,;:]{0,40})*"
    r",?\s+and\s+[A-Za-z][^,;:]{0,40})"
)
_DOES_IT = re.compile(
    r"(?P<it>[^,;:]{1,40}?)\s+(?:does|do|did|is\s+what|are\s+what)\s+(?:this|that|so|it)(?:\s+is\s+called)?",
    re.IGNORECASE,
)
_FRAGMENT = re.compile(
    r"(?:(?:to|towards?|into|in|at|on)\s+)?(?:(?:the|an?)\s+)?(?P<it>[A-Za-z][\w'’-]*(?:\s+[A-Za-z][\w'’-]*)?)"
)
_SIGN = re.compile(
    r".*\b(?:sign|label|poster|board|banner|text|caption|headline|title|screen|plate|word|shirt"
    r"|it)\b[^,.;:]*?\s(?:says?|reads?|shows?|spells?"
    r"|displays?)\s+[\"“'‘]?(?P<it>[A-Z0-9][A-Z0-9 !'’&.-]*)[\"”'’]?"
)
_ACTS = re.compile(
    r"(?:the|its|their|this|that|his|her|it)\b(?:\s+[a-z]+){0,4}?\s+(?:(?:will|would|must|should)\s+)?(?P<it>[a-z]+)",
    re.IGNORECASE,
)
_KIND_OF = re.compile(
    r"(?:the\s+)?(?:(?:city|town|state|country|island|republic|planet|river|lake|process|element|month|name)\s+of\s+"
    r"|(?:(?!(?:to|of|from|near|in|on|at|by|with|for|and|than|next|not|like|called|named)\b)[a-z]+\s+){1,2}"
    r"(?:(?:called|named)\s+)?)(?P<it>[A-Z][\w'’-]*(?:\s+[A-Z][\w'’-]*)*)"
)
_ONE = re.compile(
    r"(?:the\s+)?(?:one|bar|line|column|slice|row|point|option|month|year|team)\s+(?:for|of|from|in|on|called)\s+(?:the\s+)?(?P<it>.+)"
)
_PREPOSITION = re.compile(r"^(?:in|at|on|by|to|towards?)\s+(?:the\s+)?(?=[A-Za-z])")
_AND = re.compile(r",?\s+and\s+")
_INITIAL = re.compile(r"\s*\([A-Z][A-Za-z]{0,2}\)")
_GLOSS = re.compile(r"([^()]+?)\s*\(([^()]+)\)")
_NAME = re.compile(r"(?:(?:the|an?)\s+)?[^\W_][\w'’.+{}-]*(?:\s+[^\W\d_][\w'’.-]*){0,5}")
_PRONOUN = re.compile(
    r"(?:it|this|that|these|those|they|he|she|there|here|which|who|what|i|we|you|one|the\s+(?:answer|result|question)"
    r"|each|all|some|many|most)\b",
    re.IGNORECASE,
)
_FUNCTION_WORDS = re.compile(
    r"\b(?:is|are|was|were|has|have|had|by|of|in|on|at|to|from|with|for|and|as)\b", re.IGNORECASE
)
MAX_SENTENCE = 300  # characters


def named(sentence: str) -> tuple[str, ...]:
    """What a sentence names."""
    marked = _MARKS.sub(lambda match: f"\u27e6{match[1] or match[2]}\u27e7", sentence[-MAX_SENTENCE:])
    marked = CONTRAST.sub("", marked)
    if (match := _SIGN.fullmatch(tidy(marked).rstrip("."))) is not None:
        return tuple(heads(match["it"]))
    text = scope(marked).rstrip(".。!")
    found = list(dict.fromkeys(_BUT.split(text)))
    if len(found) > 1 and not _OPEN.search(found[0]) and is_said(found[0]):
        return ()  # both parts are said
    text = _SINCE.sub("", found[-1])
    if len(bold := list(_BOLD.finditer(text))) > 1:
        return ()
    outside = _BOLD.sub(" ", text)
    if _OPEN.search(main_clause(outside)) or is_asked(sentence) or not is_said(sentence):
        return ()
    so = text != marked.rstrip(".。!") or re.match(r"we\s+(?:call|end|settle|arrive)\b", text, re.IGNORECASE)
    written = so and _WRITTEN.fullmatch(text)  # "so we write NaCl"
    if is_mention(text, in_words=True) and not written:
        return ()
    if bold:
        inside = bold[0][1].strip(" .")
        sentence_inside = re.search(rf"\s{_COPULA}\s", inside, re.IGNORECASE) is not None
        found = _places(inside) if sentence_inside else [inside]
        return tuple(dict.fromkeys(one for it in found for one in heads(it)))
    text = _LEAD.sub("", tidy(text), count=1)
    text = _LEAD.sub("", _SETTING.sub("", text, count=1), count=1) or text
    return tuple(dict.fromkeys(one for it in _places(text) for one in heads(it)))


def _places(text: str) -> list[str]:
    """The places of a clause where a name can stand as what is said."""
    for pattern in (_CLEFT, _WRITTEN, _LIST, _DOES_IT):
        if (match := pattern.fullmatch(text)) is not None:
            return [match["it"]]
    found = list[str]()
    for pattern in (_IDENTITY, _SUPERLATIVE):
        if (match := pattern.fullmatch(text)) and not (
            _PRONOUN.match(match["subject"]) or _FUNCTION_WORDS.search(match["subject"])
        ):
            found.append(match["subject"])
    if (match := _PREDICATE.fullmatch(text)) is not None:
        found.append(match["it"])
    ends = _AT_END.fullmatch(text)
    alone = ends is not None and "," not in text and " and " not in text
    alone = alone and ends is not None and not _FUNCTION_WORDS.search(ends["it"])
    if ends is not None and alone and len(re.findall(rf"\b{ends['how']}\b", text)) == 1 and _fits(ends, text):
        found.append(ends["it"])
    if not found and (match := _ACTS.fullmatch(text) or _FRAGMENT.fullmatch(text)) is not None:
        found.append(match["it"])
    return found


def _fits(ends: re.Match[str], text: str) -> bool:
    """Whether a preposition at the end of a clause leads to what the clause is about: "by" only behind a
    passive form, "of" and "for" only as in "the one for March"."""
    before = text[: ends.start("how")].split()
    if ends["how"] == "by":
        return (
            bool(before) and re.fullmatch(r"\w+(?:ed|en|wn|un|ut|ght|lt|t|ne|de|ung)", before[-1]) is not None
        )
    if ends["how"] in ("of", "for"):
        return bool(before) and before[-1] == "one"
    return True


def heads(text: str) -> list[str]:
    """A name as it stands, and without what is added to it; nothing where the text is no name."""
    text = _PREPOSITION.sub("", tidy(text).strip(' ,.;:!"“”'))
    if _OPEN.match(text):
        return []
    if _AND.search(text) and "," in text:
        return [_INITIAL.sub("", text)]
    found = [text]
    head = _TAIL.sub("", text, count=1).strip(" ,")
    if head and head != text and not _OPEN.search(text[len(head) :]):
        found.append(head)
    if (gloss := _GLOSS.fullmatch(text)) is not None and not _OPEN.search(text):
        found += [gloss[1], gloss[2]] if _NAME.fullmatch(gloss[1]) else []
    for pattern in (_KIND_OF, _ONE):
        found += [match["it"] for one in found[:2] if (match := pattern.fullmatch(one)) is not None]
    return [one for one in found if _NAME.fullmatch(one)]
