"""The weights of one network in another.

old_network.py      reads the old one: a run, a safetensors file (`weights_file.py`), a model (`from_onnx.py`);
                    `foreign.py` gives tensors under other names to layers: `foreign_fit.py` and
                    `foreign_recurrent.py` say which fit, `foreign_paths.py` what their paths have in common
correspond.py       walks both networks: `follow.py` says how axes go through a layer, `layer_units.py` ties those of a
                    layer that is in both, `begin.py` lets added ones begin as the identity or as zero
axes.py, values.py  which old position each new one stands for, and a tensor made by that
compare.py          runs both networks
migration.py        puts it together; `from_files.py` and `write.py` go from files to a file
"""
