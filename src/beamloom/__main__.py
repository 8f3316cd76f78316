"""``python -m beamloom``: the command line."""

from beamloom.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
