"""`python -m app`: the command line."""

import sys

if __name__ == "__main__":
    # Inside the guard: each worker process imports this module again under another name.
    try:
        from app.cli import main

        main()
    except KeyboardInterrupt:  # before the command has taken the signals into its own hands
        sys.exit(130)
