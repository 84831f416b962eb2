"""The `kernelc` command, also `python -m kernelc`."""

from __future__ import annotations

import sys

from ._errors import PackageError


try:
    from .cli import main
except PackageError as error:
    sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
