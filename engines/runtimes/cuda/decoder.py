"""A decoder as launches of kernels: what is queued for a step of so many rows.

On Hopper cards two rows and more are packed and go through the kernels of ``many``. Elsewhere, and where layers are in
blocks of GGUF or have experts, up to 32 rows go through the kernels that read the weights once; up to 64 in passes of
32; more through weights expanded to float16 and cuBLAS. Knows addresses and shapes, no requests.
"""

from ctypes import c_float, c_int, c_void_p
from pathlib import Path

from engines.model.config import ModelConfig
from engines.runtimes.cuda import many
from engines.runtimes.cuda.arguments import (
    ATTENTION,
    GATED,
    LOGITS,
    RESIDUAL,
    STORE,
    HeadsArguments,
    ProductArguments,
)
from engines.runtimes.cuda.attention import Attention
from engines.runtimes.cuda.buffers import AttentionShape, Buffers, Pool, StepInputs
from engines.runtimes.cuda.card.blas import Blas
from engines.runtimes.cuda.card.compiler import compile_kernels
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.choice import packed_is_faster, tune
from engines.runtimes.cuda.experts import Experts
from engines.runtimes.cuda.joined_norms import JoinedNorms
from engines.runtimes.cuda.packing import CHUNK, TILE
from engines.runtimes.cuda.products import FEW, Products, arguments_for
from engines.runtimes.cuda.reduction import Reducer
from engines.runtimes.cuda.single import SingleStep, suits
from engines.runtimes.cuda.weights import DeviceProduct, DeviceWeights

PASSES_UP_TO = 64  # rows from which on expanding the weights is cheaper than reading them again and again
_THREADS = 256


