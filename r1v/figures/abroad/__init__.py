"""The subjects of the families, drawn by other people's tools in the tools' own default styles.

Enters: a family, a tool and a seed. Leaves: a ``Figure`` whose solution has the form of the family's own.
Always holds: ``make`` never uses a tool marked ``heldout`` for training.
"""

from r1v.figures.abroad.catalogue import SUBJECTS, TOGETHER, make, missing, tools, usable
from r1v.figures.abroad.spoil import spoil

__all__ = ["SUBJECTS", "TOGETHER", "make", "missing", "spoil", "tools", "usable"]
