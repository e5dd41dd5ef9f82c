"""Tasks on sequences: each file has the record that a user writes and what it makes, with the paper it is from.

They are loaded by `validate`: NumPy is imported inside the functions that make something.
"""
