r"""Phrases by which a sentence says that it does not state its answer.

Holds patterns only. In each group an alternative is one phrase; a space in it stands for white space of any
length. ``LEADS`` begin a sentence, ``QUOTED`` and ``NOT_IT`` stand anywhere in it. The groups are closed
classes of words: what one supposes, shows by example, checks, is given, passes on the way, what others say,
and what is wrong or left to do with a value.
"""

from __future__ import annotations

import re

VALUE = r"[-+$€£¥(\\*]*\d"
_NAME = r"\$?[A-Za-z]\b"


def _any(words: str) -> str:
    """One of several words."""
    return f"(?:{'|'.join(words.split())})"


def phrases(*alternatives: str, after: str = "") -> re.Pattern[str]:
    """A pattern of several phrases, each behind ``after``."""
    spaced = "|".join(one.replace(" ", r"\s+") for one in alternatives)
    return re.compile(f"{after}(?:{spaced})", re.IGNORECASE | re.DOTALL)


_OPENINGS = _any(
    "and but now then also again finally last(?:ly)? afterwards by\\s+symmetry only just well ok(?:ay)? \\("
)
OPENING = rf"(?:{_OPENINGS}[\s,:]*)*"
_SUPPOSING = _any("suppose supposing assume assuming imagine imagining pretend pretending say")
_TRYING = _any("say try test check verify double-?check see the recall take start consider")
_OF_US = _any("were had would meant? intended interpret\\w* read count include ignore we you i one")
_WORKING = _any(
    "add sum count combine multiply divide subtract look use apply substitute solve simplify calculate"
    " compute compare"
)
_SUPPOSED = phrases(
    r"(?:(?:we|you|i|let['’]?s|let us|i['’]ll|we['’]ll) )?(?:(?:can|could|may|will|shall) )?"
    rf"{_SUPPOSING}\b(?!\s*[,:])",
    rf"let(?:['’]s| us| me)? (?:{_TRYING}|{_NAME})",
    r"provided", r"granted\b", r"unless", r"without loss of generality\b", r"wlog\b", r"picture (?:a|the)\b",
    r"had there been\b", r"were \w+ to\b", r"in case", r"under the assumption", r"for the sake", r"only if\b",
    rf"{_any('were had')} {_any('it we i the he she they this')}\b", r"in the (?:special )?case\b.*\bbut\b",
    r"taking\b[^,]*\bas an?\b", r"by (?:assumption|hypothesis)\b",
    rf"(?:only )?(?:if|whenever)\b(?! (?:we|you|one) {_WORKING}\b[^,=\d]*,)[^,]*(?:=|\d|\b{_OF_US}\b)",
    after=OPENING,
)  # fmt: skip
_ONE_OF_SEVERAL = _any("number possibility solution root value case answer option way")
_EXAMPLES = phrases(
    r"for (?:example|instance)", r"e\.?g\b", r"an? (?:\w+ )?example", r"a possible\b",
    r"among (?:them|these|others)\b", r"(?:at least )?one (?:example\b|of (?:the|them|these|its)\b)",
    rf"(?:at least )?(?:one|another) (?:(?:such|possible|other) )?{_ONE_OF_SEVERAL}\b",
    after=OPENING,
)  # fmt: skip
_CHECKS = phrases(
    r"(?:(?:we|i|one|you) (?:can |could )?)?(?:to )?(?:double-?\s*)?(?:check|verify|confirm)(?:s|ing|ed)?\b",
    r"test(?:ing)?(?:\s*[:,]| \$?(?:-?\d|[A-Za-z]\s*=))", r"it checks\b", r"verification\b", r"proof\b",
    r"this can be (?:verified|checked|confirmed)", r"this (?:is )?(?:consistent|agrees|checks|works|holds)\b",
    r"indeed\b", r"after all\b", r"by definition\b", r"as a (?:\w+ )?check",
    r"(?:plugging|substituting|putting|inserting)\b[^,]*\bback\b", r"both\b[^,]*\bequal\b",
    r"(?:the )?(?:both|two) (?:sides|expressions|values|of them|are equal)\b",
    r"(?:the )?(?:lhs|rhs|(?:left|right)(?:-| )(?:hand(?:-| ))?side)\b",
    r"the sum of (?:all )?the probabilities\b",
    after=OPENING,
)  # fmt: skip
_TASK = _any("question problem exercise task prompt statement text")
_LABELS = _any(
    "examples? difficulty confidence tokens word\\s+count time\\s+taken units? conversion throughout data"
    " known input draft unfinished todo assumption remark hint source copyright"
)
_SOMEBODY = _any("problem question exercise task text statement book textbook author student teacher key")
_GIVENS = phrases(
    r"(?:please|note|notice|observe|recall|remember|remind|see|cf|compare|today|published)\b",
    r"keep in mind", r"given\b(?! (?:that|the)\b[^,]*,)(?! by\b)", r"(?:where|whether|shall|why|depending)\b",
    rf"with {_NAME}\s*=[^,]*$", r"as (?:of|stated|given|known|is known|we know|mentioned|told)\b",
    r"last updated", r"written on", r"my knowledge", r"thanks?\b", r"(?:i )?hope\b", r"what if", r"how about",
    r"tell me\b", rf"(?:the )?(?:{_LABELS}|key fact|best guess)\b", rf"in the {_TASK}\b",
    rf"the {_TASK} {_any('says states gives mentions asks tells shows specifies provides')}\b",
    r"(?:since(?! \d{4}\b)|because|knowing|as the)\b[^,]*$", r"it depends\b",
    rf"(?:for|at|when|until|if|from) {_NAME}\s*=\s*\S+(?: on)?$",
    rf"here,? (?:(?:i|we) (?!get|find|have|obtain|see)|are|is|{_NAME}(?<!i))",
    r"you (?:said|wrote|gave|asked|mentioned|told|stated)\b", rf"according to the {_SOMEBODY}\b",
    r"according to (?!(?:the|our|this|that|these)\b)(?![^,]*['’]s? (?:law|rule|theorem|formula|principle))"
    r"[a-z]",
    after=OPENING,
)  # fmt: skip
_WAYPOINTS = phrases(
    r"first(?:ly)?(?:,| (?:we|i|let|note|compute|find|of all)\b| \d)", r"next\b", r"to (?:start|begin)\b",
    r"step \d", r"(?:so|thus) far\b", r"as an? (?:first|next|intermediate) (?:step|result)\b", r"answer \d+:",
    r"in the (?:first|second|third|next) step\b", r"stage \w+\b", r"off the top\b",
    r"(?:retrieved|accessed)\b",
    r"reportedly\b", r"(?:the|a|an) (?:(?:first|next|other) )?(?:candidate|guess|trap|distractor)\b",
    r"at this (?:point|stage)\b", r"halfway\b", r"half (?:of )?the work\b",
    r"after (?:the )?(?:first|second|third|next|last|previous) (?:step|move)", r"after (?:the )?simplif\w+",
    r"to be continued",
    r"(?:before|without|ignoring|neglecting|forgetting)\b[^,=]*(?:,|\b(?:it|this|that|the)\b)",
    r"(?:working|going) backwards\b", r"at first (?:glance|sight|i|we|it)\b", r"na[iï]ve(?:ly)?\b",
    r"intuitively\b", r"(?:the |our )?running total\b", r"(?:originally|previously) (?:i|we)\b",
    r"earlier\b", r"roughly speaking",
    r"(?:supposedly|allegedly|apparently)",
    r"(?:the )?(?:equation|problem|task) (?:to (?:solve|be solved)|now)\b",
    r"(?:the|our|my) (?:first (?:thought|guess|idea|attempt)|rest)\b", r"option [A-Z]\b",
    r"(?:the|our|my) (?:goal|target|aim|task|question)\s*(?:(?:is|was|here|of|becomes)\b(?! reached)|:)",
    r"(?:what|all that) (?:remains|is left) is to\b", r"the (?:number|value|total) to (?:reach|find|beat)\b",
    r"then the next\b", r"(?:then )?we need the\b",
    after=OPENING,
)  # fmt: skip
_CERTAIN = _any(
    "finally similarly clearly obviously consequently accordingly actually namely lastly approximately"
    " exactly only equivalently additionally ultimately correspondingly numerically indeed really simply"
    " currently annually monthly weekly daily yearly hourly fortunately surprisingly respectively family"
    " july"
)
HEARSAY = re.compile(rf"(?!{_CERTAIN}\b)[a-z]+ly,\s", re.IGNORECASE)  # "reportedly, it is 9"
_NO_VERBS = _any("this its as us thus plus minus less times his hers yes")
_VERBS = (
    r"\w+(?:s|ed|['’]s)|be|become|equal|give|make|get|got|have|had|find|found|took|take|need|cost|left|sold|ran|won|lost"
    r"|built|began|fell|rose|drew|wrote|ate|made|paid|spent|bought|met|held|can|will|must|would|should|are|were|remain"
    r"|come|came|work|fit|obtain|conclude|pay|did|arrive|reach|see|read|deduce|count|measure|weigh|last|cover|use|earn|save"
)
NO_VERB = re.compile(  # "off the top of my head, 9"
    r"(?!all in all|in (?:all|total|sum)\b|altogether|to sum up)(?!.*[=<>:：])(?!.*\\(?:le|ge|approx)\b)"
    rf"(?!.*\b(?!{_NO_VERBS}\b)(?:{_VERBS})\b)(?=.*[a-z]{{2}}.*,)[a-z].*\d$",
    re.IGNORECASE | re.DOTALL,
)
SUPPOSED = _SUPPOSED
LEADS = (_SUPPOSED, _EXAMPLES, _CHECKS, _GIVENS, _WAYPOINTS)

