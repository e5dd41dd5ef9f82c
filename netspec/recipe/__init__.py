"""The `train` section: what a network is trained with.

`losses/`, `optimizers/`, `schedules/` and `metrics/` hold one file each: the record (its fields are the YAML keys), its
meaning, its function.  `config.py` is the section as a record, `read.py` reads it, `checks.py` has the rules over
several keys.  torch is imported where a function on tensors is made.
"""
