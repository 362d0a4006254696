"""`python -m seglet` is `seglet`."""

import sys

from seglet.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
