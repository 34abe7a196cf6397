"""What is asked: a study, its parameters and its trials. Nothing here reads or writes a store, or starts anything.

study.py        `Study`: a question, a search, or the reference model alone
space.py        the values that a parameter takes
sampler_options.py  what Optuna's samplers take, as a study file has it
samplers.py     who proposes the trials of a search
pruners.py      who stops them
objectives.py   what it looks for
conditions.py   parameters of a search that are proposed under a condition
code.py         files of one's own: a model, an augmentation, what they read
rules.py        the rules of a study's values
search_rules.py  those of a search: what it looks for, and what its sampler and its pruner can do
deciding.py     the measures that may decide
diagnostics.py  the words for what is wrong in a study file
toml_file.py    reads the files of studies/
toml_lines.py   the line that a key stands on
overrides.py    what --set, --quick and the other flags change
diff.py         whether a changed study still means the same
factorial.py    the levels of one parameter, or the combinations of two
design.py       which trials a study consists of
confirm.py      what a search trains again
tune.py         every level at three learning rates
looks.py        after how many replicates it judges its levels while it runs
cost.py         how long a study takes
"""

from search.study.study import Study

__all__ = ["Study"]
