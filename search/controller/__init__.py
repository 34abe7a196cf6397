"""One run of one study.

session.py     the run, put together: name and folder, images, stores, slots; and its end
setup.py       what one run of a study works with
controller.py  the loop: trials out, events in, crashes mended
recovery.py    the start: journals and stores are brought together
queue.py       trials that wait, and which a slot takes next
slots.py       what is known of each slot, and how long it may keep silent
results.py     how a study stands, and its best trial
images.py      the images of a study, before its first trial
"""
