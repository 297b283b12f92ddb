"""A checkpoint's weights in the order in which the CUDA kernels read them, as one file that is written once and later
streamed to the card as it lies.

Layers follow each other; behind them lie the final norm, the output layer and the embedding. Tensors start at multiples
of 256 bytes, on the card as in the file.
"""

import itertools
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.errors import CheckpointError, RuntimeUnavailable
from engines.files.build_cache import Build, BuildCache
from engines.model.checkpoint import NORMS, Checkpoint
from engines.model.weights import (
    BlockLinear,
    BlockRows,
    DenseLinear,
    Linear,
    without_blocks,
)
from engines.page_size import LmHead
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.card.streaming import stream_to_card
from engines.runtimes.cuda.packing import (
    HALF,
    WHOLE_ROW,
    Packed,
    gated_order,
    natural_order,
    pack,
    pack_rows,
    pack_table,
)
from engines.runtimes.cuda.sharding import Shard, ShardedCheckpoint, Weights, without_reordering
from engines.runtimes.cuda.weights import (
    SETS,
    DeviceExperts,
    DeviceLayer,
    DeviceProduct,
    DeviceWeights,
    check_heads,
    output_orders,
)

PACKING = "3"  # grows when the meaning of the packed file changes
CUT = "1"  # grows when a card's share in units becomes another one
WEIGHTS_FILE, INDEX_FILE = "weights.bin", "index.json"
_ALIGN = 256
_OPTIONAL = ("bias", "order", "input_scale", "output_scale")
_WORKERS = 4  # layers that are packed at a time; each takes some times its own size of memory
Result = TypeVar("Result")

Progress = Callable[[int, int], None]  # layers done, of how many; the output layer counts as one


def build(
    checkpoint: Checkpoint,
    cache: Path,
    on_progress: Progress = lambda done, total: None,
    shard: Shard | None = None,
    lm_head: LmHead = "stored",
) -> Build:
    """The packed file in the cache of builds, of the whole model or a card's share, written if it is not there."""
    check_heads(checkpoint.config)
    settings = {"packing": PACKING, "lm_head": lm_head}
    if shard is None:
        return BuildCache(cache).get(
            checkpoint.folder, "cuda", settings, lambda folder: write(checkpoint, folder, on_progress, lm_head)
        )
    share = ShardedCheckpoint(checkpoint, shard)
    return BuildCache(cache).get(
        checkpoint.folder,
        f"cuda-{shard.rank + 1}of{shard.cards}",
        settings | ({"cut": CUT} if shard.in_units else {}),
        lambda folder: (*write(share, folder, on_progress, lm_head), *share.notes),
    )


def write(
    checkpoint: Weights,
    folder: Path,
    on_progress: Progress = lambda done, total: None,
    lm_head: LmHead = "stored",
) -> tuple[str, ...]:
    """Packs a checkpoint; returns what is not computed as it is stored, one sentence for each thing. An output layer in
    4 bits stays as it is."""
    config = checkpoint.config
    orders = output_orders(config)
    notes: list[str] = []
    layers = []
    with (folder / WEIGHTS_FILE).open("wb") as file:
        writer = Writer(file)
        packed_layers = _in_order(
            lambda layer: {
                name: pack([checkpoint.linear(layer, projection) for projection in projections], orders[name])
                for name, projections in SETS.items()
                if config.experts_of(layer) is None or name in ("qkv", "o")
            },
            range(config.num_layers),
        )
        for layer, parts in enumerate(packed_layers):
            products = {name: asdict(writer.product(packed)) for name, (packed, _) in parts.items()}
            notes += itertools.chain.from_iterable(lost for _, lost in parts.values())
            weights = {norm: checkpoint.norm(layer, norm) for norm in NORMS}
            norms = {norm: writer.add(weight) for norm, weight in weights.items() if weight is not None}
            packed_layer: dict[str, Any] = {"products": products, "norms": norms}
            if config.experts_of(layer) is not None:
                packed_layer["experts"], lost = _write_experts(writer, checkpoint, layer)
                notes += lost
            layers.append(packed_layer | {"end": writer.end})
            on_progress(layer + 1, config.num_layers + 1)
        final_norm = writer.add(checkpoint.final_norm())
        head = checkpoint.lm_head()
        if isinstance(head, BlockLinear) and lm_head == "stored":
            packed = pack_table(head.weight, head.bias)
        elif isinstance(head := without_blocks(head), DenseLinear):
            packed = pack_rows(head, WHOLE_ROW if lm_head == "int8" else HALF)
            if lm_head == "int8":
                notes.append("The output layer (lm_head) is rounded to 8 bits.")
        else:
            packed, lost = pack([head], natural_order(config.vocab_size))
            notes += lost
        index = {"layers": layers, "final_norm": final_norm, "head": asdict(writer.product(packed))}
        index["embedding"] = writer.begin()
        embedding = checkpoint.embedding()
        if isinstance(embedding, BlockRows):
            index["table"] = asdict(writer.product(pack_table(embedding)))
        else:
            for _, rows in embedding.chunks():
                writer.extend(rows.astype(np.float16))
        index["size"] = writer.end
        index["chosen"] = 0 if config.experts is None else config.experts.chosen
        on_progress(config.num_layers + 1, config.num_layers + 1)
    (folder / INDEX_FILE).write_text(json.dumps(index), encoding="utf-8")
    return tuple(dict.fromkeys(notes))


