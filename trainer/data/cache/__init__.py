"""The image cache: every file is decoded once, for all trials and later runs.

prepare.py           the way to a complete cache, before the first training
known.py             what it has of a folder by now, for whoever only asks
cache.py             an entry on disk: an array and its sidecar
decoding.py          many files to rows of arrays
workers.py           the same in several processes
decoding_process.py  such a process
"""
