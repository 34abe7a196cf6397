"""GPU memory, with allocators and a driver that the tests make up."""

from __future__ import annotations

import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

MIB = 2**20


class Allocator:
    """What the three backends ask: bytes given out at the most. `broken` makes every question fail."""

    def __init__(self) -> None:
        self.peak, self.in_use, self.broken = 0, 0, False

    def reset(self, *_: Any) -> None:
        self.check()
        self.peak = self.in_use

    def read(self, *_: Any) -> int:
        self.check()
        return self.peak

    def check(self) -> None:
        if self.broken:
            raise ValueError("no statistics here")


@pytest.fixture(params=["tensorflow", "torch", "jax"])
def backend(request: pytest.FixtureRequest, keras: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    return request.param


@pytest.fixture
def allocator(backend: str, monkeypatch: pytest.MonkeyPatch) -> Allocator:
    from trainer import memory

    fake, module = Allocator(), ModuleType(backend)
    if backend == "tensorflow":
        info = {"get_memory_info": lambda device: {"current": 1, "peak": fake.read()}, "reset_memory_stats": fake.reset}
        module.config = SimpleNamespace(experimental=SimpleNamespace(**info))
    elif backend == "torch":
        module.cuda = SimpleNamespace(max_memory_allocated=fake.read, reset_peak_memory_stats=fake.reset)
    else:
        device = SimpleNamespace(memory_stats=lambda: {"peak_bytes_in_use": fake.read()})
        module.devices = lambda: [device]
    monkeypatch.setitem(sys.modules, backend, module)
    names = SimpleNamespace(backend=SimpleNamespace(backend=lambda: backend))
    monkeypatch.setattr(memory, "keras", names)
    return fake


def test_peak_is_that_of_the_training(allocator: Allocator, backend: str) -> None:
    from trainer.memory import Meter

    meter = Meter(on_gpu=True)
    assert meter.measures
    meter.reset()
    allocator.peak = 1829 * MIB
    assert meter.peak_mib() == 1829
    allocator.in_use = 10 * MIB
    meter.reset()
    # JAX cannot reset: a training is measured if it raises the peak of the process, and only then.
    assert meter.peak_mib() == (None if backend == "jax" else 10)
    allocator.peak = 1830 * MIB
    assert meter.peak_mib() == 1830


def test_the_drivers_figure_of_a_training_after_a_larger_one_is_absent(
    allocator: Allocator, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Allocators keep what they took: the figure would be the larger training's."""
    from trainer.memory import Meter

    driver = SimpleNamespace(look=lambda: None, process_mib=lambda: 900.0)
    meter, found = Meter(on_gpu=True, driver=driver), []  # type: ignore[arg-type]
    for peak in (100, 300, 200, 300, 400):
        meter.reset()
        allocator.peak = peak * MIB if backend != "jax" else max(allocator.peak, peak * MIB)
        found.append((meter.peak_mib(), meter.process_mib())[1])
    said = "vram_process_mib is not measured: a training before it in this process took more (see --isolation trial)\n"
    if backend == "jax":  # a process has one training there
        return
    assert found == [900.0, 900.0, None, 900.0, 900.0]
    assert capsys.readouterr().err == said


def test_an_allocator_without_figures_is_absent_with_one_warning(
    allocator: Allocator, capsys: pytest.CaptureFixture[str]
) -> None:
    from trainer.memory import Meter

    meter = Meter(on_gpu=True)
    allocator.peak = 0
    meter.reset()
    assert meter.peak_mib() is None, "0 is no measure"
    assert capsys.readouterr().err == ""
    allocator.broken = True
    for _ in range(2):
        meter.reset()
        assert meter.peak_mib() is None
    assert capsys.readouterr().err == "vram_peak_mib is not measured: the allocator says no statistics here\n"


def test_jax_without_statistics_is_absent(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer import memory

    module = ModuleType("jax")
    module.devices = lambda: [SimpleNamespace(memory_stats=lambda: None)]
    monkeypatch.setitem(sys.modules, "jax", module)
    monkeypatch.setattr(memory, "keras", SimpleNamespace(backend=SimpleNamespace(backend=lambda: "jax")))
    meter = memory.Meter(on_gpu=True)
    meter.reset()
    assert meter.peak_mib() is None


def test_a_cpu_is_not_measured_and_asks_nobody(keras: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from trainer.memory import Meter

    meter = Meter(on_gpu=False)
    meter.reset()
    assert (meter.measures, meter.peak_mib(), meter.process_mib()) == (False, None, None)
    assert capsys.readouterr().err == ""


class NVML(ModuleType):
    """A driver with these processes on each card: (pid, bytes or None)."""

    def __init__(self, *cards: list[tuple[int, int | None]], fails: bool = False) -> None:
        super().__init__("pynvml")
        self.cards, self.fails, self.open = cards, fails, 0

    def nvmlInit(self) -> None:
        if self.fails:
            raise RuntimeError("Driver Not Loaded")
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetComputeRunningProcesses(self, card: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in self.cards[card]]


def process_mib(monkeypatch: pytest.MonkeyPatch, nvml: NVML) -> list[float | None]:
    """Asked twice, by one meter, outside a container."""
    from trainer.memory import Meter

    monkeypatch.setattr("trainer.driver.in_container", lambda: False)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    meter = Meter(on_gpu=True)
    found = [meter.process_mib() for _ in range(2)]
    assert nvml.open == 0, "NVML is left open"
    return found


def test_the_drivers_figure_is_that_of_this_process(
    keras: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    me = os.getpid()
    nvml = NVML([(me, 100 * MIB), (me + 1, 7 * MIB)], [(me, 50 * MIB)])
    assert process_mib(monkeypatch, nvml) == [150, 150]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("cards", [[], [(-1, 7 * MIB)], [(os.getpid(), None)], [(os.getpid(), 0)]])
def test_a_process_that_the_driver_does_not_know_is_absent(
    keras: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cards: list[tuple[int, int | None]]
) -> None:
    assert process_mib(monkeypatch, NVML(cards)) == [None, None]
    expected = f"vram_process_mib is not measured: NVML does not know process {os.getpid()}\n"
    assert capsys.readouterr().err == expected


def test_a_driver_that_fails_is_absent(
    keras: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert process_mib(monkeypatch, NVML(fails=True)) == [None, None]
    assert capsys.readouterr().err == "vram_process_mib is not measured: NVML says Driver Not Loaded\n"


class Container:
    """A trainer in a container: NVML gives the machine's process ids, of which ours is one. `meter` began with `before`
    on the card.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *before: tuple[int, int]) -> None:
        from trainer.driver import Driver
        from trainer.memory import Meter

        self.nvml = NVML(list(before))
        monkeypatch.setattr("trainer.driver.in_container", lambda: True)
        monkeypatch.setitem(sys.modules, "pynvml", self.nvml)
        self.meter = Meter(on_gpu=True, driver=Driver())

    def now(self, *processes: tuple[int, int | None]) -> None:
        self.nvml.cards = (list(processes),)


OTHERS = ((70001, 5 * MIB), (70002, 6 * MIB))


def test_in_a_container_it_is_the_one_process_that_appeared(
    keras: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    container = Container(monkeypatch, *OTHERS)
    container.now(*OTHERS, (70003, 300 * MIB))
    assert container.meter.process_mib() == 300
    # found once: who comes and goes later does not matter
    container.now((70003, 400 * MIB), (70004, 7 * MIB), (os.getpid(), 8 * MIB))
    assert container.meter.process_mib() == 400
    assert (capsys.readouterr().err, container.nvml.open) == ("", 0)


def test_in_a_container_it_is_looked_for_at_the_end_of_an_epoch(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    container = Container(monkeypatch)
    container.meter.peak_mib()  # nothing yet
    container.now((70003, 300 * MIB))
    container.meter.peak_mib()
    container.now((70003, 300 * MIB), (70004, 7 * MIB))
    assert container.meter.process_mib() == 300


@pytest.mark.parametrize("now", [[], list(OTHERS), [*OTHERS, (70003, MIB), (70004, MIB)]])
def test_in_a_container_it_is_absent_where_it_cannot_be_told(
    keras: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    now: list[tuple[int, int | None]],
) -> None:
    container = Container(monkeypatch, *OTHERS)
    container.now(*now)
    assert container.meter.process_mib() is None
    if len(now) > len(OTHERS):  # of two, one goes: what is left may be either
        container.now(*now[:-1])
        assert container.meter.process_mib() is None
    expected = "NVML does not say which process of the machine is this one, in its container"
    assert capsys.readouterr().err == f"vram_process_mib is not measured: {expected}\n"


def test_in_a_container_without_a_driver_it_is_absent(
    keras: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from trainer.memory import Meter

    monkeypatch.setattr("trainer.driver.in_container", lambda: True)
    monkeypatch.setitem(sys.modules, "pynvml", NVML(fails=True))
    assert Meter(on_gpu=True).process_mib() is None
    assert capsys.readouterr().err == "vram_process_mib is not measured: NVML says Driver Not Loaded\n"


def test_whether_this_is_a_container_is_read_from_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer.driver import in_container

    for namespace, expected in (("pid:[4026531836]", False), ("pid:[4026532501]", True)):
        monkeypatch.setattr(os, "readlink", lambda _, name=namespace: name)
        assert in_container() is expected


@pytest.mark.parametrize(
    ("message", "mib"),
    [
        (
            "OOM when allocating tensor with shape[100,16,120,160] and type float on /job:localhost/device:GPU:0",
            117.1875,
        ),
        ("OOM when allocating tensor with shape[1024,1024] and type half on /device:GPU:0 by allocator GPU_0_bfc", 2),
        ("Out of memory while trying to allocate 8589934592 bytes. [Op:__inference_one_step_1]", 8192),
        ("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 139.80 GiB of which", 2560),
        ("CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 5.93 GiB total capacity; 4.5 GiB already", 20),
        ("RESOURCE_EXHAUSTED: Out of memory allocating 1048576 bytes.", 1),
        ("RESOURCE_EXHAUSTED: Failed to allocate request for 37.25GiB (40000000000B) on device ordinal 0", 38144),
        ("Unable to allocate 1.5 GiB for an array with shape (201326592,) and data type float64", 1536),
        ("CUDA error: out of memory", None),
        ("", None),
    ],
)
def test_how_much_was_asked_for_is_read_from_the_message(keras: Any, message: str, mib: float | None) -> None:
    from trainer.memory import requested_mib

    assert requested_mib(message) == mib


def test_what_is_out_of_memory(keras: Any) -> None:
    from trainer.memory import is_out_of_memory

    named = [type(name, (Exception,), {})() for name in ("ResourceExhaustedError", "OutOfMemoryError")]
    said = [RuntimeError("RESOURCE_EXHAUSTED: no"), RuntimeError("CUDA error: out of memory")]
    assert all(is_out_of_memory(error) for error in [MemoryError(), *named, *said])
    assert not any(is_out_of_memory(error) for error in [ValueError("shape"), OSError(28, "No space left on device")])


def test_tensorflows_own_exception_is_known(keras: Any) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("needs KERAS_BACKEND=tensorflow")
    import tensorflow as tf

    from trainer.memory import is_out_of_memory

    assert is_out_of_memory(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"))
