"""The `data` section and the way from a source to batches' arrays.

| file | holds |
| --- | --- |
| `config` | the section as records: source, split, standardize |
| `sources/` | data sources, one file each: record, meaning, how it is read for training and for prediction |
| `network` | what a network takes: what samples have to fit |
| `raw` | what sources give: inputs, targets, and new samples to predict |
| `table`, `columns`, `labels` | a CSV table; its columns as numbers or labels; labels as class numbers |
| `arrays` | `.npz` files |
| `image_files`, `images`, `pixels` | which files are images; many, decoded once; one, as values from 0 to 1 |
| `generated_sequences`, `sequence_inputs` | generated sequences; which input takes what of them |
| `symbols`, `valid_steps` | symbols as one-hot vectors; which steps are within the lengths |
| `targets` | targets in the form that losses take |
| `standard_scale`, `measure_scale` | mean 0 and deviation 1; measured on the training part |
| `split`, `parts`, `dataset` | which sample is in which part; a part; all of it, from section to data set |
| `preprocess` | what is done to inputs and what outputs mean, as a run or a model keeps it |
| `fingerprint`, `location` | what the data was; where it has moved |
| `samples` | new samples for `predict`: which source reads their file |
| `files` | text of data files; missing ones |

NumPy is imported by what `validate` does not need: `config`, `network` and the records of `sources/` do without.
"""
