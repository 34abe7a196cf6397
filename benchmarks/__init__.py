"""What the project is measured against, by one command: `python -m benchmarks --help`.

__main__.py              the command
results.py               figures, tables and JSON
machine.py               what it was measured on
processes.py             runs a command and watches what it and its children take

peer.py                  the pooling question, against a script that a user would write
training.py              images a second, against the plain way
    plain_training.py    the plain way: TensorFlow's normalization, JPEG decoded at every epoch
    matrix_product.py    what the machine reaches in a large product
overhead.py              the cost of a trial without training
    noop_study.py        the search with a trainer that does not train
    bookkeeping.py       Optuna and MLflow as the peer script calls them, without training
memory.py                peak memory of the controller and of a slot
coverage.py              how often intervals contain the truth and claims are false, on simulated studies
    worlds.py            those studies
    looks.py             what looks at a study while it runs cost and save
    needed.py            trainings that a difference takes
    planned.py           whether planned numbers of seeds come true
    factorial.py         main effects and interactions of two crossed parameters
    tuned.py             levels at learning rates of their own, chosen and measured
measure_coverage.py      the same of balanced accuracy and AUROC
executors.py             a trial's way through each executor, and how soon a loss is noticed
gpu.py                   what one GPU does in minutes
    gpu_bandwidth.py     what its memory reaches
photographs.py           how well photographs are found in pixels
stores.py                what Optuna and MLflow know of a run, to check it
"""
