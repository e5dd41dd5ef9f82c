"""Train a file in forked processes that are killed: `kill_and_resume.py SPEC FOLDER SEED SIGNAL COUNT`.

Prints one line: how often a process was killed, after how many steps, and the exit code of the last.  Forking here,
where torch has computed nothing yet, saves its import for every process.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import sklearn.datasets  # noqa: F401 - imported once, before the forks
import torch

import netspec
from netspec.training import loop as trainer
from netspec.training.runs import CHECKPOINT
from netspec.training.state import Progress
from netspec.training.weights import read_tensors

torch.set_num_threads(1)  # several wait for each other when the machine has other work
trainer.FIRST_SAVE = 0.01  # checkpoints so often that most fall into the middle of an epoch
trainer.PAUSE = 1


def child(spec: Path, folder: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        run = netspec.train(netspec.load(spec), run=folder, resume=True, device="cpu")
        os._exit(130 if run.status == "interrupted" else 0)
    except BaseException as error:
        print(repr(error), str(error), file=sys.stderr, flush=True)
        os._exit(1)


def reached(folder: Path) -> Progress:
    return Progress(**json.loads(read_tensors(folder / CHECKPOINT)[1]["netspec"])["progress"])


def main() -> None:
    spec, folder = Path(sys.argv[1]), Path(sys.argv[2])
    chance = random.Random(int(sys.argv[3]))
    number, count = getattr(signal, sys.argv[4]), int(sys.argv[5])
    checkpoint = folder / CHECKPOINT
    points = []
    for kill in range(count):
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        pid = child(spec, folder)
        if kill or number == signal.SIGINT:  # the first kill may come before there is anything to go on with
            while not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before:
                if os.waitpid(pid, os.WNOHANG)[0]:
                    sys.exit("the training ended before it could be killed")
                time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.25))
        os.kill(pid, number)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code == (-9 if number == signal.SIGKILL else 130), f"ended with {code}"
        if checkpoint.exists():
            progress = reached(folder)
            points.append((progress.epoch, progress.batch))
    _, status = os.waitpid(child(spec, folder), 0)
    print(json.dumps({"points": points, "code": os.waitstatus_to_exitcode(status)}))


if __name__ == "__main__":
    main()
