"""What people ask about graphs, geometry, circuits, forces and molecules, by family and kind."""

from __future__ import annotations

from collections.abc import Mapping

Clauses = tuple[str, ...]

_ANGLE = (
    "=the angle {mark}", "how big is {mark}", "=the missing angle", "=the size of angle {mark}",
    "how many degrees is {mark}", "!find {mark}", "!solve for {mark}", "~{mark}",
    "how large is the angle marked {mark}", "=the value of {mark}", "{mark}是多少度", "角{mark}是多少",
    "!calculate the unknown angle", "what is {mark}",
)  # fmt: skip
_LENGTH = (
    "=the length of {mark}", "how long is {mark}", "=the missing side", "!find {mark}",
    "!solve for {mark}", "~{mark}", "=the value of {mark}", "how long is the side marked {mark}",
    "{mark}有多长", "{mark}是多少", "!calculate the unknown length", "what is {mark}",
)  # fmt: skip
_SOLVE = (
    "=the value of {name}", "!solve for {name}", "!find {name}", "~{name}", "how much is {name}",
    "what is {name}", "!calculate {name}", "{name}等于多少", "求{name}", "!work out {name}",
    "what does {name} equal",
)  # fmt: skip

SCIENCE: Mapping[str, Mapping[str, Clauses]] = {
    "function_plot": {
        "value": (
            "=f({x})", "what is y when x is {x}", "=the value at x = {x}", "~f({x})",
            "how high is the graph at {x}", "=the y value for x={x}", "!read f({x})",
            "what is the function value at {x}", "~y at x={x}", "当x={x}时y是多少",
        ),
        "solve": (
            "for which {which}x is y = {y}", "when is f(x) = {y}, the {which}x",
            "=the {which}x where f(x)={y}", "at what {which}x does the graph reach {y}",
            "!find the {which}x with f(x) = {y}", "where does the curve have the height {y} ({which}x)",
        ),
        "intercept": (
            "=the y-intercept", "where does it cross the y axis", "=f(0)",
            "where does the line hit the y-axis", "!find the y-intercept",
            "at what height does the graph cut the y axis", "~y-intercept", "和y轴交于多少",
        ),
        "slope": (
            "=the slope", "how steep is the line", "=the gradient", "!find the slope of the line",
            "=the slope of this line", "~slope", "斜率是多少",
            "how much does it go up per step to the right",
        ),
        "vertex": (
            "=the {axis} of the {extreme} point", "=the {axis} coordinate of the {extreme} point",
            "what is {axis} at the {extreme} point", "!find {axis} at the {extreme} point",
            "~{axis} of the {extreme} point",
        ),
    },
    "kinematics": {
        "position": (
            "where is the {who} at {t} seconds", "where is the {who} after {t} s",
            "=the position at t = {t}", "~x({t})", "=the position of the {who} at {t} s",
            "how far is the {who} at time {t}", "!read the position at {t} s", "{t}秒时{who}在哪里",
        ),
        "velocity": (
            "how fast is the {who} {when}", "=the speed of the {who} {when} (with sign)",
            "=the velocity {when}", "=the velocity of the {who} {when}", "!find the velocity {when}",
            "~velocity {when}", "how fast does the {who} go {when}",
        ),
        "rest": (
            "how long does the {who} stop", "how long is the {who} standing",
            "for how long does the {who} not move", "=the time that the {who} rests",
            "how many seconds does the {who} wait", "!find how long the {who} stands still",
            "{who}停了几秒",
        ),
        "distance": (
            "how far does the {who} travel in total", "=the total distance",
            "=the distance covered by the {who}", "how many meters does the {who} go altogether",
            "!find the whole distance of the {who}", "~total distance", "{who}一共走了多少米",
        ),
        "acceleration": (
            "=the acceleration {when}", "=the acceleration of the {who} {when}",
            "how strongly does the {who} speed up {when}", "!find the acceleration {when}",
            "~acceleration {when}", "how large is a {when}",
        ),
        "displacement": (
            "how far does the {who} move from {first} s to {last} s",
            "=the displacement between {first} s and {last} s",
            "=the distance moved from t={first} to t={last}",
            "!find the displacement of the {who} from {first} to {last} s",
            "=the area under the graph from {first} to {last}",
            "how many meters from {first} s to {last} s",
        ),
    },
    "geometry": {
        "missing_angle": _ANGLE,
        "exterior": _ANGLE,
        "isosceles": _ANGLE,
        "parallel": _ANGLE,
        "right_triangle": _LENGTH,
        "rectangle_area": (
            "=the area", "=the area of this rectangle", "how big is the area", "!find the area",
            "!calculate the area", "~area", "how large is the rectangle", "面积是多少",
            "what area does it have",
        ),
        "rectangle_perimeter": (
            "=the perimeter", "=the perimeter of this rectangle", "how long is the way around",
            "!find the perimeter", "!calculate the perimeter", "~perimeter", "周长是多少",
            "what is the perimeter of the shape",
        ),
        "l_shape_area": (
            "=the area", "=the area of this figure", "how big is the area of the shape", "!find the area",
            "!calculate the area of the L", "~area", "面积是多少", "=the area of the L shape",
        ),
        "l_shape_perimeter": (
            "=the perimeter", "=the perimeter of this figure", "how long is the way around the L",
            "!find the perimeter", "!calculate the perimeter of the shape", "~perimeter", "周长是多少",
        ),
    },
    "circuit": {
        "total": (
            "=the total resistance", "=the overall resistance", "=the resistance of the circuit",
            "!find the total resistance", "how big is the total resistance in ohms",
            "how many ohms in total", "~total resistance", "~R total", "=the equivalent resistance",
            "!calculate the combined resistance", "总电阻是多少",
            "how much resistance is there altogether", "what's the resistance of the whole thing",
            "=the total R",
        ),
        "current": (
            "=the current", "=the total current", "how much current flows", "how many amps flow",
            "how many amps flow through the battery", "=the current through the battery",
            "!find the current in amperes", "~current", "~I", "how big is the current", "电流是多少",
            "电流有几安", "how many amperes does the battery give", "=the current in A",
        ),
        "voltage": (
            "=the voltage at {name}", "=the voltage across {name}", "how many volts are at {name}",
            "how much voltage drops over {name}", "!find the voltage over {name}", "~voltage {name}",
            "~U at {name}", "{name}两端的电压是多少", "{name}上的电压是几伏",
            "how big is the voltage on {name}",
        ),
    },
    "theorem": {
        "similar": _LENGTH,
        "ray": _LENGTH,
        "inscribed": _ANGLE,
        "thales": _ANGLE,
        "cyclic": _ANGLE,
    },
    "solid": {
        "box_volume": (
            "=the volume", "=the volume of the box", "how big is the volume", "!find the volume",
            "!calculate the volume", "~volume", "体积是多少", "how much fits into the box",
            "what volume does it have",
        ),
        "box_surface": (
            "=the surface area", "=the surface of the box", "how big is the surface",
            "!find the surface area", "~surface area", "表面积是多少",
            "!calculate the surface of this block", "how much paper covers the box",
        ),
        "box_edges": (
            "=the length of all edges", "how long are all edges together", "=the sum of the edges",
            "!add up all edges", "~edge length total", "how much wire do all edges need",
            "所有棱长的和是多少",
        ),
        "prism_volume": (
            "=the volume", "=the volume of the prism", "how big is the volume", "!find the volume",
            "~volume", "体积是多少", "!calculate the volume of this prism",
        ),
        "cubes": (
            "how many cubes are there", "how many little cubes", "=the number of cubes",
            "!count the cubes", "how many blocks is it made of", "~cubes", "一共有多少个小方块",
            "how many small cubes make this block",
        ),
    },
    "force": {
        "net": (
            "=the net force", "=the resulting force", "how big is the total force", "!find the net force",
            "=the force in total", "~net force", "合力是多少", "how much force is left over",
            "=the resultant",
        ),
        "direction": (
            "which way does it move", "in which direction is the net force",
            "left or right, where does the block go", "which way is it pushed",
            "=the direction of the net force", "~direction", "合力向哪边", "where does the block move",
        ),
        "balance": (
            "how big must {mark} be so nothing moves", "=the force {mark}",
            "how strong is {mark} for balance", "!find {mark} so that it stays still", "~{mark}",
            "what is {mark}", "{mark}是多少", "=the size of {mark} in equilibrium",
        ),
        "acceleration": (
            "=the acceleration", "how fast does it accelerate", "!find the acceleration", "how big is a",
            "=the acceleration of the block", "~acceleration", "加速度是多少",
            "!calculate the acceleration from the forces and the mass",
        ),
        "right_angle": (
            "=the resultant force", "how big is the sum of both forces", "=the total of the two forces",
            "!find the resultant", "!combine both forces", "~resultant", "合力是多少",
        ),
    },
    "formula": {
        "insert": _SOLVE,
        "linear": _SOLVE,
        "system": _SOLVE,
        "polynomial": (
            "=f(x)", "=the value of f(x)", "!calculate f(x)", "what is f(x) here", "~f(x)",
            "how much is f(x)", "f(x)等于多少", "!put x in and calculate",
        ),
    },
    "molecule": {
        "formula": (
            "=the formula", "=the molecular formula", "!write the molecular formula",
            "what is the sum formula", "~formula", "分子式是什么", "!give the formula of this molecule",
            "which molecular formula is this",
        ),
        "carbons": (
            "how many carbons are there", "how many C atoms", "=the number of carbon atoms",
            "!count the carbons", "~carbons", "有几个碳原子", "how many carbon atoms does it have",
        ),
        "hydrogens": (
            "how many hydrogens are there", "how many H atoms", "=the number of hydrogen atoms",
            "!count the hydrogens", "~hydrogens", "有几个氢原子", "how many hydrogen atoms does it have",
        ),
        "oxygens": (
            "how many oxygens are there", "how many O atoms", "=the number of oxygen atoms",
            "!count the oxygens", "~oxygens", "有几个氧原子", "how many oxygen atoms does it have",
        ),
        "rings": (
            "how many rings are there", "=the number of rings", "!count the rings", "~rings", "有几个环",
            "how many rings does the molecule have", "how many cycles do you see",
        ),
        "double_bonds": (
            "how many double bonds are there", "=the number of double bonds", "!count the double bonds",
            "~double bonds", "有几个双键", "how many double bonds does it have",
        ),
    },
}  # fmt: skip
