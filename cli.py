"""`python cli.py …` from a checkout; the installed command is `netspec`."""

from netspec.cli import app

if __name__ == "__main__":
    app()
