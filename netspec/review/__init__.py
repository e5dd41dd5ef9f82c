"""What changed between two networks.  The rooms, in the order in which they build on each other:

difference.py  the difference as data
sides/         the two sides: files, revisions, runs, models; what a range of revisions touches
match/         which layer is which, and the proof that both compute the same
explain/       why they differ, as it is written: renamed keys, moved parts, changed values with their lines
changes/       what differs: layers, interface, weights, data, training, budget, cells
group/         one entry for one idea
verdict.py, diff.py, compared.py, limits.py   the difference put together, of one network or many, and held to limits
lock/, provenance.py   networks written out, and where runs and models came from
"""
