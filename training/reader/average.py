"""python -m training.reader.average out/a.safetensors out/b.safetensors --out out/mean.safetensors

Writes the mean of the weights of readers that were trained from the same start ("model soup",
https://arxiv.org/abs/2203.05482).
"""

import argparse
from pathlib import Path

import torch

from training.reader.encoder import load_reader, save_reader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    readers = [load_reader(path) for path in options.readers]
    states = [reader.state_dict() for reader in readers]
    mean = {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
    save_reader(mean, readers[0].encoder.config, options.out)


if __name__ == "__main__":
    main()
