"""Other names of one thing: countries, persons, directions, kinds of figures, yes and no.

Enters: a text in words, without case and articles. Leaves: one spelling for all names of the same thing.
Always holds: the tables are closed; a name that may also stand for something else is not in them.
"""

from __future__ import annotations

import re

# the first of each line is what the others become
_SAME = """
united states | usa | us | u.s | u.s.a | united states of america
united kingdom | uk | u.k | united kingdom of great britain and northern ireland
united arab emirates | uae | u.a.e
china | people's republic of china | prc | p.r.c
russia | russian federation
south korea | republic of korea
north korea | democratic people's republic of korea | dprk
netherlands | holland
czech republic | czechia
turkey | türkiye | turkiye
myanmar | burma
ivory coast | côte d'ivoire | cote d'ivoire
european union | eu | e.u
united nations | un | u.n
new york city | nyc
los angeles | l.a
washington d.c | washington dc | washington, d.c | washington, dc
left | to left | leftward | leftwards | towards left | toward left | horizontally to left | horizontally left
| 向左 | 水平向左
to right | rightward | rightwards | towards right | toward right | horizontally to right | horizontally right
| 向右 | 水平向右
up | upward | upwards | vertically upward | vertically upwards | vertically up | straight up | 向上 | 竖直向上
down | downward | downwards | vertically downward | vertically downwards | vertically down | straight down
| 向下 | 竖直向下
into page | into paper | into plane of page | into plane of paper | perpendicular to page and into it
| into screen | 垂直纸面向里
out of page | out of paper | out of plane of page | out of plane of paper | out of screen | 垂直纸面向外
clockwise | in clockwise direction | clockwise direction | 顺时针 | 顺时针方向
counterclockwise | anticlockwise | counter clockwise | anti clockwise | in counterclockwise direction
| in anticlockwise direction | counterclockwise direction | anticlockwise direction | 逆时针 | 逆时针方向
increases | 增大 | 变大 | 增加 | 增强 | 变多
decreases | 减小 | 变小 | 减少 | 减弱
unchanged | 不变 | 保持不变 | 没有变化 | 不发生变化 | 无变化
升高 | 上升 | 变高
降低 | 下降 | 变低
yes | 是 | 是的
true | 正确 | 对 | 真 | 对的 | 正确的
false | 错误 | 错 | 错的 | 错误的 | 不正确 | 不对 | 假
sufficient but not necessary | 充分不必要条件 | 充分不必要 | sufficient and not necessary
| sufficient but unnecessary | sufficient not necessary
necessary but not sufficient | 必要不充分条件 | 必要不充分 | necessary and not sufficient
| necessary but insufficient | necessary not sufficient
necessary and sufficient | 充要条件 | 充要 | sufficient and necessary | if and only if
neither sufficient nor necessary | 既不充分也不必要条件 | 既不充分也不必要 | neither necessary nor sufficient
right triangle | right angled triangle | right angle triangle | rectangular triangle | 直角三角形
isosceles right triangle | isosceles right angled triangle | right isosceles triangle
| right angled isosceles triangle | 等腰直角三角形
isosceles | isosceles triangle | 等腰三角形
equilateral | equilateral triangle | equiangular triangle | 等边三角形 | 正三角形
scalene | scalene triangle
obtuse triangle | obtuse angled triangle | 钝角三角形
acute triangle | acute angled triangle | 锐角三角形
trapezoid | trapezium
regular tetrahedron | tetrahedron that is regular
convex | convex lens | converging lens
concave | concave lens | diverging lens
exothermic | exothermic reaction
endothermic | endothermic reaction
redox | redox reaction | oxidation reduction | oxidation reduction reaction
neutralization | neutralization reaction | acid base reaction | acid base neutralization
combustion | combustion reaction
decomposition | decomposition reaction
covalent | covalent bond | covalent bonding
ionic | ionic bond | ionic bonding
metallic bond | metallic bonding
hydrogen bond | hydrogen bonding
cell membrane | plasma membrane | plasmalemma | cytoplasmic membrane
cell nucleus | nucleus of cell
adenosine triphosphate | atp
deoxyribonucleic acid | dna
ribonucleic acid | rna
carbon dioxide gas | carbon dioxide
photosynthesis | process of photosynthesis
igneous | igneous rock
sedimentary | sedimentary rock
metamorphic | metamorphic rock
odd | odd function | 奇函数
even | even function | 偶函数
linear | linear function
quadratic | quadratic function
exponential | exponential function
arithmetic | arithmetic sequence | arithmetic progression | 等差数列
geometric | geometric sequence | geometric progression | 等比数列
prime | prime number
composite | composite number
irrational | irrational number
rational | rational number
television | tv
airplane | aeroplane
aluminum | aluminium
mathematics | math | maths
perpendicular | orthogonal | at right angles | 垂直
parallel | 平行
tangent | 相切
intersecting | intersect | 相交
separate | 相离
amazon | amazon river
nile | nile river | river nile
danube | danube river | river danube
rhine | rhine river | river rhine
yangtze | yangtze river
ganges | ganges river
thames | river thames
seine | river seine
volga | volga river
hypertext transfer protocol | http
central processing unit | cpu
random access memory | ram
"""
_PERSONS = """
albert einstein; isaac newton; galileo galilei; charles darwin; marie curie; pierre curie; nikola tesla
thomas edison; michael faraday; james clerk maxwell; niels bohr; max planck; werner heisenberg
erwin schrödinger; ernest rutherford; johannes kepler; nicolaus copernicus; gregor mendel; louis pasteur
dmitri mendeleev; antoine lavoisier; john dalton; robert boyle; blaise pascal; leonhard euler
carl friedrich gauss; pierre de fermat; alan turing; stephen hawking; richard feynman; enrico fermi
vincent van gogh; pablo picasso; claude monet; leonardo da vinci; rembrandt van rijn; salvador dalí
johannes vermeer; paul cézanne; gustav klimt; edvard munch; henri matisse; andy warhol; sandro botticelli
wolfgang amadeus mozart; ludwig van beethoven; frédéric chopin; franz schubert; william shakespeare
jane austen; charles dickens; ernest hemingway; mark twain; leo tolstoy; fyodor dostoevsky; franz kafka
friedrich nietzsche; immanuel kant; sigmund freud; karl marx; adam smith; john maynard keynes
napoleon bonaparte; abraham lincoln; mahatma gandhi; christopher columbus; ferdinand magellan
"""
_CANONICAL = {
    name: line.split(" | ")[0]
    for line in _SAME.strip().replace("\n| ", " | ").splitlines()
    for name in line.split(" | ")
}
_PARTICLES = frozenset(("van", "da", "de", "von"))
_FULL_NAMES = tuple(name.strip() for name in re.split(r"[;\n]", _PERSONS) if name.strip())
_BY_FIRST_NAME = {
    "galileo": "galileo galilei", "rembrandt": "rembrandt van rijn", "napoleon": "napoleon bonaparte",
    "leonardo": "leonardo da vinci",
}  # fmt: skip
_TITLE = re.compile(r"^(?:(?:sir|dr|prof|professor)\.?\s+)+(?=\w{3})")
_INITIALS = re.compile(r"((?:[a-z]\.\s*)+)(\w[\w\s'-]+)")
_OWNER = re.compile(
    r"([甲乙丙丁戊]|小[\u4e00-\u9fff])(?:同学|学生|图|物体|球|车|队|组|班|种|方案|杯|瓶|灯|曲线|说的|说得)?"
)
_COUNTRY = re.compile(
    r",\s*(?:france|england|germany|italy|spain|portugal|greece|egypt|china|japan|india|russia|turkey|brazil|mexico|canada|australia"
    r"|usa|uk|united states|united kingdom|netherlands|austria|switzerland|poland"
    r"|peru|argentina|south africa|kenya)$"
)
_YES_NO = {"yes": "yes", "true": "yes", "correct": "yes", "no": "no", "false": "no", "incorrect": "no"}


