"""``python -m r1v`` is the command ``r1v``, also where the installed script is not on the path."""

import sys

from r1v.cli.command import main

if __name__ == "__main__":
    sys.exit(main())