def _write_experts(writer: "Writer", checkpoint: Weights, layer: int) -> tuple[dict[str, Any], list[str]]:
    """A layer's router and experts, the units of one expert behind those of another."""
    config = checkpoint.config
    experts = config.experts_of(layer)
    assert experts is not None, f"layer {layer} has no experts"
    orders = {"gate_up": gated_order(experts.inner_size), "down": natural_order(config.hidden_size)}
    router = np.ascontiguousarray(checkpoint.router(layer).dense(), np.float32)
    written: dict[str, Any] = {"router": writer.add(router)}
    notes: list[str] = []

    def packed(number: int, name: str) -> tuple[Packed, list[str]]:
        parts = [checkpoint.expert(layer, number, projection) for projection in SETS[name]]
        return pack([_plain(part) for part in parts], orders[name])

    for name in orders:
        kinds = set()
        for number, (one, lost) in enumerate(_in_order(partial(packed, name=name), range(experts.count))):
            if number == 0:
                written[name] = asdict(writer.product(one))
            else:
                writer.extend(one.units)
            kinds.add((one.group, one.units.shape))
            notes += lost
        if len(kinds) > 1:
            raise CheckpointError(f"The experts of layer {layer} are stored in different ways.", "Use another file.")
    return written, notes


def _plain(linear: Linear) -> Linear:
    """As the kernels for experts take it."""
    if linear.bias is not None:
        raise RuntimeUnavailable("Experts with biases run on no card.", 'Set model.runtime to "native".')
    return without_reordering(linear)


def _placed_experts(experts: Mapping[str, Any], base: int) -> DeviceExperts:
    products = [_placed(experts[name], base) for name in ("gate_up", "down")]
    return DeviceExperts(base + experts["router"], *products)


class PackedSource:
    """Streams a packed file to the card: all of it, or the first ``layers`` layers and the embedding."""

    def __init__(self, built: Build, layers: int | None = None) -> None:
        self._folder, self.notes = built.folder, built.notes
        self._index: dict[str, Any] = json.loads((built.folder / INDEX_FILE).read_text(encoding="utf-8"))
        self._all = layers is None or layers >= len(self._index["layers"])
        self._layers = self._index["layers"][:layers]

    @property
    def layer_bytes(self) -> list[int]:
        """What each layer takes."""
        ends = [0, *(layer["end"] for layer in self._index["layers"])]
        return [stop - start for start, stop in itertools.pairwise(ends)]

    @property
    def outer_bytes(self) -> tuple[int, int]:
        """What the output layer with its norm takes, and the embedding."""
        layers, embedding = self._index["layers"][-1]["end"], self._index["embedding"]
        return embedding - layers, self._index["size"] - embedding

    def to_device(self, device: Device) -> DeviceWeights:
        index = self._index
        end = index["embedding"] if self._all else self._layers[-1]["end"]
        parts = [(0, end), (index["embedding"], index["size"])]
        bases = []
        for start, stop in parts:
            address = device.allocate(stop - start)
            stream_to_card(device, self._folder / WEIGHTS_FILE, address, start, stop)
            bases.append(address - start)
        return self.placed(*bases)

    def placed(self, base: int, embedding_base: int) -> DeviceWeights:
        """Where everything stands if the file, or its part with the embedding, begins at these addresses."""
        index = self._index
        return DeviceWeights(
            [
                DeviceLayer(
                    {name: _placed(product, base) for name, product in layer["products"].items()},
                    {norm: base + at for norm, at in layer["norms"].items()},
                    _placed_experts(layer["experts"], base) if "experts" in layer else None,
                )
                for layer in self._layers
            ],
            embedding_base + index["embedding"],
            base + index["final_norm"] if self._all else 0,
            _placed(index["head"], base) if self._all else None,
            tuple(self.notes),
            _placed(index["table"], embedding_base) if "table" in index else None,
            index.get("chosen", 0),
        )


def _in_order(make: Callable[[int], Result], numbers: Iterable[int]) -> Iterator[Result]:
    """Some of them are made at the same time."""
    workers = min(_WORKERS, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers, "docent-packing") as pool:
        under_way: deque[Future[Result]] = deque()
        for number in numbers:
            under_way.append(pool.submit(make, number))
            if len(under_way) > workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


@dataclass
class Writer:
    """Offsets in the file stand for addresses."""

    file: BinaryIO
    end: int = 0

    def begin(self) -> int:
        gap = -self.end % _ALIGN
        self.file.write(bytes(gap))
        self.end += gap
        return self.end

    def extend(self, array: NDArray[Any]) -> None:
        self.file.write(np.ascontiguousarray(array).data)
        self.end += array.nbytes

    def add(self, array: NDArray[Any]) -> int:
        start = self.begin()
        self.extend(array)
        return start

    def product(self, packed: Packed) -> DeviceProduct:
        """With -1 for what there is not."""
        tiles, chunks, _ = packed.units.shape
        optional = {
            "bias": packed.bias,
            "order": None if packed.order is None else packed.order.astype(np.int32),
            "input_scale": None if packed.input_scale is None else packed.input_scale.astype(np.float32),
            "output_scale": packed.output_scale,
        }
        units = self.add(packed.units)
        places = {name: -1 if values is None else self.add(values) for name, values in optional.items()}
        return DeviceProduct(units, tiles, chunks, packed.group, packed.inputs, packed.outputs, **places)


def _placed(product: Mapping[str, int], base: int) -> DeviceProduct:
    """With addresses instead of offsets."""
    given = {field.name: product[field.name] for field in fields(DeviceProduct)}
    given["units"] += base
    return DeviceProduct(**given | {name: 0 if given[name] < 0 else base + given[name] for name in _OPTIONAL})
