"""The words in which people ask about what the families lay out and other painters paint."""

from __future__ import annotations

from r1v.figures.abroad import calendars, circuits, molecules
from r1v.figures.abroad.board import by_pillow, by_svg
from r1v.figures.abroad.hosted import hosted
from r1v.figures.abroad.scene import DrawingTool, Subject

_END = "[|||| Give the number.| Just the number.]"
_STOP = "[?|?|.||? Give the number.|? Just the number.]"
_FIND = "[What is|Find|Calculate|Work out|What's|Determine|How large is]"
_NAME = "[||| Answer with colour and shape.]"

GEOMETRY = hosted(
    "geometry",
    {
        "missing_angle": (
            f"{_FIND} [the missing angle|the angle {{mark}}|{{mark}}|the unknown angle]{_STOP}",
            "[How many degrees does the angle {mark} have?|{mark} = ? degrees]",
        ),
        "exterior": (
            f"{_FIND} [the angle {{mark}}|{{mark}}|the marked angle]{_STOP}",
            "[How many degrees is {mark}?]",
        ),
        "isosceles": (
            f"{_FIND} [the angle {{mark}}|{{mark}}|the unknown angle of the isosceles triangle]{_STOP}",
            "[How many degrees is {mark} here?]",
        ),
        "parallel": (
            f"{_FIND} [the angle {{mark}}|{{mark}}|the angle marked {{mark}} at the parallel lines]{_STOP}",
            "[How many degrees is {mark} if the lines are parallel?]",
        ),
        "right_triangle": (
            f"{_FIND} [{{mark}}|the side {{mark}}|the missing side|the length of {{mark}}]{_STOP}",
            "[How long is the side called {mark}?]",
        ),
        "rectangle_area": (
            f"{_FIND} the area[| of this rectangle| of the shape]{_STOP}",
            "[How much area does the rectangle cover?]",
        ),
        "rectangle_perimeter": (
            f"{_FIND} the perimeter[| of this rectangle| of the shape]{_STOP}",
            "[How long is the way around the rectangle?]",
        ),
        "l_shape_area": (
            f"{_FIND} the area[| of this shape| of the L-shape]{_STOP}",
            "[How much area does the L cover?]",
        ),
        "l_shape_perimeter": (
            f"{_FIND} the perimeter[| of this shape| of the L-shape]{_STOP}",
            "[How long is the way around the L?]",
        ),
    },
)
THEOREM = hosted("theorem", {
    "similar": (f"The triangles are similar. {_FIND} [{{mark}}|the side {{mark}}]{_STOP}",
                "[How long is {mark}, if both triangles have one form?]"),
    "ray": (f"The lines are parallel. {_FIND} [{{mark}}|the length {{mark}}]{_STOP}",
            "[How long is {mark}, as the two lines are parallel?]"),
    "inscribed": (f"{_FIND} [the angle {{mark}}|{{mark}}][| M is the centre.]{_STOP}",
                  "[How many degrees is {mark}, when M is the middle of the circle?]"),
    "thales": (f"{_FIND} [the angle {{mark}}|{{mark}}][| The base is a diameter.]{_STOP}",
               "[How many degrees is {mark} in the half circle?]"),
    "cyclic": (f"{_FIND} [the angle {{mark}}|{{mark}}][| All corners lie on the circle.]{_STOP}",
               "[How many degrees is {mark} in this cyclic quadrilateral?]"),
})  # fmt: skip
SOLID = hosted(
    "solid",
    {
        "box_volume": (
            f"{_FIND} the volume[| of the box| of this cuboid]{_STOP}",
            "[How much fits into the box?]",
        ),
        "box_surface": (
            f"{_FIND} the surface area[| of the box| of this cuboid]{_STOP}",
            "[How much paper covers all sides of the box?]",
        ),
        "box_edges": (
            f"{_FIND} the [total length of all edges|sum of all edge lengths]{_STOP}",
            "[How much wire do all edges of the box need?]",
        ),
        "prism_volume": (
            f"{_FIND} the volume[| of the prism| of this triangular prism]{_STOP}",
            "[How much fits into the prism?]",
        ),
        "cubes": (
            f"[How many cubes are there|How many small cubes are in this block|Count the cubes|How many "
            f"unit cubes "
            f"make up the block]?{_END}",
            "[Of how many little cubes does the block consist?]",
        ),
    },
)
FORCE = hosted(
    "force",
    {
        "net": (
            f"{_FIND} the [net force|resultant force|total force]{_STOP}",
            "[How strongly is the block pushed in all?]",
        ),
        "direction": (
            "[Which way does the block move|In which direction is the net force|Left or right: where "
            "does it go|"
            "Does the block move left or right]?",
            "[To which side is the block pulled more?]",
        ),
        "balance": (
            f"{_FIND} [{{mark}}|the force {{mark}}] [if the block is at rest|in balance|so that nothing "
            f"moves]{_STOP}",
            "[How large is {mark} when all forces cancel?]",
        ),
        "acceleration": (
            f"{_FIND} the acceleration[| of the block| in m/s²]{_STOP}",
            "[By how many m/s does the block get faster each second?]",
        ),
        "right_angle": (
            f"{_FIND} the [resultant|resultant force|magnitude of the total force]{_STOP}",
            "[How strong are both forces together?]",
        ),
    },
)
SPATIAL = hosted(
    "spatial",
    {
        "cell": (
            f"[What is in row {{row}}, column {{column}}|Which shape is in row {{row}} column "
            f"{{column}}|What do you see "
            f"in row {{row}}, column {{column}}]?{_NAME}",
            "[Tell me the thing at row {row} and column {column}.]",
        ),
        "where": (
            "[Where is the {thing}|In which row and column is the {thing}]? Answer like: row 1, column 2.",
            "[At which place is the {thing}? Say it like row 1, column 2.]",
        ),
        "beside": (
            f"[What is {{direction}} the {{thing}}|Which shape is {{direction}} the {{thing}}|What's "
            f"{{direction}} the "
            f"{{thing}}]?{_NAME}",
            "[Name what stands {direction} the {thing}.]",
        ),
        "path": (
            f"[Start at the {{thing}} and go {{path}}. What is there|From the {{thing}} move {{path}}: "
            f"which shape is "
            f"it]?{_NAME}",
            "[Walking {path} from the {thing}, what do I reach?]",
        ),
        "nearest": (
            f"[What is nearest to the {{thing}}|Which shape is closest to the {{thing}}]?{_NAME}",
            "[Of all shapes, which one has the {thing} nearest to it?]",
        ),
        "largest": (
            f"[Which shape is the {{extreme}}|What is the {{extreme}} shape here]?{_NAME}",
            "[Tell me the {extreme} thing.]",
        ),
        "count_side": (
            f"[How many shapes are further {{side}} than the {{thing}}|How many things lie further "
            f"{{side}} than the "
            f"{{thing}}]?{_END}",
            "[Count what is more to the {side} than the {thing}.]",
        ),
        "letter": (
            "[Which letter is {direction} {letter}|What letter stands {direction} {letter}|What is "
            "{direction} the "
            "{letter}]?[|| Answer with one letter.]",
            "[Tell me the letter {direction} {letter}.]",
        ),
    },
)
ODD_ONE = hosted(
    "odd_one",
    {
        "place": (
            "[Where is the odd one out|Which place has the different shape|One is different. Where is "
            "it]? Answer like: "
            "row 1, column 2.",
            "[At which place is the one that does not fit? Say it like row 1, column 2.]",
        ),
        "name": (
            f"[Which one is different|Which is the odd one out|What does not belong here|Find the one "
            f"that is different]"
            f"?{_NAME}",
            "[Name the thing that does not fit.]",
        ),
        "single": (
            f"[Which one has no pair|Which shape appears only once|What is there only once]?{_NAME}",
            "[Name the one without a partner.]",
        ),
    },
)
_CALENDAR = {
    "weekday": (
        "[What day is the {date}|What day of the week is the {date}|Which weekday is the {date}|The "
        "{date} is on "
        "which day]?[|| Answer like Mon.]",
        "[On what day does the {date} fall?]",
    ),
    "date": (
        f"[What date is the {{nth}} {{weekday}}|When is the {{nth}} {{weekday}}|What is the date of "
        f"the {{nth}} "
        f"{{weekday}}]?{_END}",
        "[The {nth} {weekday} has which date?]",
    ),
    "count": (
        f"[How many {{weekday}}s are there|How many {{weekday}}s are in this month|Number of "
        f"{{weekday}}s]?{_END}",
        "[How often is it {weekday} in this month?]",
    ),
    "later": (
        "[What day is it {number} days after the {date}|What weekday is {number} days after the "
        "{date}|Today is the "
        "{date}. What day is it in {number} days]?[|| Answer like Mon.]",
        "[Counting {number} days on from the {date}, which weekday comes?]",
    ),
    "between": (
        f"[How many days are between the two marked days|How many days from the first marked date to "
        f"the second]"
        f"?{_END}",
        "[How far apart are the marked dates, in days?]",
    ),
}
CIRCUIT = Subject(circuits.plan, circuits.ask, circuits.PHRASES, (
    DrawingTool("schemdraw", "train", circuits.schemdraw, ("matplotlib", "schemdraw")),
    DrawingTool("painted", "train", circuits.drawn_by(by_pillow), ("matplotlib",), cheap=True),
    DrawingTool("svg", "heldout", circuits.drawn_by(by_svg), ("vl_convert", "matplotlib")),
))  # fmt: skip
CALENDAR = Subject(calendars.plan, calendars.ask, _CALENDAR, (
    DrawingTool("terminal", "train", calendars.terminal, ("matplotlib",), cheap=True),
    DrawingTool("sheet", "train", calendars.sheet, ("matplotlib",), cheap=True),
    DrawingTool("painted", "train", calendars.painted, ("matplotlib",), cheap=True),
    DrawingTool("chromium", "heldout", calendars.chromium, ("!chromium",)),
))  # fmt: skip
MOLECULE = Subject(molecules.plan, molecules.ask, molecules.PHRASES, (
    DrawingTool("rdkit", "train", molecules.rdkit_colours, ("rdkit", "matplotlib"), cheap=True),
    DrawingTool("rdkit_black", "train", molecules.rdkit_black, ("rdkit", "matplotlib"), cheap=True),
    DrawingTool("open_babel", "heldout", molecules.open_babel, ("openbabel", "rdkit", "vl_convert")),
))  # fmt: skip
