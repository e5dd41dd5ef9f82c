"""The version of netspec, which runs and exported models keep."""

VERSION = "0.1.0"
