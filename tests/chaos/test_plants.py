"""Planted bugs: each names checks, accidents and work that there are, and can be planted in the code as it is now.

That the suite catches them is shown by `make chaos PLANTS=1`, which takes ten minutes.
"""

import subprocess
import sys

from tests.chaos.checks import all_checks
from tests.chaos.emphasis import EMPHASES
from tests.chaos.faults import all_faults
from tests.chaos.plants import all_plants

LEAST = 12


def test_bugs_name_checks_accidents_and_work_that_there_are() -> None:
    plants = all_plants()
    assert len(plants) >= LEAST
    for name, plant in plants.items():
        assert plant.caught_by, name
        assert plant.caught_by <= set(all_checks()), name
        assert set(plant.faults) <= set(all_faults()), name
        assert plant.emphasis in EMPHASES, name
        assert plant.commands <= {"serve", "jobs"}, name


def test_each_bug_can_still_be_planted() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.chaos.plants"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
