"""What a new user types in the first five minutes, with the right answers: a fixed set, never trained on.

Written when the data of the run of `examples/nano/sft-people-more.toml` was finished, by hand. Each line is a
conversation; only its last question counts, and those before it are answered by the model itself.
"""

from __future__ import annotations

from dataclasses import dataclass

REFUSE, LINE = "says that it cannot tell", "a line without a box"


@dataclass(frozen=True)
class Asked:
    """A conversation. part: of the table. turns: what is typed, the last one asked for. right: the answer, or
    REFUSE or LINE. picture: of `pictures.PICTURES`, with the first turn; "" is none. how: as `r1v.scoring`
    compares it."""

    part: str
    turns: tuple[str, ...]
    right: str
    picture: str = ""
    how: str = "number"


def _many(part: str, *rows: tuple[str, ...], how: str = "number") -> tuple[Asked, ...]:
    """Rows of (picture, turns…, right)."""
    return tuple(Asked(part, row[1:-1], row[-1], row[0], how) for row in rows)


QUESTIONS: tuple[Asked, ...] = (
    *_many(
        "typed sums",
        ("", "12*4", "48"), ("", "47 + 38", "85"), ("", "1000-1", "999"), ("", "what's 15% of 80?", "12"),
        ("", "7x8=", "56"), ("", "144/12", "12"), ("", "(5+3)*2", "16"), ("", "3-1", "2"),
        ("", "2 to the power of 5", "32"), ("", "0.5 + 0.25", "0.75"), ("", "17 mal 3", "51"),
        ("", "5/0", REFUSE),
    ),
    *_many(
        "word problems",
        ("", "I have 5 apples and eat 2. How many are left?", "3"),
        ("", "Tom has 12 pencils, Lisa has 4 more than Tom. How many does Lisa have?", "16"),
        ("", "3 friends share 24 candies. How many does each friend get?", "8"),
        ("", "a pizza is 9 euros, how much are 4 pizzas?", "36"),
        ("", "A T-shirt costs 40 dollars and is 25% off, what do I pay?", "30"),
        ("", "I sleep at 22:30 and wake up 8 hours later. When do I wake up?", "6:30"),
        ("", "A train goes 80 km in an hour. How far in 3 hours?", "240"),
        ("", "Anna is 9. Her brother is twice as old. How old is he?", "18"),
        ("", "There are 28 students and 4 are sick. The rest form teams of 6. How many teams?", "4"),
        ("", "2 coffees at 3.50 each. total?", "7"),
    ),
    *_many(
        "pictures",
        ("demo", "What is the total resistance?", "10"), ("demo", "How many resistors are there?", "4"),
        ("demo", "what's R3", "30"), ("bars", "What is the value of Tue?", "7"),
        ("bars", "how much on wednesday?", "19"), ("labelled bars", "How many pears were sold?", "45"),
        ("labelled bars", "what is the total?", "95"), ("pie", "How many percent is food?", "30"),
        ("line", "what was the value in 2023?", "30"), ("straight line", "what's the slope?", "2"),
        ("table", "How many points does Ben have in Art?", "9"), ("shapes", "how many red circles?", "2"),
        ("shapes", "How many shapes are there?", "5"), ("sum", "solve this", "63"),
        ("triangle", "Find x", "70"),
    ),
    *_many("pictures", ("clock", "What time is it?", "3:10"), how="time"),
    *_many(
        "pictures",
        ("bars", "Which day is the highest?", "Wed"), ("pie", "what is the biggest slice?", "rent"),
        ("line", "In which year was it lowest?", "2020"), ("table", "Who has the most in Math?", "Ann"),
        how="string",
    ),
    *_many(
        "second questions",
        ("", "12*4", "and times 2?", "96"), ("", "12*4", "are you sure?", "48"),
        ("", "15% of 80", "and 30%?", "24"), ("", "30 - 12", "half of that?", "9"),
        ("", "I have 8 apples and 5 pears, how many fruits?", "and if I eat 3?", "10"),
        ("", "What is 9 times 6?", "No, it's 56.", "54"), ("", "hi", "12*12", "144"),
        ("demo", "What is the total resistance?", "and the current?", "6"),
        ("demo", "What is the total resistance?", "why?", "10"),
        ("bars", "What is the value of Tue?", "and Thu?", "5"),
    ),
    *_many(
        "cannot be told",
        ("cat", "what is this?", REFUSE), ("cat", "How many cats are there?", REFUSE),
        ("astronaut", "Who is that?", REFUSE), ("invoice", "What is the total?", REFUSE),
        ("blank", "What do you see?", REFUSE), ("bars", "How much on Sunday?", REFUSE),
        ("", "What is the capital of France?", REFUSE), ("", "Who won the world cup in 2018?", REFUSE),
        ("", "How is the weather?", REFUSE),
    ),
    *_many(
        "small talk",
        ("", "hello", LINE), ("", "who are you?", LINE), ("", "thanks!", LINE),
        ("", "what can you do?", LINE),
    ),
)  # fmt: skip