_SAYS = _any(
    "says? said claims? claimed writes? wrote thinks? thought states? stated quotes? tells? told asks?"
    " believes? answers answered reports? reported suggests? guesses asserts? argues alleges"
)
_GETS = _any(
    "gives? gave gets? got obtains? obtained shows? displays? lists? has finds? found calculates?"
    " computes? reads include"
)
_OTHERS = _any(
    "friends? students? teachers? tutors? books? textbooks? keys? calculators? sources? solvers? readers?"
    " manual authors? articles? websites? classmates? brothers? sisters? persons? options"
)
_REPORTED = _any(
    "said claimed believed thought asked told given known assumed reported alleged rumou?red unclear"
    " to\\s+be\\s+(?:shown|proved|proven|found|determined)"
)
_IT_IS = r"(?:it is|it was|it has been|i was|we were|we are|we['’]re|i am|it['’]s|is|was)"
_SOMEONE = (
    r"(?:they|he|she|you|people|students|somebody|someone|others|some|(?-i:(?!We\b|I\b|It\b)[A-Z][a-z]+))"
)
_WORK = _any("answer results? solution work calculation guess estimate")
QUOTED = phrases(
    r"\b(?:common|usual|typical|popular|frequent) (?:(?:wrong|incorrect) )?(?:answer|mistake|error|guess)\b",
    rf"\b{_any('my your his her their the an? another some many other online')} (?:\w+ ){{0,2}}?{_OTHERS}"
    rf" (?:{_SAYS}|{_GETS})\b(?! [-+\d.,]+ [a-z]{{3,}})",
    rf"(?<!\bwe\s)(?<!\bi\s)(?<!\bi['’]d\s)(?<!\bwould\s)(?<!\bas\s)\b{_SAYS} (?!us\b)"
    r"(?!(?:in|by|on|for|at|from|to|of|with|is|are|was|were|as|per)\b)(?![-+\d.,]+ [a-z]{3,})",
    rf"\b{_SOMEONE} (?:\w+ly |often )?"
    r"(?:got|obtains|obtained|finds?|found|calculate[sd]|computes?d?|answer|write|say)"
    r" (?:it is )?[-+\d.,]+$",
    rf"\b(?:(?-i:[A-Z])\w+['’]s|student['’]?s?['’]?) {_WORK}\b", r"\bsolution in\b",
    rf"\b{_IT_IS} (?:(?:often|commonly|generally|sometimes|widely|well) )?{_REPORTED}\b(?! as\b)",
    r"\bwe (?:already )?know\b", r"\bread somewhere\b", r"\bi (?:first |initially )?thought\b",
    r"\bwhat (?:some|many|others|people|most)\b",
    r"\btold us\b", r"\b(?:someone|somebody)\b[^,]* \w+ed\b", r"\banswer sheet\b",
    r"\b(?:wikipedia|whether|unclear|rumou?r|legend)\b", r"\blet me know\b",
)  # fmt: skip
_GIVEN_UP = _any(
    "extraneous rejected discarded excluded dropped omitted ignored ruled\\s+out allowed impossible"
    " invalid inadmissible out$"
)
_STUCK = (
    r"stopped|stops at|gave up|ran out|stuck|unable|as far as|attempts?|rules? out|throw away|took (?:me|us)"
)
_TO_DO = _any("add multiply divide subtract find compute make get reach show prove")
_USED_NEXT = r"(?:find|found|comput\w+|determin\w+|calculat\w+|substitut\w+|used?)"
_STEP_WORDS = _any("intermediate temporary provisional preliminary known previous earlier")
_TELLS = _any(
    "is was are were equals comes came becomes turns works evaluates simplifies reduces amounts must"
    " should would will can then therefore thus we to of in for that which rounded i you"
)
NOT_IT = phrases(
    rf"\b(?:answer|result) (?!{_TELLS}\b)[a-z]+\b(?!.*\b(?:is|equals)\b)", r"\bleaves? out\b", r"\boff by\b",
    r"\b(?:obtained|found|derived|computed|calculated) (?:by|from|with)\b(?!.*(?:\b(?:is|equals|gives)\b|=))",
    r"^(?:divided|multiplied) by\b", r"\b(?:is|are) (?:then )?(?:divided|multiplied) by\b", r"^none of\b",
    r"^\w+ing\b[^,]*\bwould (?:give|yield|produce|make)\b", rf"\b(?:all|every\w*|any\w*)\b[^,]* but {VALUE}",
    r"\b(?:many|some|most|several|few)\b[^,]* (?:would|may|might|could) (?!be\b)",
    rf"\btoo {_any('small large big low high few many short long great little')}\b",
    rf"\b(?:is|are|was|were|be) (?:not )?{_GIVEN_UP}", r"\bhas no meaning\b", r"\bis taken (?:to be|as)\b",
    r"\bexcludes\b", r"\bmakes no sense\b",
    r"\bfail(?:s|ed)?\b", r"\b(?:unbalanced|skeleton) ",
    r"\bat first$", r"\bbounded\b", r"\ban? (?:upper|lower) bound\b", r"\bat best\b",
    r"\b(?:ballpark|somewhere|naive|depends)\b", rf"\b(?:close|near) to {VALUE}",
    rf"\b(?:almost|nearly) {VALUE}",
    rf"\b(?:{_STUCK})\b", r"\bcan(?:no|['’])t (?:solve|see|read|find|determine)\b", r"\(\s*\?\s*\)",
    r"\bcannot be\b",
    r"\b(?:one|you|some|they) (?:might|may|could|would) (?:expect|think|say|guess|believe)\b",
    r"\bwould (?:seem|appear|have been)\b", r"\bone gets\b", r"\bnot plausible\b",
    r"\b(?:the other|another|a different) (?:reading|interpretation)\b",
    r"\b(?:(?:is|are) different|differs?) from\b", r"\bapproaches \d", r"\btends to\b.*\b(?:but|never)\b",
    r"\border of\b", r"\b(?:still|yet) (?:(?:have|has|had|needs?) to|needs? the|must|to be|remain)",
    r"\bremains? to\b", r"\bneeded;", rf"\b(?:is|are) to {_TO_DO}\b",
    r"\b(?:must|has to|have to|needs to|to) be \w+ed\b",
    rf"\bcan (?:now |then )?(?:be )?{_USED_NEXT}\b(?! (?:that|to be)\b)", r"\blets us\b",
    r"\b(?:from )?which we\b",
    r"\bfrom which\b", r"\bis used\b", r"\bas (?:it|they) should\b",
    r"\band (?:we|i) (?:continue|proceed|go on)\b",
    rf"\b{_STEP_WORDS} \w+ (?:is|was|are|equals)\b", r"\b(?:the label|assumes|mentions)\b",
    rf"\blabell?ed (?:as )?{VALUE}",
    r"\bas an? (?:example|check|estimate|guess)\b", r"\bas the \w+$",
    rf"\b{_any('this calculation computation formula method proof solution derivation')} us(?:es|ed)\b",
    r"\b(?:(?:is|are|was|were) based on|applied with|holds with|of degree \d|and others|order of)\b",
    r"\bno solutions? (?:for|at|when)\b",
    r"\b(?:from|by|in|see|using) \$?\(\d{1,3}\)\$?$", r"\b(?:graph|curve|plot) for\b",
    r"\bdata (?:are|is) from\b",
    r"\b(?:not enough|more information|enough to|suffices to)\b",
    r"\b(?:such as|numbers like|values like|them, like)\b",
    r",\s*(?:for (?:example|instance)|e\.?g\.?)$", r"\b(?:cases?|approaches|methods)\s*(?:to \w+\s*)?$",
    r"\b(?:equations|unknowns)\b[^,;:]*$",
    r"\b(?:its|whose) (?:square|cube|double|half|root|reciprocal|negative|opposite)\b",
    r"^(?:twice|half|double|one (?:third|half|quarter)|the (?:square|double|half|cube)) (?:of )?"
    r"(?:it|this|that|the (?:number|value|result))\b",
)  # fmt: skip
CHINESE = re.compile(
    r"^(?:假设|假如|设(?!备|计|施)|令|如果|若(?!干)|倘若|要是|已知|题目|题中|例如|比如|譬如|检验|验算|验证|请问|请|见"
    r"|由(?:公式|式|第)|注意|先|首先|第[一二三]步|接下来|下一步|我们?取|取(?=\s*[A-Za-z]))"
    r"|第\s*\d+\s*[题页步行章节个图]|公式\s*\(?\d|(?:说|认为|觉得|声称|猜|以为)(?:答案|它|这|结果|是|为)"
    r"|舍去|舍弃|排除|是否|吗[?？]?$|给出|(?:同学|有人|老师|小[明红刚华丽])\S{0,6}(?:得到|算出|求得)"
    r"|^(?:因为|由于)[^,，]*$"
)
# before a formula or a list that is set apart
LEADING = phrases(
    r"\b(?:let|with|using|where|for|when|if|take|set|put)$", r"\bstep would be$",
    r"\b(?:we|i) (?:take|took|set|choose|chose|want|need)(?: to \w+)?$",
    r"\bto (?:test|check|try)\b",
    r"\b(?:givens?|candidates?|options|steps|rejected|excluded?|assum\w+|used|known|inputs?|data|guesses|attempts?)\b",
    r"\b(?-i:[A-Z])\w+['’]s answers?\b",
)  # fmt: skip

