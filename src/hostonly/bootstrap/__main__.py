"""The entry of the wrapper script ``inv``, as a folder: ``python3 src/hostonly/bootstrap``."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python put this folder itself first, where modules have the names of others.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

    from hostonly.bootstrap.venv import main

    sys.exit(main(sys.argv[1:]))
