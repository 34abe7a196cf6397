"""Whose fault it is that a trial did not end well: the machine's, which stops the study, or the trial's own."""

from __future__ import annotations

from search.controller.slots import SlotState, Work
from search.errors import StorageError
from search.executors import Slot, SlotExit, log_tail
from search.text import first_upper
from trainer.events import Failed, Started, TrialEvent

ATTEMPTS = 3  # a trial whose slot dies is trained again; this often it is the trial's own fault
LOSSES = 10  # of its machine, which say nothing of the trial; so often, it may be what takes the machines down
# Failures that are no matter of the trial, and what mends them: the images were read before the first trial.
NOT_THE_TRIALS = {
    "disk": "Free some space, and run the same command to go on.",
    "data": "Bring the images back as they were, and run the same command to go on.",
}


def check_machine(event: TrialEvent, slot: Slot, fingerprint: str | None) -> None:
    """Whether an event says that the machine is at fault; the trial is trained again then, when the study goes on.

    Args:
        event: of a slot.
        slot: which said it.
        fingerprint: of the images that the study began with; None: not known.

    Raises:
        StorageError: the disk is full, or the images are others than before.
    """
    if isinstance(event, Failed) and event.kind in NOT_THE_TRIALS:
        raise StorageError(f"{first_upper(slot.title)}: {event.message.rstrip('.')}. {NOT_THE_TRIALS[event.kind]}")
    if isinstance(event, Started) and event.fingerprint and fingerprint and event.fingerprint != fingerprint:
        if slot.where:
            raise StorageError(
                f"{slot.where} has other images than this machine: their fingerprint is {event.fingerprint} there and "
                f"{fingerprint} here. Copy the folder again (rsync -a --delete), and run the same command to go on."
            )
        raise StorageError(
            f"Slot {slot.number} found other images than the study began with ({event.fingerprint}, not "
            f"{fingerprint}): files were added, taken away or changed. {NOT_THE_TRIALS['data']}"
        )


def failure_of(state: SlotState, work: Work, mail: SlotExit) -> Failed | None:
    """How a trial failed whose slot died; None where it is to be trained again.

    Args:
        state: of the slot.
        work: what it trained; `attempts` and `losses` count this one already.
        mail: the slot's exit.
    """
    trial = work.trial
    few = trial.attempts - trial.losses < ATTEMPTS and trial.losses < LOSSES
    if few and not mail.out_of_memory and state.silent_s is None:
        return None
    return Failed(
        trial=work.record.config.trial,
        kind="out_of_memory" if mail.out_of_memory else "error",
        message=f"the trainer {why(mail)}, attempt {trial.attempts} of {max(ATTEMPTS, trial.attempts)}",
        traceback=log_tail(mail.slot.log),
    )


def lost_its_machine(state: SlotState, mail: SlotExit) -> bool:
    """Whether the slot died by no fault of its trial: it gave no sign of life, or the way to its machine ended.

    Of a connection that is lost no status of the trainer's is known; ssh has 255 for it (ssh(1), EXIT STATUS).
    """
    return state.lost_s is not None or (bool(mail.slot.where) and mail.status in (None, 255))


def why(mail: SlotExit) -> str:
    """Why a slot ended, in words that follow its name."""
    return "was ended by the kernel for its memory" if mail.out_of_memory else mail.reason
