"""The weights of one network in another.

`axes.py` says which position of an old axis each position of a new one stands for, `follow.py` how axes go through a
layer, `correspond.py` walks both networks, `begin.py` lets added layers begin as the identity or as zero, `values.py`
makes the tensors, `compare.py` runs both networks; `foreign*.py` names the tensors of a file by its structure.
"""
