"""Equations as text: their syntax, what a cell declares, and the cells of the library."""
