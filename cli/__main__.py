"""`python -m cli` and `sluice`: an interruption while the command still loads is one, too."""

import sys


def main() -> None:
    """Load the command and run it."""
    try:
        from cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
