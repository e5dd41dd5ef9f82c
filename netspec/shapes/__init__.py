"""Sizes before numbers: dim.py: symbolic sizes, tensor.py: shapes with an element type, lengths.py: bounds of axes.

Where a layer's shape is inferred: `infer` of its kind in `layers/`, called by `graph/infer.py`.
"""
