"""Names from wide open lists and random strings, so that a name must be read and cannot be guessed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

CITIES = tuple(
    """Amsterdam Ankara Athens Auckland Baghdad Bangkok Barcelona Basel Beijing Beirut Belgrade Bergen
Berlin Bilbao Bogota Bologna Boston Brasilia Bremen Brisbane Bristol Brno Brussels Bucharest
Budapest Cairo Calgary Cardiff Chennai Chicago Cologne Cusco Dakar Dallas Damascus Delhi Denver
Detroit Dhaka Doha Dresden Dubai Dublin Durban Essen Fez Florence Fukuoka Geneva Genoa Ghent Glasgow
Graz Hamburg Hanoi Havana Helsinki Houston Istanbul Jakarta Jaipur Kampala Karachi Kyoto Krakow
Lagos Leeds Leipzig Leuven Lima Lisbon Ljubljana London Luanda Lyon Madrid Malaga Malmo Manila Medan
Melbourne Memphis Miami Milan Minsk Montreal Moscow Mumbai Munich Nairobi Nantes Naples Nagoya
Odessa Osaka Oslo Ottawa Oxford Palermo Paris Perth Phoenix Porto Prague Quebec Quito Rabat Reno
Riga Rome Rotterdam Salzburg Santiago Seattle Seoul Seville Shanghai Sofia Split Stockholm Sydney
Taipei Tallinn Tampa Tirana Tokyo Toronto Toulouse Trieste Tunis Turin Utrecht Valencia Vienna
Vilnius Warsaw York Zagreb Zurich""".split()
)
PEOPLE = tuple(
    """Aaron Abigail Adam Aisha Akira Alan Alice Amina Amir Andrea Anna Anton Bella Boris Bruno Carla
Carlos Chen Chloe Clara Daniel Daria David Diego Dora Elena Elias Emma Erik Esther Ethan Fatima
Felix Fiona Frank Gina Grace Greta Hana Hassan Helen Henry Hugo Ian Igor Ines Ingrid Ivan Jack James
Jana Jasmin Javier Jin John Jonas Julia Kai Karen Karim Kate Kenji Laura Leon Liam Lina Lisa Liu
Louis Lucas Luna Magda Marco Maria Marta Maya Mehmet Mei Mike Milan Mina Mohammed Nadia Nina Noah
Nora Olga Oliver Omar Oscar Pablo Peter Pia Priya Rachel Rafael Raj Rita Robert Rosa Ruth Ryan Samir
Sara Sofia Sven Tara Thomas Tina Tomas Uma Vera Victor Wei William Yara Yuki Yusuf Zara""".split()
)
THINGS = tuple(
    """Apples Bananas Bread Butter Cheese Coffee Milk Rice Tea Sugar Salt Pasta Tomatoes Onions Carrots
Cherries Mangoes Grapes Oranges Lemons Pears Plums Desk Chair Lamp Sofa Shelf Bed Laptop Phone
Tablet Monitor Mouse Keyboard Printer Camera Speaker Cable Battery Charger Novel Poetry History
Science Comics Travel Cooking Sports Music Art Drama Rent Food Transport Clothing Savings Health
Insurance Taxes Fuel Water Electricity Gas Internet Dogs Cats Birds Fish Rabbits Horses Bus Car
Train Bike Walk Tram Metro Ferry Plane Steel Wood Glass Paper Copper Gold Silver Iron Zinc Solar
Wind Hydro Nuclear Coal Oil Biomass Python Java Rust Ruby Kotlin Swift Scala Perl Go Chrome Firefox
Safari Edge Opera Windows Linux Android Soccer Tennis Golf Rugby Hockey Chess Cricket Judo Math
Physics Chemistry Biology English German French Spanish Latin Geography Economics Shirts Shoes Hats
Socks Jackets Jeans Red Blue Green Yellow Purple Orange North South East West Central Team Alpha
Beta Gamma Delta Sales Marketing Support Finance Legal Design Research Yes No Maybe Other None Small
Medium Large Agree Disagree Neutral""".split()
)
COUNTRIES = tuple(
    """Argentina Australia Austria Belgium Brazil Bulgaria Canada Chile China Colombia Croatia Cuba Cyprus
