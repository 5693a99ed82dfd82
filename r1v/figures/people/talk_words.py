"""Further words for training of what only points at an earlier turn: why, a doubt, "and here?", "and X?".

Enters: what is meant and random numbers. Leaves: a wording. Always holds: none of them is a held-out wording
of `r1v.figures.people.talk`, which a test checks. Each bracket is one of its alternatives.
"""

from __future__ import annotations

from random import Random

from r1v.figures.people.stories_more import expanded

WHY = (
    "[|ok, |and |but |hmm, |so ]why [is that|that|so|this number|do you say that|do you think so|is it "
    "so|that "
    "answer|this answer]?",
    "[|and |but |ok ]how [did|do|can] you [know|get|find|see|reach|arrive at] [that|this|it|this answer|that "
    "number|the result]?",
    "[can|could|would] you [explain|show|tell me] [that|how|why|it|how you got it|how that works|the way "
    "there]?",
    "[please |]explain [that|it|this|your answer|how you got it|the answer|the result|yourself][| "
    "please|, please]",
    "[show|give|tell] [me |][the|your] "
    "[steps|working|reasoning|explanation|calculation|way|grounds|proof|work]"
    "[| please|.]",
    "[what|which] [are|were] [the|your] [steps|reasons|grounds]?",
    "where [does|did] [that|it|this|the number|this number] come from?",
    "what makes you [say|think] [that|so|this]?",
    "[on|by] what [grounds|reasoning|rule]?",
    "[because|for what reason|since when|in what way|by which steps]?",
    "[your |the |]reason[|s][?| please|?]",
    "[your |the |]explanation[?| please|]",
    "[i don't|I don't|I do not] [understand|get it|see it|follow][., why?|, explain|. How?|]",
    "[why|how][|?|??|!?]",
    "step by step[|, please| please]",
    "walk me through [it|that|the steps]",
    "prove it",
    "what['s| is| was] [the|your] [logic|idea|explanation|justification|way|argument] [behind it|behind "
    "that|here|"
    "there|]?",
    "[for|give me|tell me] [what reason|the reason|a reason|your reason][| please|?]",
    "[这|它]是怎么[来|算|得]的？",
    "how does [that|it|this] [work|follow|come about|add up]?",
    "[为什么|为何|怎么会]是[这个|这样|这么多]？",
    "[怎么|如何][得到|得出|算|知道]的[|呢]？",
    "[请|能不能][说明|解释|讲]一下[|吗]？",
    "[理由|原因|过程|步骤]是什么？",
    "[讲讲|说说][过程|步骤|理由]",
)
SURE = (
    "[|hmm |but |oh |and |wait, |no way, ]are you [really |quite |absolutely |very |totally |]"
    "[sure|certain|positive|confident][| about that| of that| of this]?",
    "[|hmm, |oh, |wait, ][is|was] [that|this|the answer|your answer|that answer|it really] "
    "[right|true|correct|accurate|wrong|ok]?",
    "[really|truly|seriously|honestly|for sure|certain|right|correct|true|sure about that][?|??|]",
    "[please |can you |could you |]check [again|that|it|once more|this again|your answer|that please|it "
    "once more]"
    "[|.|?| please]",
    "[please |can you |could you |]look [again|once more|closer|at it again|more carefully][|.|?]",
    "[please |can you |]verify [that|it|this|your answer|the result]",
    "[are there|did you make] [no |any |a |]mistake[s|]?",
    "[I|i] [doubt|don't believe|do not believe] [it|that|this]",
    "[I|i] [think|believe] [that is|that's|it is|this is] [wrong|not right|incorrect|not correct]",
    "[I'm|I am] not [sure|convinced|certain] [|about that|of that]",
    "[could|can] [that|it|this] be [right|true|wrong]?",
    "[that|this] [seems|looks|sounds] [wrong|odd|strange|off|too much|too little][|.|, no?]",
    "is that your [final |last |]answer?",
    "[count|read|calculate|compute] [again|it again|once more][|, please| please]",
    "think again[|.| please]",
    "[no|nope][|?|, really?|, check that]",
    "[hm|hmm|huh][?|...|, sure?]",
    "[真的|真|是]吗？",
    "[你|][肯定|确信|能确定][吗|不]？",
    "[再|请再|麻烦再][检查|看|算|数|核对]一[下|遍]",
    "[这|这个答案|答案][对|正确]吗？",
    "[是不是|会不会|有没有][错|弄错|算错]了？",
    "[please |can you |could you |just ][re-check|recheck|double check|test|review|confirm|prove] "
    "[that|it|this|your answer|the answer]"
    "[|?|.| please|, please]",
    "[|you're |you are |u |is that ][sure|certain|positive|right|serious] [about it|about this|here|now]?",
    "[do|make] [a second|another|one more] check[|, please| please]",
    "[is|was] [it|that|this] [not wrong|the right one|the true answer|really so|what you see]?",
    "go over [it|that] [again|once more][|, please]",
)
HERE = (
    "[|and |ok, |ok |so |now |then ][here|in this one|this picture|this one|for this one|with this "
    "one|on this one|"
    "in this picture|for this picture|with this picture|this image|in the second|the second one|on this][?|]",
    "[|and |so |ok, ][what|how] about [this|here|this one|this picture|this image|the second picture|the "
    "other one|"
    "another one|the next picture][?|]",
    "[the |]same [question |thing |again |][here|for this one|for this|about this one|with this "
    "picture|for the "
    "next|for the second picture][?|, please|]",
    "[now|then|next] [the same |]for [this|this one|this picture|the other picture|the second][|.|?]",
    "[a|here is a|this is a|look, a] [new|second|different|further] [one|picture|image][|. Same "
    "question.|: and now?|"
    ", what now?]",
    "[and |]the [next|second|other|following] [one|picture|image][?|]",
    "[and |now |]what is it [here|in this one|for this picture|now][?|]",
    "[again|once more|repeat], [for|with] this [picture|one|image]",
    "[do|answer] [it|that|the same] [again |once more |]for this [one|picture|image]",
    "[那|][这个|这幅图|这幅|这一张|第二张]呢？",
    "[换一张|下一张|再看这张|看这张][|，同样的问题|，一样的问题]",
    "[同样的问题|一样的问题][|，这张图]",
)
ELLIPTIC = (
    "[|and |and then |so |ok, and |ok |now |next |well, and |alright, ]{}[?||, please|??]",
    "[|ok |and ][what|how] about {}[?|]",
    "[|and |so ][what|how much|how many] is it for {}[?|]",
    "[the |]same [question |thing |]for {}[?|, please|]",
    "[and |]for {}[?|, please|]",
    "[give|tell] me {} [too|as well|also]",
    "[do|try|take|check] {} [now|next|instead|too|as well]",
    "[and |]with {}[?|]",
    "[i'd|I'd] also like {}",
    "[also|and also|additionally|further] {}[?|]",
    "[再说|再看|那么|接着]{}[？|]",
    "{}[又|]是多少？",
)
MEANT = (
    "[no|sorry|oh|oops|argh|ah no|oh no][,|] [I|i] [meant|mean|wanted|want|meant to say|was asking "
    "about] {}[|.]",
    "[sorry|no|oops|excuse me|pardon][,|:] {}[|!|.| please]",
    "[no|sorry|nope], not that[, |. ]{}[|.]",
    "[I|i] [said|asked for|asked about|was thinking of] {}[|.]",
    "{}, [I mean|i mean|not that|that is what I meant|sorry]",
    "[correction|let me correct that|let me rephrase]: {}",
    "[错了|不是|说错了|不好意思]，[是|我说的是|我想问]{}",
)
EVERY = {"why": WHY, "sure": SURE, "here": HERE, "elliptic": ELLIPTIC, "meant": MEANT}


def more_words(what: str, rng: Random) -> str:
    """A wording of one of EVERY; those of another thing keep their ``{}``."""
    text = expanded(rng.choice(EVERY[what]), rng).strip()
    if rng.random() < 0.5 and text[:1] != "{":
        text = text[:1].upper() + text[1:]
    return text
