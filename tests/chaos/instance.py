"""One process of the service, as `python -m app serve|jobs` starts it, with a wrong clock or a bug planted if wished.

python -m tests.chaos.instance serve|jobs [--plant NAME] [--skew SECONDS]
"""

import argparse
import sys

from app.cli import main as app_main
from tests.chaos import plants, skew


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve", "jobs"])
    parser.add_argument("--plant")
    parser.add_argument("--skew", type=float, default=0.0)
    arguments = parser.parse_args()
    if arguments.skew:
        skew.shift(arguments.skew)
    if arguments.plant:
        plants.sow(arguments.plant, command=arguments.command)
    sys.argv = ["app", arguments.command]
    app_main()


if __name__ == "__main__":
    main()
