"""Writes the kernels of attention over pages: rotation, writing K and V, and softmax(q k / sqrt(d)) v page by page.

Pages hold 16 tokens in float16, one for each lane: keys as [head_dim, 16], so that a query meets 16 keys at once,
values as [16, head_dim]; arithmetic is float32. The softmax is the online one (Milakov and Gimelshein, 2018; Dao et
al., "FlashAttention", 2022): each page is read once, and what was summed before is scaled when a larger score appears.

Queries that share a key head (grouped-query attention) are numbered together: query i of a sequence's tokens is that of
token i / repeat. A block of them reads each page once. A query's sums are formed in the same order in every block.
"""

from typing import Any

from llvmlite import ir

from engines.page_size import PAGE_TOKENS
from engines.runtimes.native.kernels.code import (
    F16,
    F32,
    FLOATS,
    HALFS,
    I1,
    I32,
    I64,
    INTS,
    POINTER,
    VOID,
    Code,
    constant,
    i64,
)
from engines.runtimes.native.kernels.layout import LANES, LARGEST_STATE, QUERY_BLOCKS
from engines.runtimes.native.kernels.program import Arguments, kernel

_NEVER = -1e30  # a score below all others


def add_kernels(module: ir.Module) -> None:
    kernel(module, "rotate", lambda code, args: args.rows(), _rotate)
    blocks = {count: _block(module, count) for count in QUERY_BLOCKS}

    def items(code: Code, args: Arguments) -> Any:
        return code.mul(args.step("num_blocks"), _ranges(code, args))

    def body(code: Code, args: Arguments, item: Any) -> None:
        # A thread goes on with the next block of the same heads: their K and V are in its cache.
        number, size = args.step("num_blocks"), args.step("head_range")
        block = code.offset(args.step_pointer("blocks"), code.mul(code.srem(item, number), i64(3)), I64)
        first = code.mul(code.sdiv(item, number), size)
        beyond = code.add(first, size)
        kv_heads = args.integer("kv_heads")
        stop = code.select(code.icmp_signed("<", beyond, kv_heads), beyond, kv_heads)
        count = code.read(block, I64, 2)
        for size_, function in blocks.items():
            with code.if_then(code.icmp_signed("==", count, i64(size_))):
                code.call(function, (args.op, args.step_words, block, first, stop))

    kernel(module, "attend", items, body)


def _ranges(code: Code, args: Arguments) -> Any:
    """Into how many ranges of ``head_range`` the key heads fall."""
    size = args.step("head_range")
    return code.sdiv(code.add(args.integer("kv_heads"), code.sub(size, i64(1))), size)


def _rotate(code: Code, args: Arguments, row: Any) -> None:
    """Rotates the queries and keys of a token in place, and writes its keys and values to their page."""
    dim, half = args.integer("head_dim"), args.integer("half")
    position = code.read(args.step_pointer("positions"), I64, row)
    cos, sin = (code.offset(args.pointer(name), code.mul(position, half), F32) for name in ("cos", "sin"))
    q, k, v = (
        code.offset(args.pointer(name), code.mul(row, args.integer(f"{name}_stride")), F32) for name in ("q", "k", "v")
    )

    def turn(head: Any) -> None:
        second_half = code.offset(head, half, F32)

        def pairs(i: Any, kind: ir.Type) -> None:
            first, second = code.read(head, kind, i), code.read(second_half, kind, i)
            c, s = code.read(cos, kind, i), code.read(sin, kind, i)
            code.write(code.fsub(code.fmul(first, c), code.fmul(second, s)), head, i)
            code.write(code.fma(first, s, code.fmul(second, c)), second_half, i)

        code.lanes(half, pairs)

    with code.loop(0, args.integer("heads")) as head:
        turn(code.offset(q, code.mul(head, dim), F32))
    slot = code.read(args.step_pointer("slots"), I64, row)
    page, lane = code.sdiv(slot, i64(PAGE_TOKENS)), code.srem(slot, i64(PAGE_TOKENS))
    kv_heads, padded = args.integer("kv_heads"), args.integer("head_padded")
    with code.loop(0, kv_heads) as head:
        here = code.add(code.mul(page, kv_heads), head)
        key, value = (code.offset(rows, code.mul(head, dim), F32) for rows in (k, v))
        turn(key)
        keys = code.offset(args.pointer("keys"), code.mul(here, code.mul(dim, i64(PAGE_TOKENS))), F16)
        with code.loop(0, dim) as i:
            half = code.fptrunc(code.read(key, F32, i), F16)
            code.write(half, keys, code.add(code.mul(i, i64(PAGE_TOKENS)), lane))
        values = args.pointer("values")
        to = code.mul(padded, code.add(code.mul(here, i64(PAGE_TOKENS)), lane))
        target = code.offset(values, to, F16)

        def keep(i: Any, kind: ir.Type, value: Any = value, target: Any = target) -> None:
            code.write(code.fptrunc(code.read(value, kind, i), HALFS if kind is FLOATS else F16), target, i)

        code.lanes(dim, keep)


