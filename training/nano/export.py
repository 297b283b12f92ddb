"""python -m training.nano.export out/nano-tuned out/docent-nano

Writes a model that was tuned with ``--int4`` as Docent ships it: matrices rounded to nearest, in the groups in which
they were rounded while they learnt, and the embedding in INT8. No calibration is needed, since the rounding is the
learnt one.
"""

import argparse
from pathlib import Path

from engines.quantize.quantizer import QuantizeOptions, quantize
from training.nano.model import load_nano

_SOME_TOKENS = list(range(64))  # what the quantizer computes beside the rounding is not used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    group = load_nano(args.model).config.group
    quantize(
        args.model,
        args.out,
        [_SOME_TOKENS],
        QuantizeOptions(group=group, awq=False, clip=False, gptq=False, embedding_bits=8),
    )


if __name__ == "__main__":
    main()
