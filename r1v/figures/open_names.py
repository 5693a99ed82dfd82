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
CITIES = (
    "Miami Boston Denver Austin Dallas Houston Phoenix Seattle Chicago Toronto Havana Bogota Caracas "
    "Santiago Lagos Nairobi Accra Tunis Dakar Dubai Doha Mumbai Chennai Lahore Karachi Dhaka Hanoi "
    "Manila Jakarta Taipei Osaka Kyoto Sydney Perth Vienna Prague Munich Hamburg Zurich Geneva Lyon "
    "Nice Porto Lisbon Seville Naples Turin Athens Sofia Warsaw Riga Minsk Dublin Leeds York Bath "
    "Cork Ghent Bruges Malmo Bergen Turku Izmir Basra Tehran"
).split()
WORDS = (
    "north south east west rent food fuel coal wind solar gas oil tea milk rice corn wheat beef fish "
    "salmon tuna bread cheese sugar salt math art music physics biology drama sales costs profit "
    "taxes staff team alpha beta gamma delta zebra eagle whale shark otter tulip oak pine maple iron "
    "zinc steel paper glass stone brick phone laptop tablet screen router rugby cricket cycling "
    "rowing skiing adult child junior senior web mail news games video books films shoes shirts hats "
    "bags cherry papaya banana"
).split()
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


def open_name(rng: Random, max_length: int) -> str:
    """A name of at most ``max_length`` (3 or more) letters: of the lists, made up, or a code; no blanks."""
    while True:
        kind = rng.randrange(6)
        if kind == 0:
            name = rng.choice(CITIES)
        elif kind == 1:
            name = rng.choice(WORDS)
        elif kind == 2:
            name = rng.choice(PEOPLE)
        elif kind == 3:
            name = rng.choice(THINGS)
        elif kind == 4:
            name = made_up(rng)
        else:
            letters = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 5)))
            name = (
                letters
                if rng.random() < 0.4
                else letters[:2].upper() + rng.choice(("", str(rng.randint(1, 99))))
            )
        if rng.random() < 0.3:
            name = name.capitalize() if name.islower() else name
        if len(name) <= max_length and "." not in name:
            return name


def open_names(rng: Random, count: int, max_length: int) -> list[str]:
    """Different names, also where capitals do not count."""
    found: list[str] = []
    while len(found) < count:
        name = open_name(rng, max_length)
        if name.lower() not in {one.lower() for one in found}:
            found.append(name)
    return found
