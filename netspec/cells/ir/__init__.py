"""The intermediate representation of a cell, in the order in which it is made.

read.py, check.py      a cell of a file, checked whatever its sizes are; use.py: held against the layer that uses it
lower.py               equations -> step.py, a graph of shared values (dag.py); names.py and operand_shapes.py say what
                       a name stands for and which operands fit each other
schedule.py            which values stand before, in and after the loop over time: every target reads it
program.py             the compiled loop's own plan: its stages, what it reads and what it exports
forward.py             the loop forward, as data (loop.py)
gradient.py            the gradient of a step; backward.py: the loop that computes it
linear_recurrence.py   is the loop one that a parallel scan computes?
compiled.py            a step's program with its loops, made once; stack.py: a cell in several layers and directions,
                       returns.py: what is asked of it
"""
