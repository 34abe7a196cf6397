"""Images that stay on the device: when they do, and that a training is the same as without, to the last digit."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.trainer.conftest import BASE, Slot, numbers
from trainer.driver import free_bytes
from trainer.events import Event, Finished

PUBLIC = 12_444 * 120 * 160  # bytes of the public set, in gray


# ------------------------------------------------------------------------------------------------------------ decision


def test_a_set_is_kept_where_it_takes_a_tenth_of_what_is_free_at_the_most(keras: Any) -> None:
    from trainer.residence import fits

    assert [fits(100, free) for free in (None, 0, 999, 1000, 10**12)] == [False, False, False, True, True]
    assert [fits(PUBLIC, gib * 2**30) for gib in (2, 3, 6)] == [False, True, True]
    assert [fits(3 * PUBLIC, gib * 2**30) for gib in (6, 8)] == [False, True], "in color"


@pytest.mark.parametrize(
    ("visible", "asked"), [(None, 0), ("3", 3), ("2,0", 2), ("GPU-5a", "GPU-5a"), ("", None), ("-1", None)]
)
def test_what_is_free_is_asked_of_the_card_of_this_process(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, asked: int | str | None
) -> None:
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    seen: list[int | str] = []

    def uuid(name: str) -> str:
        if not name.startswith("GPU-"):
            raise ValueError("no such card")
        seen.append(name)
        return name

    def index(number: int) -> int:
        seen.append(number)
        return number

    module = ModuleType("pynvml")
    module.nvmlInit = module.nvmlShutdown = lambda: None  # type: ignore[attr-defined]
    module.nvmlDeviceGetHandleByIndex = index  # type: ignore[attr-defined]
    module.nvmlDeviceGetHandleByUUID = uuid  # type: ignore[attr-defined]
    module.nvmlDeviceGetMemoryInfo = lambda card: SimpleNamespace(free=7 * 2**30)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert free_bytes() == (None if asked is None else 7 * 2**30)
    assert seen == ([] if asked is None else [asked])


def test_a_machine_without_nvml_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert free_bytes() is None


class Stand:
    """A residence whose device, meter and free memory are made up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free: int | None, measures: bool = True) -> None:
        from trainer import residence

        self.placed: list[str] = []
        self.held: list[int] = []
        self.forgot = 0
        self.full = False
        monkeypatch.setattr(residence, "place", self.place)
        monkeypatch.setattr(residence, "free_bytes", lambda: free)
        meter: Any = SimpleNamespace(measures=measures, hold=self.held.append)
        self.residence = residence.Residence(meter, None, self.forget)

    def place(self, images: Any) -> Any:
        if self.full:
            raise MemoryError("made up")
        self.placed.append(images.filename)
        return SimpleNamespace(nbytes=images.nbytes)

    def forget(self) -> None:
        self.forgot += 1

    def of(self, name: str) -> Any:
        images: Any = _Images(name)
        return self.residence.of(images)


class _Images:
    def __init__(self, filename: str) -> None:
        self.filename, self.nbytes = filename, 2**20

    def __len__(self) -> int:
        return 12


