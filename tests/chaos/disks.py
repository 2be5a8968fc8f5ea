"""Small disks of memory, to be filled up to the last byte; where mounting isn't permitted, plain directories."""

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

BALLAST = "ballast"
CHUNK_BYTES = 1 << 20
LEAST_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Disk:
    """A directory; `is_small` says that it is a file system of its own and can be filled."""

    path: Path
    is_small: bool

    @classmethod
    def mount(cls, path: Path, *, size_mb: int) -> "Disk":
        path.mkdir(mode=0o711, parents=True)
        options = f"size={size_mb}m,mode=0711,noswap"
        for wanted in (options, options.removesuffix(",noswap")):
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", wanted, "kopilka-chaos", str(path)], capture_output=True, check=False
            )
            if done.returncode == 0:
                return cls(path, is_small=True)
        return cls(path, is_small=False)

    def fill(self) -> int:
        """Takes all that is left; how many bytes that was."""
        ballast = os.open(self.path / BALLAST, os.O_CREAT | os.O_WRONLY, 0o600)
        size, step = 0, CHUNK_BYTES
        try:
            while step >= LEAST_BYTES:
                try:
                    os.posix_fallocate(ballast, size, step)
                    size += step
                except OSError:
                    step //= 4
        finally:
            os.close(ballast)
        return size

    def free(self) -> None:
        (self.path / BALLAST).unlink(missing_ok=True)

    @property
    def used_mb(self) -> int:
        there = os.statvfs(self.path)
        return (there.f_blocks - there.f_bfree) * there.f_frsize >> 20

    def unmount(self) -> None:
        if self.is_small:
            with contextlib.suppress(OSError):
                subprocess.run(["umount", "-l", str(self.path)], capture_output=True, check=False)