def _block(module: ir.Module, count: int) -> ir.Function:
    """A function of (operation, step, block, first key head, last one + 1) that attends for ``count`` queries."""
    mix = _mix(module, count)
    function = _internal(module, f"attend_{count}", POINTER, POINTER, POINTER, I64, I64)
    code = Code(function)
    op, step, *rest = function.args
    _Attend(code, Arguments(code, op, step, "attend"), count, mix, *rest).write()
    code.done()
    return function


def _mix(module: ir.Module, count: int) -> ir.Function:
    """A function of (values of a page, mixed values, weights, factors, padded head_dim) that scales the mixed values of
    ``count`` queries by their factors and adds the page's values by their weights.

    By itself, because LLVM would keep each weight as a vector of its own, and has no registers for them."""
    function = _internal(module, f"mix_{count}", POINTER, POINTER, POINTER, POINTER, I64)
    code = Code(function)
    values, mixed, weights, factors, padded = function.args
    page = code.mul(padded, i64(PAGE_TOKENS))

    def add(start: Any, vectors: int) -> None:
        cells = [(m, code.add(start, i64(j * LANES))) for j in range(vectors) for m in range(count)]
        ats = [code.add(code.mul(padded, i64(m)), i) for m, i in cells]
        scales = [code.spread(code.read(factors, F32, m), FLOATS) for m in range(count)]
        sums = [code.fmul(code.read(mixed, FLOATS, at), scales[m]) for at, (m, _) in zip(ats, cells, strict=True)]
        for t in range(PAGE_TOKENS):
            shares = [code.spread(code.read(weights, F32, m * LANES + t), FLOATS) for m in range(count)]
            for j in range(vectors):
                at = code.add(code.mul(padded, i64(t)), code.add(start, i64(j * LANES)))
                code.prefetch(code.offset(values, code.add(at, page), F16))  # of the next head
                value = code.fpext(code.read(values, HALFS, at), FLOATS)
                for m in range(count):
                    sums[j * count + m] = code.fma(shares[m], value, sums[j * count + m])
        for at, new in zip(ats, sums, strict=True):
            code.write(new, mixed, at)

    together = min(4, 8 // count)  # vectors at a time, so that there is always a sum that need not wait
    whole = code.and_(padded, i64(-together * LANES))
    with code.loop(0, whole, together * LANES) as i:
        add(i, together)
    if together > 1:
        with code.loop(whole, padded, LANES) as i:
            add(i, 1)
    code.done()
    return function


def _internal(module: ir.Module, name: str, *arguments: ir.Type) -> ir.Function:
    function = ir.Function(module, ir.FunctionType(VOID, arguments), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    return function


class _Attend:
    """Writes the code for a block of ``count`` queries and a range of key heads."""

    def __init__(
        self, code: Code, args: Arguments, count: int, mix: ir.Function, block: Any, first_head: Any, stop_head: Any
    ) -> None:
        self.code, self.args, self.count, self.mix = code, args, count, mix
        self.first_head, self.stop_head = first_head, stop_head
        self.dim, self.padded, self.window = (args.integer(name) for name in ("head_dim", "head_padded", "window"))
        self.kv_heads, self.repeat = args.integer("kv_heads"), args.integer("repeat")
        self.windowed = code.icmp_signed(">", self.window, i64(0))
        self.scale, self.cap = (code.spread(args.number(name), FLOATS) for name in ("scale", "softcap"))
        self.capped = code.icmp_signed("!=", args.integer("softcap"), i64(0))
        table = code.mul(code.read(block, I64, 0), args.step("table_stride"))
        self.table = code.offset(args.step_pointer("page_table"), table, I64)
        self.queries: list[Any] = []
        self.targets: list[Any] = []
        self.positions: list[Any] = []
        for m in range(count):
            query = code.add(code.read(block, I64, 1), i64(m))
            token = code.sdiv(query, self.repeat)
            head = code.mul(code.srem(query, self.repeat), self.dim)
            for name, places in (("q", self.queries), ("y", self.targets)):
                start = code.add(code.mul(token, args.integer(f"{name}_stride")), head)
                places.append(code.offset(args.pointer(name), start, F32))
            self.positions.append(code.read(args.step_pointer("positions"), I64, token))
        # For each head of the range and each query: the largest score so far, the sum of weights, the mixed values.
        self.tops, self.sums = (code.space(F32, LARGEST_STATE // LANES) for _ in range(2))
        self.mixed = code.space(F32, LARGEST_STATE)
        self.weights, self.factors = code.space(F32, count * LANES), code.space(F32, count)

    def write(self) -> None:
        code = self.code
        heads = code.sub(self.stop_head, self.first_head)
        states = code.mul(heads, i64(self.count))
        with code.loop(0, states) as i:
            code.write(constant(F32, _NEVER), self.tops, i)
            code.write(constant(F32, 0.0), self.sums, i)
        with code.loop(0, code.mul(states, self.padded), LANES) as i:
            code.write(constant(FLOATS, 0.0), self.mixed, i)
        # Later queries are of later tokens: the first sees the earliest position, the last one the latest.
        earliest = code.add(code.sub(self.positions[0], self.window), i64(1))
        earliest = code.select(code.icmp_signed(">", earliest, i64(0)), earliest, i64(0))
        first = code.select(self.windowed, code.sdiv(earliest, i64(PAGE_TOKENS)), i64(0))
        last = code.sdiv(self.positions[-1], i64(PAGE_TOKENS))
        with code.loop(first, code.add(last, i64(1))) as page:
            seen = self._seen(page)
            start = code.mul(code.read(self.table, I64, page), self.kv_heads)
            with code.loop(0, heads) as head:
                self._page_of_head(code.add(start, code.add(self.first_head, head)), head, seen)
        with code.loop(0, heads) as head:
            self._finish(head)

    def _seen(self, page: Any) -> list[Any]:
        """Which of the page's tokens each query sees."""
        code = self.code
        places = ir.Constant(INTS, list(range(LANES)))
        places = code.add(code.spread(code.trunc(code.mul(page, i64(LANES)), I32), INTS), places)
        everything = code.spread(code.not_(self.windowed), ir.VectorType(I1, LANES))
        seen = []
        for position in self.positions:
            here = code.spread(code.trunc(position, I32), INTS)
            begins = code.sub(here, code.spread(code.trunc(self.window, I32), INTS))
            inside = code.or_(code.icmp_signed(">", places, begins), everything)
            seen.append(code.and_(code.icmp_signed("<=", places, here), inside))
        return seen

    def _page_of_head(self, place: Any, head: Any, seen: list[Any]) -> None:
        """Adds a page of a key head, the ``place``th of the pool, to the state of head ``head`` of the range."""
        code, count = self.code, self.count
        page_size = code.mul(self.dim, i64(PAGE_TOKENS))
        keys = code.offset(self.args.pointer("keys"), code.mul(place, page_size), F16)
        state = code.mul(head, i64(count))
        scores = self._scores(keys, page_size, head)
        for m, score in enumerate(scores):
            masked = code.select(seen[m], score, constant(FLOATS, _NEVER))
            at = code.add(state, i64(m))
            before = code.read(self.tops, F32, at)
            top = code.maximum(code.folded(masked, code.maximum), before)
            code.write(top, self.tops, at)
            weight = code.exp(code.fsub(masked, code.spread(top, FLOATS)))
            weight = code.select(seen[m], weight, constant(FLOATS, 0.0))
            code.write(weight, self.weights, m * LANES)
            factor = code.exp(code.fsub(before, top))
            code.write(factor, self.factors, m)
            total = code.folded(weight, code.fadd)
            code.write(code.fma(code.read(self.sums, F32, at), factor, total), self.sums, at)
        size = code.mul(self.padded, i64(PAGE_TOKENS))
        values = code.offset(self.args.pointer("values"), code.mul(place, size), F16)
        mixed = code.offset(self.mixed, code.mul(state, self.padded), F32)
        code.call(self.mix, (values, mixed, self.weights, self.factors, self.padded))

    def _scores(self, keys: Any, page_size: Any, head: Any) -> list[Any]:
        """Of each query and the page's tokens. Two sums for each, so that one need not wait for itself."""
        code, count = self.code, self.count
        start = code.mul(code.mul(code.add(self.first_head, head), self.repeat), self.dim)
        queries = [code.offset(query, start, F32) for query in self.queries]
        even, odd = ([code.variable(FLOATS) for _ in range(count)] for _ in range(2))
        for score in (*even, *odd):
            code.store(constant(FLOATS, 0.0), score)

        def meet(i: Any, sums: list[Any]) -> None:
            at = code.mul(i, i64(LANES))
            code.prefetch(code.offset(keys, code.add(at, page_size), F16))  # of the next head
            key = code.fpext(code.read(keys, HALFS, at), FLOATS)
            for query, score in zip(queries, sums, strict=True):
                value = code.spread(code.read(query, F32, i), FLOATS)
                code.store(code.fma(value, key, code.load(score, typ=FLOATS)), score)

        pairs = code.and_(self.dim, i64(-2))
        with code.loop(0, pairs, 2) as i:
            meet(i, even)
            meet(code.add(i, i64(1)), odd)
        with code.loop(pairs, self.dim) as i:
            meet(i, even)
        for score, other in zip(even, odd, strict=True):
            total = code.fadd(code.load(score, typ=FLOATS), code.load(other, typ=FLOATS))
            code.store(code.fmul(total, self.scale), score)
        with code.if_then(self.capped):
            for score in even:
                scaled = code.fdiv(code.load(score, typ=FLOATS), self.cap)
                code.store(code.fmul(code.tanh(scaled), self.cap), score)
        return [code.load(score, typ=FLOATS) for score in even]

    def _finish(self, head: Any) -> None:
        """Writes the mixed values of a head, divided by the sum of their weights."""
        code = self.code
        start = code.mul(code.mul(code.add(self.first_head, head), self.repeat), self.dim)
        for m, target in enumerate(self.targets):
            state = code.add(code.mul(head, i64(self.count)), i64(m))
            share = code.fdiv(constant(F32, 1.0), code.read(self.sums, F32, state))
            source = code.offset(self.mixed, code.mul(state, self.padded), F32)
            place = code.offset(target, start, F32)

            def finish(i: Any, kind: ir.Type, source: Any = source, place: Any = place, share: Any = share) -> None:
                code.write(code.fmul(code.read(source, kind, i), code.spread(share, kind)), place, i)

            code.lanes(self.dim, finish)