def test_images_of_one_size_at_a_time_are_placed_once(
    keras: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand = Stand(monkeypatch, free=10 * 2**20)
    first = stand.of("gray")
    assert first is not None
    assert stand.of("gray") is first
    assert (stand.placed, stand.held, stand.forgot) == (["gray"], [0, 2**20], 1)
    assert capsys.readouterr().err == "12 images (1 MiB) are kept in the device's memory\n"
    assert stand.of("color") is not first
    assert (stand.placed, stand.held[2:], stand.forgot) == (["gray", "color"], [0, 2**20], 2)


@pytest.mark.parametrize(("free", "measures"), [(10 * 2**20 - 1, True), (None, True), (10**12, False)])
def test_images_stay_where_they_are_without_room_or_without_a_gpu(
    keras: Any, monkeypatch: pytest.MonkeyPatch, free: int | None, measures: bool
) -> None:
    stand = Stand(monkeypatch, free, measures)
    assert stand.of("gray") is None
    assert (stand.placed, stand.held) == ([], [0, 0])


def test_a_device_that_refuses_costs_no_training(
    keras: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand = Stand(monkeypatch, 10**12)
    stand.full = True
    assert stand.of("gray") is None
    assert stand.held[-1] == 0
    said = "12 images (1 MiB) do not fit into the device's memory: their batches are copied to it\n"
    assert capsys.readouterr().err == said


# ------------------------------------------------------------------------------------------------------------- batches


@pytest.mark.parametrize("shape", [(7, 2, 4, 1), (7, 3, 5, 3), (7, 1, 1, 1)], ids=str)
def test_gathered_images_are_those_of_their_rows(keras: Any, shape: tuple[int, ...]) -> None:
    """Also where an image's bytes are no multiple of eight."""
    from trainer.batches import Batches
    from trainer.resident import place

    images = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    rows = np.array([6, 0, 3, 3, 1])
    resident = place(images)
    assert resident.nbytes >= images.nbytes
    found = keras.ops.convert_to_numpy(resident.batch(rows))
    assert found.dtype == np.uint8
    assert np.array_equal(found, images[rows])
    here = Batches(images, np.arange(7, dtype="int32"), rows, 2, seed=4)
    there = Batches(images, np.arange(7, dtype="int32"), rows, 2, seed=4, resident=resident)
    for index in range(3):
        assert np.array_equal(keras.ops.convert_to_numpy(there.pixels(index)), here.pixels(index))
        assert np.array_equal(there[index][1], here[index][1])


def test_gpus_have_what_gathering_is_made_of(keras: Any) -> None:
    """In TensorFlow a kernel that a GPU lacks runs on the CPU, and every image would go there and back."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("it is TensorFlow's")
    import tensorflow as tf
    from tensorflow.python.framework import kernels

    if not tf.test.is_built_with_cuda():
        pytest.skip("this TensorFlow was built without CUDA, and knows no kernel of GPUs")

    def there(operation: str, **types: Any) -> bool:
        found = kernels.get_registered_kernels_for_op(operation).kernel
        wanted = {name: dtype.as_datatype_enum for name, dtype in types.items()}
        return any(
            kernel.device_type in ("GPU", "DEFAULT")
            and all(wanted.get(c.name, one) == one for c in kernel.constraint for one in c.allowed_values.list.type[:1])
            for kernel in found
        )

    assert there("GatherV2", Tparams=tf.int64, Tindices=tf.int64)
    assert there("Bitcast")
    assert there("Reshape", T=tf.uint8)
    assert there("StridedSlice", T=tf.uint8)
    assert not there("GatherV2", Tparams=tf.uint8), "then images may be gathered as bytes (trainer/resident.py)"


# ---------------------------------------------------------------------------------------------------------- trainings


@pytest.fixture(scope="module")
def resident_slot(keras: Any, slot: Slot, tmp_path_factory: pytest.TempPathFactory) -> Slot:
    """The slot of the other tests, with its images kept on the device, which is the CPU."""
    from trainer.fit import Session
    from trainer.source import Source

    folder = tmp_path_factory.mktemp("resident")
    session = Session(Source(slot.data, slot.cache, folder), keeps=lambda nbytes: True)
    return Slot(session, slot.data, slot.cache, folder)


def test_a_training_is_the_same_to_the_last_digit(slot: Slot, resident_slot: Slot, base: list[Event]) -> None:
    """With augmentation and dropout; the weights too; and again on the model that was traced before."""
    from trainer.model import load_model

    for traced in (True, False):
        events = resident_slot.train(**BASE)
        assert isinstance(events[-1], Finished), events[-1]
        assert (events[0].traced, numbers(events)) == (traced, numbers(base))
    slot.train(**{**BASE, "trial": "copied"})  # other tests write another model over the one called base
    files = (slot.output / "copied.keras", resident_slot.output / "base.keras")
    here, there = (load_model(file).get_weights() for file in files)
    assert all(np.array_equal(one, other) for one, other in zip(here, there, strict=True))


@pytest.mark.parametrize(
    "changes",
    [
        {"augmentation": "mixup", "class_weight": "balanced", "seed": 2},
        {"color": True, "image_height": 9, "image_width": 11, "train_on_validation": True},
    ],
    ids=["weights and mixup", "another size"],
)
def test_other_trainings_are_the_same_too(slot: Slot, resident_slot: Slot, changes: dict[str, Any]) -> None:
    there = resident_slot.train(**changes)
    assert isinstance(there[-1], Finished), there[-1]
    assert numbers(there) == numbers(slot.train(**changes))


def test_on_the_cpu_nothing_is_kept_by_itself(slot: Slot, base: list[Event]) -> None:
    assert slot.session.residence.of(slot.session.dataset(_config()).images) is None


def _config() -> Any:
    from tests.trainer.conftest import SMALL
    from trainer.config import TrainConfig

    return TrainConfig.of(SMALL)


def test_images_are_no_part_of_a_trainings_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer import memory

    module = ModuleType("torch")
    module.cuda = SimpleNamespace(  # type: ignore[attr-defined]
        max_memory_allocated=lambda: 300 * 2**20, reset_peak_memory_stats=lambda: None
    )
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setattr(memory, "keras", SimpleNamespace(backend=SimpleNamespace(backend=lambda: "torch")))
    meter = memory.Meter(on_gpu=True, driver=SimpleNamespace(look=lambda: None))  # type: ignore[arg-type]
    meter.hold(191 * 2**20)
    meter.reset()
    assert meter.peak_mib() == 109
    meter.hold(0)
    assert meter.peak_mib() == 300