_DOING = (
    "multipl(?:y|ying) divid(?:e|ing) add subtract tak(?:e|ing) us(?:e|ing) put(?:ting)? set(?:ting)?"
    " plug(?:ging)? substitut(?:e|ing) consider find solv(?:e|ing) comput(?:e|ing) calculat(?:e|ing)"
    " evaluat(?:e|ing) try reject determin(?:e|ing) discard exclud(?:e|ing) eliminat(?:e|ing)"
    " drop(?:ping)? ignor(?:e|ing) combin(?:e|ing) round replac(?:e|ing) start begin(?:ning)? look want"
    " hope wish writ(?:e|ing) show prov(?:e|ing) simplify expand factor convert apply squar(?:e|ing)"
    " doubl(?:e|ing) repeat continu(?:e|ing) proceed rewrit(?:e|ing) wonder ask read denote call label"
    " pick fix cancel(?:ling)? test work refer turn differentiat(?:e|ing) integrat(?:e|ing) make reach"
)
ORDERS = phrases(  # a request to do something, or what is done on the way
    rf"{_any(_DOING)}(?:ing)?\b", r"think of\b", r"counting\b",
    after=OPENING + r"(?:(?:we|i|simply|it\s+(?:suffices|remains|is\s+enough))\s+)*"
    r"(?:(?:would|will|can|could|must|should|to|need\s+to|have\s+to)\s+(?:now\s+|then\s+|still\s+)?)?",
)  # fmt: skip
RESULT = phrases(
    r"\b(?:to|and(?: we)?) (?:get|obtain|find|give|reach|yield|arrive at)\b",
    r"\b(?:gives?|gave|yields?|produces?|results? in|leads? to|leaves?)\b", r"\b(?<!must\s)makes?\b",
    r"\bwe (?:get|have|find|obtain)\b",
)  # fmt: skip
_FINDING = (  # what a writer does who states something
    "get got have(?!\\s+(?:used|shown|seen|assumed|to)\\b) find found obtain(?:ed)? conclude[ds]? think"
    " believe count(?:ed)? see say arrived? compute calculated? derived? deduced? infer(?:red)?"
    " end(?:ed)?\\s+up estimated? determined? need(?!\\s+(?:the|to|a)\\b) would will can could should may"
    " might must\\s+(?:have|get|pay|buy) answer(?:ed)? guess read\\s+off measured? reach(?:ed)? only"
    " therefore thus then now finally also can['’]?t do did don['’]t didn['’]t pay save spend buy"
    " are\\s+left am\\s+(?:\\w+\\s+)?(?:sure|certain|confident) computed"
)
WRITER = re.compile(
    rf"{OPENING}(?:[Hh]ere\s+)?(?:[Ii]|[Ww]e)(?:\s+(?!{_any(_FINDING)}\b)|['’](?:d|ll)\s+(?!(?:say|guess|get|have|need)\b)"
    r"|['’]re\s+(?!left\b))"
)
WANTED = phrases(
    r"(?:i|we) (?:may|can|could) (?:take|assume|suppose|choose|set)\b",
    r"(?:i|we) (?:would like|want|need to|have to|try|tried|hope|wish)\b",
    after=OPENING,
)
_MATRIX = (
    "fact check verify confirm\\w* used uses assum\\w+ claim\\w* suppos\\w+ hypothesis rumou?rs?"
    " has\\s+it note recall remember aware premise condition requir\\w+ want wish hope need suggests? idea"
    " possible likely pretend ask\\w* told known"
)
THAT = phrases(rf"\b{_any(_MATRIX)} that (?=.*\d)")  # what is behind "that" is not concluded
_PLACE = _any(
    "equations? eqs?\\.? theorem lemma corollary proposition definition pages? pp?\\. figure fig\\.?"
    " table step part case problem exercise question chapter section method formulas? formulae row line"
    " column item example footnote appendix rule axiom diagram paragraph"
)
_POINTING = _any(
    "this it that these which answer proof values? result rest derivation claim done used? see by from as"
    " of with concludes completes finishes proves"
)
REFERENCE = phrases(
    rf"(?:^|\b{_POINTING}\b)[^,;:]*?\b{_PLACE}\s*\(?\d{{1,4}}[a-z]?\)?(?: (?:in|of|on) \w+(?: \w+)?)?$",
    rf"^(?:by|in|from|see|using|via|to|as in) {_PLACE}\s*\(?\d{{1,4}}[a-z]?\)?\b(?!.*[\d=])",
)
_AMOUNTS = _any(
    "about only exactly altogether approximately all just nearly total roughly answer almost over under"
    " on in at by for of from to after before until with"
)
NUMBERED = phrases(  # "the exponent 9 comes from the table", "for x = 9 the denominator is zero"
    rf"(?:the )?(?!{_AMOUNTS}\b)(?:{_PLACE}|[a-z]+) (?:[a-z]\s*=\s*)?\(?-?\d+\)? [a-z]+"
    r"(?!.*\b(?:is|are|=|gives?|yields?) [-$(\\]*\d)(?!.*\d)",
    r"(?:for|when|at|with) \$?[a-z]\s*=\s*\S+ [a-z](?!.*\d)",
)
_IDENTIFIED = _any("the our my your therefore thus hence what correct right left it enough")
SUBJECT = phrases(  # "7 is prime", "7 violates the rule", and not "7 is the smallest one"
    rf"(?:[A-Za-z]\s*=\s*)?{VALUE}\S* (?:is|was) (?!{_IDENTIFIED}\b|[-$(\\]*\d)",
    rf"(?:[A-Za-z]\s*=\s*)?{VALUE}\S* "
    r"(?:would|divides\b|(?!is|was|has)\w+s (?:the|an?|to|that|our|its|all|both)\b)",
)
