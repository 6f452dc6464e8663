"""`python -m tools.seam` writes the types of the browser's side anew; `--check` only says whether they are current."""

from __future__ import annotations

import logging
import sys


def main() -> int:
    logging.disable(logging.WARNING)  # Streamlit warns that its caches have no server here
    from tools.seam.contract import TYPES, declared

    text = declared()
    if "--check" not in sys.argv[1:]:
        TYPES.write_text(text, encoding="utf-8")
        return 0
    if TYPES.exists() and TYPES.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{TYPES.name} is not what the Python types say; run `python -m tools.seam`.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
