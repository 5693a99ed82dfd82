"""The end of a reply that has neither a box nor an announced answer."""

import pytest

from r1v.scoring import compare, extract_answer

ENDS = [
    ("54÷18 leaves nothing over, so the gcd is eighteen (18).", "18"),
    ("P(no rain) = 3/8, so P(some rain) = 1 − 3/8 = **5/8** (= 0.625).", "5/8"),
    (r"$V = \frac13\pi r^2 h = 12\pi \approx 37.70$ cubic units.", r"12\pi"),
    (r"$V = \frac13\pi r^2 h = 12\pi \approx 37.70$ cubic units.", "37.70"),
    (r"$90\div 3.6 = 25\ \text{m s}^{-1}$", "25 m/s"),
    (r"The values in both make the set $P\cap Q=\{7,\,4\}$.", r"\{4,7\}"),
    (r"The root needs $2x-6\ge 0$, i.e. $x\geq 3$.", r"[3,\infty)"),
    ("Adding both, 3x = 15. So **x = 5, y = 1**.", "(5, 1)"),
    ("From the rows:\n\n- $x = 4$\n- $y = 0$\n- $z = -1$", "(4, 0, -1)"),
    ("They are:\n1. 41\n2. 43\n3. 47", "41, 43, 47"),
    ("| quantity | value |\n|---|---|\n| mean | 6 |\n| range | 9 |", "mean 6, range 9"),
    ("Row by row:\n$$\\begin{bmatrix}2 & 5\\\\ 0 & 1\\end{bmatrix}$$",
     r"\begin{pmatrix}2&5\\0&1\end{pmatrix}"),
    (r"So $h(t)=4$ for $t\le 2$, and $h(t)=2t$ for $t>2$.",
     r"h(t)=\begin{cases}4,&t\le2\\2t,&t>2\end{cases}"),
    ("Since $g(-x)=g(x)$, yes, it is an even function.", "Yes"),
    ("A whale breathes with lungs. The claim is not true.", "False"),
    ("True — it is the largest ocean.", "True"),
    ("**No.** 91 = 7 × 13.", "No"),
    ("It was written by **Jane Austen** in the early 19th century.", "Jane Austen"),
    ("Many people think it is Sydney, the largest city, but the capital is **Canberra**.", "Canberra"),
    ("I'm not completely sure of it, but I believe it was 1815.", "1815"),
    ("The discount is $8. Subtracting it from $32 leaves $24, and that is the sale price.", r"\$24"),
    ("Some would say 700, but an hour has 60 minutes. So 7 × 60 = 420 minutes.", "420"),
    ("That's 3 hours 10 minutes = 190 min.", "190 minutes"),
    ("8 km = 800,000 cm, so the scale is 1:800,000.", "1:800000"),
    ("The capital is Bogota.", "Bogotá"),
    ("一共卖出了 7 个,所以还剩**5个**梨。", "5个"),
    ("偶数加偶数是偶数,所以这个说法是对的。", "正确"),
    ("30 × 100,共有 2.4万册书。", "24000册"), ("他们一共用了十八天。", "18天"),
    ("The angle is 40 degrees 20 minutes.", "40°20'"),
    ("From least to greatest: **1/4, 1/3, 1/2**", "1/4, 1/3, 1/2"),
    (r"$x^2 - 4x + 3x - 12 = x^2 - x - 12$", "x^2-x-12"),
]  # fmt: skip
NOT_SO = [
    ("They are:\n1. 41\n2. 43\n3. 47", "47"), ("They are:\n1. 41\n2. 43\n3. 47", "3"),
    ("So $2x + 1 = 5$.", "5"), ("The two values satisfy $x + y = 10$.", "10"),
    ("So x = 5 (or 6 if the end counts).", "5"), ("So x = 5 (or 6 if the end counts).", "6"),
    ("The area is less than **12**.", "12"), ("It is **not** 12.", "12"), ("It may be **12**.", "12"),
    ("It is **12** or 13.", "12"), ("It is 12 or **13**.", "13"), ("Is it **12**?", "12"),
    ("The width is **3** and the length is 4.", "3"), ("The width is 3 and the length is 4.", "4"),
    ("x = 3. Check: 2·3 = 6.", "6"), ("So y = 2, x = 3.", "(2, 3)"), ("So x = y = 2.", "(x,y)=(1,2)"),
    ("Yes, but only if n is even.", "Yes"), ("**No.** On reflection, yes.", "No"),
    ("True or false: it is hard to say.", "True"), ("I believe it was 1815, but I'm not sure.", "1815"),
    ("Many people think the capital is **Sydney**.", "Sydney"),
    ("From greatest to least: **1/4, 1/3, 1/2**", "1/2, 1/3, 1/4"),
    (r"$A = 9\pi \approx 28.27$ cm²", r"9\pi\text{ cm}"),
    ("The sale made a loss of **$5**.", r"\text{profit of } \$5"),
    (r"It could be \boxed{6} or, counting both, \boxed{8}.", "6"),
    (r"It could be \boxed{6} or, counting both, \boxed{8}.", "8"),
    (r"\boxed{6}, or \boxed{8} without the first. I can't tell which is meant.", "8"),
    (r"\boxed{6}, or \boxed{8} without the first. I can't tell which is meant.", "6"),
    ("The ratio is 2: 3", "3"), ("We get y = 4.", "x = 4"), ("It is half of $12$.", "12"),
    ("The remaining part was not worked out, so the answer stays unknown: 5 or 7.", "7"),
    ("不是**5**。", "5"), ("So $x-1=y-2=z$.", "z"), ("So $2x=8$.", "8"),
    ("Steps:\n1. Add 3 to get 7\n2. Double it to get 14", "14"),
    ("The answer is not\n$$5$$", "5"), ("These do not work:\n- 5\n- 7", "5, 7"),
    ("It might be one of these:\n- 5\n- 7", "5, 7"),
    ("Assume $x=3$.", "3"), ("Now substitute $x=3$.", "3"), ("So we still need to find $x=3$.", "3"),
    ("She got 3 out of **20**.", "20"),
    ("The candidates are $3$ and $5$; checking each: $3$ fails.", "3"), ("The root $-2$ is rejected.", "-2"),
    ("I could not finish. The last step was $x=3$.", "3"),
    ("The sum is 12 when **n = 3**.", "3"),
    ("x = 5, but x = 6 also works.", "6"), ("x = 5, but x = 6 also works.", "5"),
    ("The first term is $3$, so there are several possible sums.", "3"),
    ("We are left with $5$ more than the total.", "5"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "answer"), ENDS)
def test_the_end_of_a_reply_states_its_answer(reply: str, answer: str) -> None:
    found = extract_answer(reply).text
    assert found is not None and compare(found, answer).equal


@pytest.mark.parametrize(("reply", "answer"), NOT_SO)
def test_what_the_end_does_not_state(reply: str, answer: str) -> None:
    found = extract_answer(reply).text
    assert found is None or not compare(found, answer).equal
