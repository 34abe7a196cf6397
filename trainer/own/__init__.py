"""Code of one's own: a model or an augmentation from a file beside the study, named as "FILE.py:FUNCTION".

names.py       how settings name it, without Keras
parameters.py  what the function is given
loading.py     imports the file, and says where in it something is wrong
build.py       the model and the augmentation, as parts of what is trained
check.py       whether they can be trained at all, before any trial
travelling.py  the code inside a saved model, so that it can be loaded anywhere
"""
