"""Whether this machine has a driver of NVIDIA's: the one-shot service `gpu-or-docker-compose.cpu.yml`.

Without one, Docker ends a service that asks for a GPU with "could not select device driver", which says nothing of what
to do. The service ends before that, with the sentence; its name says the same in Compose's own message.
"""

from __future__ import annotations

import sys
from pathlib import Path

DRIVER = Path("/proc/driver/nvidia")  # of the kernel, so that every container sees it
KERNEL = Path("/proc/version")
# Where the driver is another system's: Windows's under WSL, and Jetson's own.
ELSEWHERE = ("microsoft", "tegra")
SENTENCE = (
    "This machine has no driver of NVIDIA's, and the service search asks for a GPU. To train on the CPU: "
    "COMPOSE_FILE=docker-compose.yml:docker-compose.cpu.yml in .env (make up writes it there), then the same command"
)


def main(driver: Path = DRIVER, kernel: Path = KERNEL) -> int:
    """Returns the exit status: 1 where there is none."""
    if driver.exists() or any(word in kernel.read_text().lower() for word in ELSEWHERE):
        return 0
    print(SENTENCE, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
