"""Data sources, one file each: record, meaning, how it is read for training and for prediction."""
