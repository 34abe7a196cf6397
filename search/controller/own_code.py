"""Code of one's own, before the first trial: a slot tries it, wherever slots run, and says what is wrong with it."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from search.errors import ExecutorError, StudyFileError
from search.executors import Executor, Slot, SlotExit, SlotLine, log_tail
from search.folder.code import keep, note_models, was_tried
from search.study import Study
from search.study.conditions import active, with_parents
from search.study.factorial import cells
from search.study.space import Levels, ParamValue, Range
from trainer.config import TrainConfig
from trainer.errors import ConfigError
from trainer.events import Checked, Ready, parse_checked

MOST = 30  # configs that are built; a large model takes a second or two


def try_code(
    study: Study,
    folder: Path,
    executor: Executor,
    class_names: Sequence[str],
    hang_s: float | None,
    say: Callable[[str], None],
) -> Study:
    """Copies a study's own files into its folder, and has a slot try them. What was tried before is not tried again.

    Args:
        study: with code of one's own.
        folder: of the study.
        executor: that starts the slot. It is closed where this raises.
        class_names: of the images.
        hang_s: how long the slot may say nothing; None: for ever.
        say: is told what is done.

    Returns:
        The study, with the copies as its files.

    Raises:
        StudyFileError: the code cannot be trained; lists why, with file and line.
        ExecutorError: no slot can be started, or it does not answer.
        StorageError: a copy cannot be made, or one that is there was changed.
    """
    assert study.code is not None
    code, made = keep(study.code, folder)
    study = study.model_copy(update={"code": code})
    line = request(study, class_names)
    asked = f"{line}{sorted(code.digests.items())}"
    if was_tried(folder, asked):
        return study
    if not configs_of(study):  # what is fixed may have taken its place
        return study
    try:
        say(f"Your code is tried before the first trial: {', '.join(code.paths)}")
        checked = _asked(executor, line, hang_s)
        if checked.problems:
            raise StudyFileError(f"The study {study.name} cannot train your code:", checked.problems)
        note_models(folder, asked, checked.models)
    except BaseException:
        executor.close()
        for path in made:  # another try may have other contents
            path.unlink(missing_ok=True)
        raise
    for model in checked.models:
        say(f"{model.name}: {model.parameters:,} parameters, {model.flops_per_image:,} FLOPs an image")
    return study


def request(study: Study, class_names: Sequence[str]) -> str:
    """The line that asks a slot to try the code."""
    configs = [config.model_dump(mode="json") for config in configs_of(study)]
    return json.dumps({"check": {"configs": configs, "class_names": list(class_names)}})


def configs_of(study: Study) -> list[TrainConfig]:
    """What the study may train, as far as it makes other models: its base, each level and end, and the corners, with
    conditional parameters only where they are proposed; of two crossed parameters every combination.
    """
    base = study.base_config()
    specs = {**study.scientific, **study.nuisance}
    ends = {name: _ends(spec) for name, spec in specs.items()}
    changes = [with_parents(specs, {name: value}) for name, values in ends.items() for value in values]
    changes += [{name: values[place] for name, values in ends.items()} for place in (0, -1)]
    if study.kind == "factorial":
        changes += cells(study)
    found = {base.graph(): base}
    for change in changes:
        try:
            config = TrainConfig.of({**base.model_dump(), **active(specs, change)})
        except ConfigError:  # a corner that no trial is made of: every pair was found to be allowed
            continue
        found.setdefault(config.graph(), config)
    return [config for config in found.values() if config.uses_own_code][:MOST]


def _ends(spec: Levels | Range) -> list[ParamValue]:
    if isinstance(spec, Levels):
        return list(spec.levels)
    return [spec.low, spec.high]


def _asked(executor: Executor, line: str, hang_s: float | None) -> Checked:
    mailbox: queue.SimpleQueue[SlotLine | SlotExit] = queue.SimpleQueue()
    slot = executor.start(0, mailbox)
    checked = None
    for event in _events(mailbox, slot, hang_s):
        if isinstance(event, Ready):
            slot.send(line)
        else:
            checked = event
            slot.close()  # and its exit is waited for: it may hold a GPU's memory
    if checked is None:
        raise ExecutorError(
            f"The slot that was to try your code ended without an answer. The end of its log ({slot.log}):\n"
            f"{log_tail(slot.log)}"
        )
    return checked


def _events(
    mailbox: queue.SimpleQueue[SlotLine | SlotExit], slot: Slot, hang_s: float | None
) -> Iterator[Ready | Checked]:
    """What the slot says, until it is gone."""
    while True:
        try:
            mail = mailbox.get(timeout=hang_s)
        except queue.Empty:
            slot.kill()
            raise ExecutorError(
                f"The slot that was to try your code said nothing for {hang_s:g} s (--hang-s) and was ended. The end "
                f"of its log ({slot.log}):\n{log_tail(slot.log)}"
            ) from None
        if isinstance(mail, SlotExit):
            return
        try:
            yield parse_checked(mail.line)
        except ValidationError:  # no event: the controller tells of such lines when it trains
            continue
