"""One run of one study.

session.py       the run, put together: name and folder, lock, log, images, stores, slots
ending.py        the end of a run: the answer, and what the stores are still to be told
options.py       what a user may say of a run
own_code.py      code of one's own, tried before the first trial
first_telling.py the id of a study, and that every store takes it
setup.py         what one run works with, and what it asks of whoever started it
controller.py    the loop: mail in, phases, trials out, crashes mended
signals.py       Ctrl-C, SIGTERM and a terminal that is closed
phase.py         how far a run is
mail.py          what arrives in the controller's mailbox
trial_source.py  where trials come from: a design or a search
looks.py         which trials a design with looks wants by now
pruning.py       which trainings of a search are stopped against the others
queue.py         trials that wait, and which a slot takes next
slot_pool.py     starts slots, starts them again, ends those that keep silent
equality.py      whether a slot is what was asked for
slots.py         what is known of each slot
bookkeeper.py    what slots say: journal first, then results, stores, the user
models.py        models that come by a slot's pipe
faults.py        the machine's faults, which stop a study, and a trial's own
results.py       how a study stands, and its best trial
recovery.py      the start: journals and stores are brought together
images.py        the images of a study, before its first trial
prior.py         what a search starts from: questions on the same images
foresight.py     the same, for whoever asks before the run
log.py           the controller's log
"""