class Decoder:
    """``tables`` are the addresses of the rotation's cosines and sines."""

    def __init__(
        self,
        device: Device,
        config: ModelConfig,
        weights: DeviceWeights,
        pool: Pool,
        buffers: Buffers,
        tables: tuple[int, int],
        kernel_cache: Path | None,
        reducer: Reducer | None = None,
    ) -> None:
        self._reducer = reducer
        self._device, self._config, self._weights, self._pool = device, config, weights, pool
        self._buffers, (self._cosines, self._sines) = buffers, tables
        self._rows = device.load(compile_kernels("rows", device.capability, {}, kernel_cache))
        hopper = many.suits(device) and reducer is None  # shares of several cards go the way of the others
        self._heads = device.load(compile_kernels("heads", device.capability, pool.form.settings, kernel_cache))
        self.attention = Attention(device, config, pool, buffers, kernel_cache, hopper=hopper)
        self._products = Products(device, weights.products, kernel_cache, weights.tables)
        packs = hopper and not weights.for_few_rows
        self._many = many.ManyProducts(device, weights.products, kernel_cache) if packs else None
        mixture = weights.expert_products
        self._experts = Experts(device, config, weights, buffers, kernel_cache) if mixture else None
        self._norms = JoinedNorms(config, weights, buffers)
        self.packed_from = 2  # rows, on Hopper cards
        self._blas = Blas(device) if buffers.rows > PASSES_UP_TO and self._many is None else None
        self._expanded = device.allocate(weights.expanded_bytes) if self._blas else 0

    def close(self) -> None:
        if self._blas is not None:
            self._blas.close()

    def _packs(self, rows: int) -> bool:
        """Whether rows are packed for the kernels of ``many``."""
        return self._many is not None and rows >= self.packed_from

    def _joins(self, rows: int) -> bool:
        return self._packs(rows) and self._norms.suit(rows)

    def queue_layers(self, inputs: StepInputs, rows: int, shape: AttentionShape) -> None:
        """From tokens to the residual stream."""
        buffers = self._buffers
        self._queue_embedding(inputs, rows)
        for number, layer in enumerate(self._weights.layers):
            self._queue_qkv(inputs, number, rows)
            packed = self._packs(rows) and not layer.products["o"].reorders
            self.attention.queue(inputs, number, shape, packed=packed)
            self._queue_change(
                layer.products["o"], rows, buffers.mixed, buffers.mixed_stride, number, "attention_output"
            )
            if layer.experts is not None and self._experts is not None:
                self._experts.queue(layer.experts, layer.norms["mlp_input"], rows, self._reducer)
                continue
            self._queue_gate(number, rows)
            self._queue_change(layer.products["down"], rows, buffers.gated, buffers.inner_stride, number, "mlp_output")

    def open_single(self, inputs: StepInputs, cache: Path | None) -> SingleStep | None:
        """The step of one token as one kernel, where model and card suit and packed rows are not faster: on Hopper
        cards that is measured, and ``packed_from`` is set. Several cards measure later, all together."""
        suitable = not self._pool.form.has_scales and suits(self._device, self._config, self._weights)
        single = self._build_single(inputs, cache) if suitable else None
        measured, logits = (self._device, self._config, self, inputs), self._weights.head is not None
        if single is not None and self._reducer is None:
            tune(*measured, single, logits=logits)
        if self._many is not None and packed_is_faster(*measured, single, logits=logits):
            self.packed_from = 1
            return None
        return single

    def _build_single(self, inputs: StepInputs, cache: Path | None) -> SingleStep:
        products, attentions = [], []
        shape = AttentionShape(1, 0, 1, 1)
        for number, layer in enumerate(self._weights.layers):
            parts = layer.products
            products += [
                self._normed(self._qkv_arguments(inputs, number, fused=True), layer.norms["input"]),
                self._change_arguments(parts["o"], self._buffers.mixed, self._buffers.mixed_stride),
                self._normed(self._gate_arguments(number), layer.norms["mlp_input"]),
                self._change_arguments(parts["down"], self._buffers.gated, self._buffers.inner_stride),
            ]
            attentions.append(self.attention.arguments(inputs, number, shape))
        group = self._weights.layers[0].products["o"].group
        self._head_in_single = self._weights.head is not None and self._weights.head.group == group
        if self._head_in_single:
            head = self._logits_arguments()
            head.source, head.squares = self._buffers.residual, self._buffers.squares
            products.append(head if self._reducer is None else self._reducer.some_logits(head, group))
        return SingleStep(self._device, self._config, products, attentions, group, cache, self._reducer)

    def queue_single(self, inputs: StepInputs, single: SingleStep) -> None:
        """From a token to its logits, or to the residual stream where the output layer is elsewhere."""
        self._queue_embedding(inputs, 1, single.number)
        single.queue()
        here = self._weights.head is not None and (self._reducer is None or self._reducer.rank == 0)
        if here and not self._head_in_single:
            self.queue_logits(inputs, 1)

    def queue_logits(self, inputs: StepInputs, rows: int, first: int = 0) -> None:
        """The logits of the rows that ``inputs.chosen`` names from ``first`` on, at most 32."""
        config, buffers, head = self._config, self._buffers, self._weights.head
        assert head is not None, "the output layer is elsewhere"
        if self._packs(rows) and many.takes(head.group):
            self._queue_norm(head, self._weights.final_norm, rows, inputs.chosen + 4 * first)
            self._queue_many(head, self._logits_arguments(), rows, buffers.normed)
            return
        self._row_kernel(
            "choose", rows, c_void_p(buffers.residual), c_void_p(inputs.chosen + 4 * first),
            c_void_p(buffers.chosen), c_void_p(buffers.chosen_squares), c_int(config.hidden_size), c_int(buffers.parts),
        )  # fmt: skip
        arguments = self._logits_arguments()
        at_once = self._products.rows_at_once(head)
        for start in range(0, rows, at_once):
            step = ProductArguments.from_buffer_copy(arguments)
            step.source = arguments.source + 4 * start * config.hidden_size
            step.squares = arguments.squares + 4 * start * buffers.parts
            step.target = arguments.target + 4 * start * buffers.logits_stride
            self._products.queue(head, step, min(at_once, rows - start))

    def _logits_arguments(self) -> ProductArguments:
        config, buffers, head = self._config, self._buffers, self._weights.head
        assert head is not None, "the output layer is elsewhere"
        arguments = self._arguments(head, LOGITS, buffers.logits, buffers.logits_stride)
        arguments.source, arguments.source_stride = buffers.chosen, config.hidden_size
        arguments.squares, arguments.norm = buffers.chosen_squares, self._weights.final_norm
        arguments.cap = config.logit_softcap or 0.0
        return arguments

    def queue_greedy(self, rows: int) -> None:
        """The likeliest token of each row to ``buffers.sampled``."""
        buffers = self._buffers
        self._row_kernel(
            "greedy", rows, c_void_p(buffers.logits), c_void_p(buffers.sampled), c_int(self._config.vocab_size),
            c_int(buffers.logits_stride), threads=1024,
        )  # fmt: skip

    def queue_advance(self, inputs: StepInputs, rows: int) -> None:
        """The sampled tokens become the next step's, one position on; for rows that decode."""
        self._row_kernel(
            "advance", 1, c_void_p(inputs.positions), c_void_p(inputs.slots), c_void_p(inputs.few),
            c_void_p(inputs.table), c_int(inputs.table_width), c_int(rows), c_void_p(inputs.tokens),
            c_void_p(self._buffers.sampled), threads=FEW,
        )  # fmt: skip

    def _queue_embedding(self, inputs: StepInputs, rows: int, number: int = 0) -> None:
        config, buffers = self._config, self._buffers
        if (table := self._weights.table) is not None:
            to, parts, scale = (buffers.residual, buffers.squares), buffers.parts, config.embedding_scale
            self._products.embed(table, inputs.tokens, *to, rows, parts, scale, number)
            return
        self._row_kernel(
            "embed", rows, c_void_p(inputs.tokens), c_void_p(self._weights.embedding),
            c_void_p(buffers.residual), c_void_p(buffers.squares), c_int(config.hidden_size), c_int(buffers.parts),
            c_float(config.embedding_scale), c_void_p(number),
        )  # fmt: skip

    def _queue_qkv(self, inputs: StepInputs, number: int, rows: int) -> None:
        config, buffers = self._config, self._buffers
        layer = self._weights.layers[number]
        product, norm = layer.products["qkv"], layer.norms["input"]
        packs = self._packs(rows)
        whole_heads = config.qk_norm or self._pool.form.has_scales  # something is computed over all of a head
        fused = not whole_heads and (packs or rows <= PASSES_UP_TO)
        if packs:
            arguments = self._qkv_arguments(inputs, number, fused=fused)
            joins = self._joins(rows)
            if joins and number > 0:
                self._norms.behind(arguments, 0)
            else:
                self._queue_norm(product, norm, rows, scales=self._norms.scales(0) if joins else 0)
            self._queue_many(product, arguments, rows, buffers.normed)
        elif rows > PASSES_UP_TO:
            self._queue_norm(product, norm, rows)
            self._multiply(product, buffers.normed, buffers.qkv, rows, buffers.qkv_stride)
        else:
            arguments = self._qkv_arguments(inputs, number, fused=fused)
            self._queue_few(product, arguments, rows, norm)
        if fused:
            return
        heads = HeadsArguments(
            source=buffers.qkv, bias=product.bias if rows > PASSES_UP_TO and not packs else 0,
            query_norm=layer.norms.get("query", 0), key_norm=layer.norms.get("key", 0),
            positions=inputs.positions, slots=inputs.slots, cosines=self._cosines, sines=self._sines,
            query=buffers.query, keys=self._pool.keys(number), values=self._pool.values(number),
            stride=buffers.qkv_stride, heads=config.num_heads, kv_heads=config.num_kv_heads, head=config.head_dim,
            rotary=config.rope.rotary_dim, eps=config.norm_eps,
        )  # fmt: skip
        blocks = -(-(config.num_heads + 2 * config.num_kv_heads) // 8)
        self._device.launch(self._heads["rotate"], (blocks, rows, 1), _THREADS, 0, heads)

    def _qkv_arguments(self, inputs: StepInputs, number: int, *, fused: bool) -> ProductArguments:
        """``fused``: rotated, K and V to their pages; else q, k and v as they are."""
        config, buffers = self._config, self._buffers
        product = self._weights.layers[number].products["qkv"]
        arguments = self._arguments(product, ATTENTION if fused else STORE, buffers.qkv, buffers.qkv_stride)
        if fused:
            arguments.target, arguments.target_stride = buffers.query, config.num_heads * buffers.head_padded
        arguments.positions, arguments.slots = inputs.positions, inputs.slots
        arguments.cosines, arguments.sines = self._cosines, self._sines
        arguments.keys, arguments.values = self._pool.keys(number), self._pool.values(number)
        arguments.heads, arguments.kv_heads = config.num_heads, config.num_kv_heads
        arguments.head, arguments.head_padded = config.head_dim, buffers.head_padded
        arguments.rotary = config.rope.rotary_dim
        return arguments

    def _queue_gate(self, number: int, rows: int) -> None:
        config, buffers = self._config, self._buffers
        layer = self._weights.layers[number]
        product, norm = layer.products["gate_up"], layer.norms["mlp_input"]
        if self._packs(rows):
            arguments = self._gate_arguments(number)
            if self._joins(rows):
                self._norms.behind(arguments, 1)
            else:
                self._queue_norm(product, norm, rows)
            arguments.packed = int(not layer.products["down"].reorders)
            self._queue_many(product, arguments, rows, buffers.normed)
            return
        if rows <= PASSES_UP_TO:
            self._queue_few(product, self._gate_arguments(number), rows, norm)
            return
        self._queue_norm(product, norm, rows)
        self._multiply(product, buffers.normed, buffers.gate_up, rows, buffers.gate_stride)
        self._device.launch(
            self._rows["gate"], (-(-config.intermediate_size // (4 * _THREADS)), rows, 1), _THREADS, 0,
            c_void_p(buffers.gate_up), c_void_p(buffers.gated), c_void_p(product.bias),
            c_int(config.intermediate_size), c_int(buffers.gate_stride), c_int(buffers.inner_stride),
            c_int(config.activation != "silu"),
        )  # fmt: skip

    def _gate_arguments(self, number: int) -> ProductArguments:
        product = self._weights.layers[number].products["gate_up"]
        arguments = self._arguments(product, GATED, self._buffers.gated, self._buffers.inner_stride)
        arguments.gelu, arguments.outputs = int(self._config.activation != "silu"), self._config.intermediate_size
        return arguments

    def _change_arguments(self, product: DeviceProduct, source: int, stride: int) -> ProductArguments:
        """To be added to the residual stream, or, where it is normalised first, by itself."""
        config, buffers = self._config, self._buffers
        if config.post_norms:
            arguments = self._arguments(product, STORE, buffers.change, -(-config.hidden_size // TILE) * TILE)
        else:
            arguments = self._arguments(product, RESIDUAL, buffers.residual, config.hidden_size)
            arguments.target_squares = buffers.squares
        arguments.source, arguments.source_stride = source, stride
        return arguments

    def _normed(self, arguments: ProductArguments, norm: int) -> ProductArguments:
        """With the normalised residual stream as its input."""
        arguments.source, arguments.source_stride = self._buffers.residual, self._config.hidden_size
        arguments.norm, arguments.squares = norm, self._buffers.squares
        return arguments

    def _queue_change(
        self, product: DeviceProduct, rows: int, source: int, stride: int, number: int, norm: str
    ) -> None:
        """A product whose result is added to the residual stream, normalised before where the family does so."""
        config, buffers = self._config, self._buffers
        change_stride = -(-config.hidden_size // TILE) * TILE
        if self._reducer is not None:
            self._queue_share(self._reducer, product, rows, source, stride, int(norm == "mlp_output"))
        elif self._packs(rows):
            x = self._prepared(product, rows, source, stride)
            arguments = self._change_arguments(product, x, stride)
            if self._joins(rows):
                self._norms.before(arguments, number + (norm == "mlp_output"), int(norm != "mlp_output"))
            self._queue_many(product, arguments, rows, x)
        elif rows <= PASSES_UP_TO:
            self._queue_few(product, self._change_arguments(product, source, stride), rows)
        else:
            x = self._prepared(product, rows, source, stride)
            if config.post_norms:
                self._multiply(product, x, buffers.change, rows, change_stride)
            else:
                self._multiply(product, x, buffers.residual, rows, config.hidden_size, add=True)
                if product.bias:
                    self._row_kernel(
                        "add_bias", rows, c_void_p(product.bias), c_void_p(buffers.residual), c_int(config.hidden_size)
                    )
        if config.post_norms:
            weight = self._weights.layers[number].norms[norm]  # type: ignore[index]
            self._row_kernel(
                "add_normalised", rows, c_void_p(buffers.change), c_void_p(weight), c_void_p(buffers.residual),
                c_void_p(buffers.squares), c_int(config.hidden_size), c_int(change_stride), c_int(buffers.parts),
                c_float(config.norm_eps),
            )  # fmt: skip

    def _queue_share(
        self, reducer: Reducer, product: DeviceProduct, rows: int, source: int, stride: int, buffer: int
    ) -> None:
        """This card's share of such a product, and the sum over all cards."""
        buffers, share = self._buffers, reducer.share(buffer)
        if rows <= PASSES_UP_TO:
            arguments = self._arguments(product, STORE, share, reducer.stride)
            arguments.source, arguments.source_stride = source, stride
            self._queue_few(product, arguments, rows)
        else:
            self._multiply(product, self._prepared(product, rows, source, stride), share, rows, reducer.stride)
        if self._config.post_norms:
            reducer.queue(buffer, rows, buffers.parts, target=buffers.change)
        else:
            reducer.queue(buffer, rows, buffers.parts, residual=buffers.residual, squares=buffers.squares)

    def _prepared(self, product: DeviceProduct, rows: int, source: int, stride: int) -> int:
        """The address of float16 rows as the product takes them."""
        if not product.reorders:
            return source
        x = self._buffers.prepared
        self._row_kernel(
            "prepare", rows, c_void_p(source), c_void_p(x), c_void_p(product.order), c_void_p(product.input_scale),
            c_int(product.inputs), c_int(stride), c_int(stride), c_int(self._packs(rows)),
        )  # fmt: skip
        return x

    def _queue_norm(self, product: DeviceProduct, norm: int, rows: int, chosen: int = 0, scales: int = 0) -> None:
        """Normalised rows of the residual stream, or those that ``chosen`` names, as the product takes them, to
        ``buffers.normed``; with ``scales`` for the next norm, if products take that over."""
        config, buffers = self._config, self._buffers
        self._row_kernel(
            "normalise", rows, c_void_p(buffers.residual), c_void_p(chosen), c_void_p(norm), c_void_p(buffers.normed),
            c_void_p(product.order), c_void_p(product.input_scale), c_int(config.hidden_size),
            c_int(buffers.hidden_stride), c_float(config.norm_eps), c_int(self._packs(rows)),
            c_void_p(scales),
        )  # fmt: skip

    def _queue_many(self, product: DeviceProduct, arguments: ProductArguments, rows: int, x: int) -> None:
        """``x``: packed rows."""
        assert self._many is not None, "packed rows are for Hopper cards"
        arguments.source, arguments.norm = x, 0
        self._many.queue(product, arguments, rows)

    def _multiply(self, product: DeviceProduct, x: int, y: int, rows: int, stride: int, *, add: bool = False) -> None:
        assert self._blas is not None, "a decoder for few rows was given many"
        self._products.expand(product, self._expanded)
        outputs = min(product.tiles * TILE, stride)
        self._blas.multiply(self._expanded, x, y, rows, outputs, product.chunks * CHUNK, stride, add=add)

    def _queue_few(self, product: DeviceProduct, arguments: ProductArguments, rows: int, norm: int = 0) -> None:
        """In passes of 32 rows."""
        buffers, mode = self._buffers, arguments.mode
        if norm:
            self._normed(arguments, norm)
        step = ProductArguments.from_buffer_copy(arguments)
        at_once = self._products.rows_at_once(product)
        for first in range(0, rows, at_once):
            step.source = arguments.source + first * arguments.source_stride * (4 if norm else 2)
            step.target = arguments.target + first * arguments.target_stride * (4 if mode == RESIDUAL else 2)
            step.target_squares = buffers.squares + 4 * first * buffers.parts
            if norm:
                step.squares = buffers.squares + 4 * first * buffers.parts
            if mode == ATTENTION:
                step.positions, step.slots = arguments.positions + 4 * first, arguments.slots + 4 * first
            self._products.queue(product, step, min(at_once, rows - first))

    def _arguments(self, product: DeviceProduct, mode: int, target: int, stride: int) -> ProductArguments:
        return arguments_for(product, mode, target, stride, parts=self._buffers.parts, eps=self._config.norm_eps)

    def _row_kernel(self, name: str, rows: int, *arguments: object, threads: int = _THREADS) -> None:
        self._device.launch(self._rows[name], (rows, 1, 1), threads, 0, *arguments)