Denmark Egypt Estonia Ethiopia Finland France Germany Ghana Greece Hungary Iceland India Indonesia
Iran Iraq Ireland Israel Italy Jamaica Japan Jordan Kenya Korea Latvia Lebanon Libya Malta Mexico
Morocco Nepal Nigeria Norway Oman Pakistan Peru Poland Portugal Qatar Romania Russia Senegal Serbia
Singapore Slovakia Slovenia Somalia Spain Sudan Sweden Syria Taiwan Thailand Togo Tunisia Turkey UAE
Uganda UK Ukraine USA Uruguay Vietnam Yemen Zambia""".split()
)
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
TITLES = (
    "Sales by region",
    "Monthly revenue",
    "Visitors",
    "Survey results",
    "Test scores",
    "Population",
    "Energy mix",
    "Budget",
    "Units sold",
    "Average temperature",
    "Rainfall (mm)",
    "Market share",
    "Website traffic",
    "Exam results",
    "Favourite fruit",
    "Quarterly report",
    "Production",
    "Downloads",
    "Employees by department",
    "Customer satisfaction",
    "Goals scored",
    "Books read",
    "Income",
    "Expenses",
    "Number of students",
    "Medals",
    "Growth",
    "Results 2023",
    "Overview",
    "Fruit sales",
    "Response time",
    "Distance by team",
    "Orders",
)
LABELS = "Value|Amount|Count|Sales|Score|Units|Number|Total|Revenue|Frequency|Points|Quantity".split("|")
_START = "b c d f g h j k l m n p r s t v w z br ch cl dr fl gr kr pl pr qu sh sl st th tr".split()
_MIDDLE = "a e i o u ai ea io oo ou".split()
_END = ["", "", "", *"n r s t l m x ck nd rt th".split()]


def invented(rng: Random) -> str:
    """A word that exists nowhere, in small letters."""
    count = rng.randint(1, 3)
    return "".join(rng.choice(_START) + rng.choice(_MIDDLE) for _ in range(count)) + rng.choice(_END)


def code(rng: Random) -> str:
    """A code of letters and digits, as stock and rooms have them."""
    letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(rng.randint(1, 3)))
    number = str(rng.randint(1, 10 ** rng.randint(1, 3) - 1))
    return letters + rng.choice(("", "-", "")) + number


def _words(rng: Random) -> str:
    return invented(rng).capitalize() if rng.random() < 0.7 else invented(rng)


_POOLS: tuple[Callable[[Random], str], ...] = (
    lambda rng: rng.choice(CITIES),
    lambda rng: rng.choice(PEOPLE),
    lambda rng: rng.choice(THINGS),
    lambda rng: rng.choice(THINGS).lower(),
    lambda rng: rng.choice(COUNTRIES),
    _words,
    _words,
    code,
    lambda rng: rng.choice((*CITIES, *PEOPLE, *THINGS)).upper(),
    lambda rng: rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
)


def names(rng: Random, count: int, longest: int = 12) -> list[str]:
    """Different names of one kind, each of at most ``longest`` letters, none the beginning of a number."""
    pool = rng.choice(_POOLS)
    found: dict[str, None] = {}
    tries = 0
    while len(found) < count:
        tries += 1
        name = pool(rng) if tries < 200 else code(rng)
        if len(name) <= longest and name.lower() not in {one.lower() for one in found}:
            found[name] = None
    return list(found)


def moments(rng: Random, count: int) -> list[str]:
    """Labels that follow each other: months, days, years, quarters, weeks."""
    kind = rng.randrange(7)
    if kind == 0:
        start = rng.randint(1950, 2030 - count)
        return [str(start + i) for i in range(count)]
    if kind in (1, 2):
        start, short = rng.randrange(12), rng.random() < 0.7
        return [MONTHS[(start + i) % 12][: 3 if short else None] for i in range(min(count, 12))]
    if kind == 3 and count <= 7:
        start, short = rng.choice((0, 0, rng.randrange(7))), rng.random() < 0.7
        return [DAYS[(start + i) % 7][: 3 if short else None] for i in range(count)]
    if kind == 4 and count <= 8:
        return [f"Q{i % 4 + 1}" if count <= 4 else f"Q{i % 4 + 1}/{i // 4 + 1}" for i in range(count)]
    if kind == 5:
        start = rng.randint(1, 30)
        return [f"W{start + i}" for i in range(count)]
    start = rng.choice((0, 1, 1, 5, 10))
    return [str(start + i) for i in range(count)]
