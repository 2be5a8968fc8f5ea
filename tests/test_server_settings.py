"""Of what size the embedded PostgreSQL's buffers are."""

import os
from pathlib import Path

import pytest

from app.engines.server_settings import memory_mib, of_memory

MIB = 1024 * 1024
HERE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB


@pytest.mark.parametrize(("memory", "buffers"), [(512, 128), (2048, 128), (8192, 512), (24_000, 1024), (512_000, 1024)])
def test_buffers_are_a_sixteenth_of_the_memory_within_bounds(memory: int, buffers: int) -> None:
    assert of_memory(memory) == {"shared_buffers": f"{buffers}MB"}


def test_a_container_counts_what_it_may_have(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(f"{100 * MIB}\n")
    assert memory_mib(limits=tmp_path) == min(100, HERE)


def test_an_older_kernel_says_it_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{64 * MIB}\n")
    assert memory_mib(limits=tmp_path) == min(64, HERE)


@pytest.mark.parametrize("told", ["max\n", "9223372036854771712\n", ""])
def test_who_is_limited_by_nothing_has_the_machine_s(tmp_path: Path, told: str) -> None:
    (tmp_path / "memory.max").write_text(told)
    assert memory_mib(limits=tmp_path) == HERE
    assert memory_mib(limits=tmp_path / "nowhere") == HERE
