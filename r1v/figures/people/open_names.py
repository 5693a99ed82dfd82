"""Names and things without end: wide lists, and words made of syllables, so that reading is reading."""

from __future__ import annotations

from random import Random

PEOPLE = (
    "Aisha Bao Carlos Diego Elena Farid Gita Hiro Ingrid Jamal Kofi Leila Mateo Nadia Omar Priya "
    "Quentin Rosa Sven Tariq Uma Viktor Wei Ximena Yusuf Zara Alice Bob Charlie Daniel Emma Fiona "
    "George Hannah Isaac Julia Kevin Laura Michael Nina Oscar Peter Rachel Sarah Thomas Ursula Vera "
    "Walter Yvonne Zack Grandma Grandpa Mum Dad Mr. Green Olivia Liam Noah Ava Mia Sofia Lucas Hugo "
    "Chloe Marta Pablo Ivan Olga Dmitri Anya Kenji Yuki Mei Ling Raj Anil"
).replace("Mr. Green", "Mr.Green").split()  # fmt: skip
PEOPLE_ZH = "小明 小红 小刚 小丽 小华 小强 小芳 李雷 王芳 张伟 爸爸 妈妈 奶奶 老师 小兰 小军".split()
THINGS = (
    "apples bananas oranges cookies sandwiches pizzas muffins eggs bottles cups plates pencils pens "
    "books notebooks stamps coins marbles balls dolls cars trucks bikes shirts socks shoes hats "
    "gloves chairs tables lamps candles flowers roses trees seeds bricks boxes bags tickets cards "
    "photos stickers letters keys buttons beads shells stones fish birds chickens sheep cows horses "
    "rabbits balloons donuts cupcakes tomatoes potatoes carrots lemons peaches melons crayons "
    "erasers rulers magazines batteries screws nails tiles ribbons toys puzzles kites"
).split()  # fmt: skip
THINGS_ZH = "苹果 橘子 铅笔 本子 糖果 邮票 鸡蛋 面包 书 球 气球 贴纸 花 杯子 玩具 卡片".split()
_ONSETS = (
    "b",
    "d",
    "f",
    "g",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "z",
    "ch",
    "sh",
    "th",
    "br",
    "tr",
    "st",
)
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ee", "ou")


def made_up(rng: Random) -> str:
    """A word of two or three syllables, with a capital."""
    word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.randint(1, 3)))
    return (word + rng.choice(("", "", "n", "r", "s", "l"))).capitalize()


def person(rng: Random, chinese: bool = False) -> str:
    """Somebody's name."""
    if chinese:
        return rng.choice(PEOPLE_ZH)
    return rng.choice(PEOPLE).replace(".", ". ") if rng.random() < 0.75 else made_up(rng)


def things(rng: Random, chinese: bool = False) -> str:
    """Something that is counted, in the plural."""
    if chinese:
        return rng.choice(THINGS_ZH)
    return rng.choice(THINGS) if rng.random() < 0.9 else made_up(rng).lower() + "s"