def _surname(full: str) -> str:
    words = full.split()
    at = next((index for index, word in enumerate(words) if word in _PARTICLES), len(words) - 1)
    return " ".join(words[at:])


_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
ORDINAL = re.compile(r"(?<!\d)(10|[1-9])(?:st|nd|rd|th)\b")
_QUADRANT = re.compile(
    r"q(?:uadrant\s*)?(?P<roman>i{1,3}|iv)|quadrant\s*(?P<digit>[1-4])|(?P<word>first|second|third|fourth)\s+quadrant|第(?P<sign>[一二三四])象限"
)
_CATEGORY = re.compile(
    r"(?!(?:time|wave|orbital|final|initial)\b)(\w+) (?:style|period|era|state|phase|phenomenon|direction)"
)


def in_order(text: str) -> str:
    """``1st`` as first, also within a text."""
    return ORDINAL.sub(lambda match: _ORDINALS[int(match[1]) - 1], text)


def _ordered(text: str) -> str:
    """Ordinals in words, and quadrants by their number."""
    text = in_order(text)
    if match := _QUADRANT.fullmatch(text):
        romans = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
        number = match["digit"] or romans.get(match["roman"]) or "一二三四".find(match["sign"] or "-") + 1
        return f"quadrant {number or _ORDINALS.index(match['word']) + 1}"
    return text


def canonical(text: str) -> str:
    """The one name for all names of a thing; any other text as it is."""
    text = _ordered(text)
    if found := _CANONICAL.get(text.rstrip(".")):
        return found
    text = re.sub(r"\s+conditions?$|^condition of being\s+", "", _TITLE.sub("", text))
    text = re.sub(r"\blaw of motion$", "law", text)
    return _CANONICAL.get(text, text)


def same_names(given: str, answer: str) -> bool:
    """Whether two texts are names of one thing, or of one person: the full name, the surname where it is
    widely known, or initials. Yes is true, and no is false."""
    owners = _OWNER.fullmatch(given), _OWNER.fullmatch(answer)
    if owners[0] and owners[1] and owners[0][1] == owners[1][1] in (given, answer):
        return True  # 甲同学 for 甲; but 甲车 is not 甲球
    if bool(_COUNTRY.search(given)) != bool(_COUNTRY.search(answer)):
        given, answer = _COUNTRY.sub("", given), _COUNTRY.sub("", answer)  # Paris, France
    given, answer = canonical(given), canonical(answer)
    if given == answer or (given in _YES_NO and _YES_NO[given] == _YES_NO.get(answer)):
        return True
    for one, other in ((given, answer), (answer, given)):
        if (match := _CATEGORY.fullmatch(one)) is not None and match[1] == other:
            return True
    return _same_person(given, answer) or _same_person(answer, given)


def _same_person(short: str, full: str) -> bool:
    if match := _INITIALS.fullmatch(short):
        words = full.split()
        initials = re.findall("[a-z]", match[1])
        first, last = words[: len(initials)], " ".join(words[len(initials) :])
        return match[2].strip() == last and [word[0] for word in first] == initials
    if full not in _FULL_NAMES:
        return False
    several = sum(_surname(one) == _surname(full) for one in _FULL_NAMES) > 1
    return _BY_FIRST_NAME.get(short) == full or (short == _surname(full) and not several)
