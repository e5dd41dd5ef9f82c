"""The `train` section: what a network is trained with.  Losses, optimizers, schedules and metrics, one file each."""
