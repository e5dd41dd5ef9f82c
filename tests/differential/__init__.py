"""Random networks, cells and runs held against references that netspec did not write."""
