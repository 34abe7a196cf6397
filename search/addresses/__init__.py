"""Addresses, of databases and servers for programs, and of pages for people.

urls.py   as drivers take them, as people are shown them, and as a browser on the user's machine reaches pages
ports.py  on which ports `search.ui` opens the pages of a folder of runs
"""
