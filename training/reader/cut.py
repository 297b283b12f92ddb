"""python -m training.reader.cut IN.safetensors OUT.safetensors

Keeps the layers up to a reader's exit layer, with that layer's heads: a smaller reader of its own.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from training.reader.encoder import Reader, load_reader, save_reader


def lower_part(reader: Reader) -> Reader:
    c = reader.encoder.config
    assert c.exit_layer and reader.early is not None, "the reader has no exit layer"
    small = Reader(replace(c, num_hidden_layers=c.exit_layer, exit_layer=0))
    state = {k: v for k, v in reader.state_dict().items() if not k.startswith("heads.")}
    wanted = small.state_dict().keys()
    state = {k.replace("early.", "heads.", 1): v for k, v in state.items()}
    small.load_state_dict({k: v for k, v in state.items() if k in wanted})
    return small


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="a reader with an exit layer")
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    small = lower_part(load_reader(args.source))
    save_reader(small.state_dict(), small.encoder.config, args.target)


if __name__ == "__main__":
    main()
