// A whole decode step of one token in one kernel: a block for each multiprocessor, all of them on the card together.
//
// A layer has five phases: q, k, v with rotation; attention; o; gate and up; down. No barrier stands between them. What a
// block hands to the others it stores in words of 8 bytes, 4 of data and 4 of a number that says which step and layer
// they belong to, and whoever needs them reads until that number is there (as NCCL's LL protocol does): a fence would
// wait for all the weights that are under way. The warp that reads weights ahead runs on through the phases: while a
// block waits or attends, the memory delivers what comes next.
//
// Every block has a share of every product. So nobody writes a word again before all have read it: its writer needs
// what all blocks made of it.
#include "attention.cuh"
#include "ring.cuh"

struct Stream {
    const u8* weights;
    int tiles, chunks;
};

// Words of data and number: residual streams before the MLP and after it, mixed values, gated values, q k v as they lie in
// the product's outputs, shares of attention.
struct Words {
    u64 *after_attention, *after_mlp, *mixed, *gated, *qkv, *shares;
};

struct Step {
    const Product* products;      // [streams]
    const Stream* streams;        // four for each layer, and the output layer's if it has the same kind of weights
    const Attention* attentions;  // [layers]
    const u32* number;            // grows by one with each step
    const u32* shares;            // [multiprocessors + 1]: where each one's share of the outputs begins, in 65536ths
    Words words;
    int layers, count;
};

// The share of the outputs that a multiprocessor takes.
struct Share {
    u32 begin, end;

    __device__ __forceinline__ int first(int tiles) const { return (int)(((u64)tiles * begin + 32768) >> 16); }
    __device__ __forceinline__ int last(int tiles) const { return (int)(((u64)tiles * end + 32768) >> 16); }
};

__device__ __forceinline__ void put(u64* word, u32 data, u32 number) {
    asm volatile("st.relaxed.gpu.global.v2.u32 [%0], {%1, %2};" ::"l"(word), "r"(data), "r"(number) : "memory");
}

__device__ __forceinline__ uint4 look(const u64* two) {
    uint4 words;
    asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w) : "l"(two) : "memory");
    return words;
}

// Two words once both are there. After seconds it gives up: a mistake ends in an error, not in a card that hangs.
__device__ __forceinline__ void await(const u64* two, u32 number, uint4& words) {
    for (u32 tries = 0; words.y != number || words.w != number; tries++) {
        if (tries > (1u << 22)) asm volatile("trap;");
        words = look(two);
    }
}

__device__ __forceinline__ u32 await_one(const u64* word, u32 number) {
    u32 data, seen, tries = 0;
    do {
        asm volatile("ld.relaxed.gpu.global.v2.u32 {%0, %1}, [%2];" : "=r"(data), "=r"(seen) : "l"(word) : "memory");
        if (tries++ > (1u << 22)) asm volatile("trap;");
    } while (seen != number);
    return data;
}

template <typename T>
__device__ __forceinline__ void copy_words(T* to, const T* from) {
    for (int i = threadIdx.x; i < (int)(sizeof(T) / 4); i += THREADS) ((u32*)to)[i] = ((const u32*)from)[i];
}

// The residual stream from its words, normalised, to x; `early` holds the norm's weights.
__device__ __forceinline__ void take_residual(const Product& p, const u64* words, u32 number, u16* x, float* x_sums,
                                              int slice, const Early& early) {
    __shared__ float squares[WARPS];
    const int thread = threadIdx.x;
    uint4 low[EARLY], high[EARLY];
#pragma unroll
    for (int i = 0; i < EARLY; i++) {
        const int k = (i * THREADS + thread) * 4;
        low[i] = high[i] = make_uint4(0, number, 0, number);
        if (k < p.inputs) low[i] = look(words + k), high[i] = look(words + k + 2);
        if (i == 0 && k < p.inputs) await(words + k, number, low[0]);  // few look while nothing is there
    }
    float sum = 0;
#pragma unroll
    for (int i = 0; i < EARLY; i++) {
        const int k = (i * THREADS + thread) * 4;
        if (k < p.inputs) await(words + k, number, low[i]), await(words + k + 2, number, high[i]);
        const float a = __uint_as_float(low[i].x), b = __uint_as_float(low[i].z);
        const float c = __uint_as_float(high[i].x), d = __uint_as_float(high[i].z);
        sum += a * a + b * b + c * c + d * d;
    }
    sum = warp_sum(sum);
    if ((thread & 31) == 0) squares[thread >> 5] = sum;
    block_sync();
    sum = 0;
#pragma unroll
    for (int w = 0; w < WARPS; w++) sum += squares[w];
    const float scale = rsqrtf(sum / p.inputs + p.eps);
#pragma unroll
    for (int i = 0; i < EARLY; i++) {
        const int k = (i * THREADS + thread) * 4;
        if (k >= slice) continue;  // whole warps
        const float4 w = early.weight[i];
        const u32 first = to_half2(__uint_as_float(low[i].x) * scale * w.x, __uint_as_float(low[i].z) * scale * w.y);
        const u32 second = to_half2(__uint_as_float(high[i].x) * scale * w.z, __uint_as_float(high[i].z) * scale * w.w);
        *(uint2*)(x + k) = make_uint2(first, second);
        const float all = lanes_sum<GROUP / 4>(low_half(first) + high_half(first) + low_half(second) + high_half(second));
        if (k % GROUP == 0) x_sums[k / GROUP * 8] = all;
    }
    block_sync();
}

// float16 values from their words (two in each) to x.
__device__ __forceinline__ void take_halves(const Product& p, const u64* words, u32 number, u16* x, float* x_sums, int slice) {
    const int thread = threadIdx.x;
    for (int base = 0; base < slice; base += THREADS * 32) {
        uint4 low[4], high[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int k = base + (i * THREADS + thread) * 8;
            low[i] = high[i] = make_uint4(0, number, 0, number);
            if (k < p.inputs) low[i] = look(words + k / 2), high[i] = look(words + k / 2 + 2);
            if (i == 0 && k < p.inputs) await(words + k / 2, number, low[0]);
        }
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int k = base + (i * THREADS + thread) * 8;
            if (k < p.inputs) await(words + k / 2, number, low[i]), await(words + k / 2 + 2, number, high[i]);
            const uint4 v = make_uint4(low[i].x, low[i].z, high[i].x, high[i].z);
            const float sum = lanes_sum<GROUP / 8>(low_half(v.x) + high_half(v.x) + low_half(v.y) + high_half(v.y) +
                                                   low_half(v.z) + high_half(v.z) + low_half(v.w) + high_half(v.w));
            if (k < slice) {
                *(uint4*)(x + k) = v;
                if (k % GROUP == 0) x_sums[k / GROUP * 8] = sum;
            }
        }
    }
    block_sync();
}

// Outputs g and g + 8 of a tile to whom they concern. Called by whole warps, g the lane's low three bits.
__device__ __forceinline__ void hand_on(const Product& p, const Words& words, u64* residual_words, u32 number, int tile,
                                        int g, float a, float b, bool active) {
    const int output = tile * 16 + g;
    if (active && p.bias) a += p.bias[output], b += p.bias[output + 8];
    if (p.mode == RESIDUAL) {
        float* residual = (float*)p.target;
        if (!active) return;
        if (output < p.outputs) a += residual[output], residual[output] = a, put(residual_words + output, __float_as_uint(a), number);
        if (output + 8 < p.outputs)
            b += residual[output + 8], residual[output + 8] = b, put(residual_words + output + 8, __float_as_uint(b), number);
    } else if (p.mode == GATED) {
        const float value = activate(a, p.gelu) * b, next = __shfl_down_sync(FULL, value, 1);
        const int at = tile * 8 + g;
        if (active && !(g & 1) && at < p.outputs) put(words.gated + at / 2, to_half2(value, at + 1 < p.outputs ? next : 0.0f), number);
    } else if (p.mode == LOGITS) {
        if (active) finish(p, tile, g, 0, a, b, true);
    } else {
        const int of_head = p.head >> 4, head = tile / of_head, j = tile - head * of_head;
        int first = j * 16 + g, second = first + 8;
        if (active && head < p.heads + p.kv_heads && j < (p.rotary >> 4)) {
            first = j * 8 + g, second = (p.rotary >> 1) + first;
            const int at = p.positions[0] * (p.rotary >> 1) + first;
            const float c = p.cosines[at], s = p.sines[at], turned = a * c - b * s;
            b = b * c + a * s;
            a = turned;
        }
        // Even lanes hand on two neighbours of the first half, odd ones two of the second.
        const float other_a = __shfl_xor_sync(FULL, a, 1), other_b = __shfl_xor_sync(FULL, b, 1);
        if (!active) return;
        const u32 both = g & 1 ? to_half2(other_b, b) : to_half2(a, other_a);
        const int at = head * p.head + (g & 1 ? second - 1 : first);
        put(words.qkv + at / 2, both, number);
        const int slot = p.slots[0];
        if (head < p.heads || slot < 0) return;
        const u64 page = slot / PAGE;
        const int inside = slot % PAGE;
        if (head < p.heads + p.kv_heads) {
            u16* key = p.keys + ((page * p.kv_heads + head - p.heads) * PAGE + inside) * p.head_padded;
            key[first] = to_half(a), key[second] = to_half(b);
        } else {
            u16* value = p.values + (page * p.kv_heads + head - p.heads - p.kv_heads) * PAGE * p.head_padded;
            value[value_place(inside, first)] = to_half(a), value[value_place(inside, second)] = to_half(b);
        }
    }
}

// The newest token's K and V in place of what its slot holds.
__device__ __forceinline__ void patch(PageValues& page, int inside, const u16* key, const u16* value) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, token = 4 * (g >> 1) + (g & 1);
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
        const uint4 fresh = *(const uint4*)(key + c * 32 + t * 8);
        if (token == inside) page.k[0][c] = fresh;
        if (token + 2 == inside) page.k[1][c] = fresh;
    }
    if (t != inside >> 2) return;
#pragma unroll
    for (int n = 0; n < HEAD / 16; n++) {
        const u32 a = value[n * 16 + g], b = value[n * 16 + 8 + g];
        u32& first = inside & 2 ? page.v[n].y : page.v[n].x;
        u32& second = inside & 2 ? page.v[n].w : page.v[n].z;
        first = inside & 1 ? (first & 0xffff) | (a << 16) : (first & 0xffff0000) | a;
        second = inside & 1 ? (second & 0xffff) | (b << 16) : (second & 0xffff0000) | b;
    }
}

// Attention of one token: the blocks share KV heads and pages, the warps of a block its pages.
__device__ __forceinline__ void attend_one(const Attention& p, const Words& words, u32 number, u8* room) {
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    const int repeat = p.heads / p.kv_heads, kv_head = blockIdx.x % p.kv_heads, split = blockIdx.x / p.kv_heads;
    const int position = p.items[3];
    const int first_page = p.window > 0 ? max(0, position - p.window + 1) / PAGE : 0;
    const int pages = position / PAGE + 1 - first_page, most_splits = max(1, (int)gridDim.x / p.kv_heads);
    const int share = max(p.least_pages, (pages + most_splits - 1) / most_splits), splits = (pages + share - 1) / share;
    if (split >= splits) return;
    const int begin = first_page + split * share, end = min(begin + share, first_page + pages);
    // Earlier tokens' K and V come into the L2 while q is computed.
    auto place = [&](int page) { return ((u64)p.page_table[page] * p.kv_heads + kv_head) * (PAGE * HEAD); };
    for (int page = begin + warp; page < min(end, begin + AHEAD * WARPS); page += WARPS)
        prefetch_page(p.keys + place(page), p.values + place(page));
    u16* const fresh = (u16*)room;  // [repeat + 2, HEAD]: queries, key, value
    const int pairs = HEAD / 2, of_head = p.head / 2;
    for (int i = threadIdx.x; i < (repeat + 2) * pairs; i += THREADS) {
        const int row = i / pairs, pair = i - row * pairs;
        const int head = row < repeat ? kv_head * repeat + row : p.heads + (row - repeat) * p.kv_heads + kv_head;
        ((u32*)fresh)[i] = pair < of_head ? await_one(words.qkv + head * of_head + pair, number) : 0;
    }
    block_sync();
    Columns columns;
    start(columns);
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
        const uint4 q = *(const uint4*)(fresh + (g < repeat ? g : 0) * HEAD + c * 32 + t * 8);
        columns.query[c][0] = q.x, columns.query[c][1] = q.y, columns.query[c][2] = q.z, columns.query[c][3] = q.w;
    }
    const int high[2] = {position, position}, low_token = p.window > 0 ? position - p.window + 1 : 0;
    const int low[2] = {low_token, low_token};
    for (int page = begin + warp; page < end; page += WARPS) {
        const u64 at = place(page);
        PageValues values;
        if (page + AHEAD * WARPS < end) prefetch_page(p.keys + place(page + AHEAD * WARPS), p.values + place(page + AHEAD * WARPS));
        load_page(values, p.keys + at, p.values + at);
        if (page == position / PAGE) patch(values, position % PAGE, fresh + repeat * HEAD, fresh + (repeat + 1) * HEAD);
        attend(columns, values, page * PAGE, low, high, p.scale, p.cap);
    }
    const int width = HEAD + 2, stride = repeat * width;
    float* const mine = (float*)(room + (repeat + 2) * HEAD * 2);  // [WARPS, repeat, width]
#pragma unroll
    for (int e = 0; e < 2; e++) {
        float sum = columns.sum[e];
#pragma unroll
        for (int step = 4; step < 32; step <<= 1) sum += __shfl_xor_sync(FULL, sum, step);
        if (2 * t + e >= repeat) continue;
        float* to = mine + warp * stride + (2 * t + e) * width;
#pragma unroll
        for (int n = 0; n < HEAD / 16; n++) to[n * 16 + g] = columns.out[n][e], to[n * 16 + 8 + g] = columns.out[n][2 + e];
        if (g == 0) to[HEAD] = columns.most[e], to[HEAD + 1] = sum;
    }
    block_sync();
    const int warps = min(WARPS, end - begin);
    u64* const shared_words = words.shares + (u64)kv_head * most_splits * stride;
    // Two neighbouring dimensions for each thread.
    for (int i = threadIdx.x; i < repeat * pairs; i += THREADS) {
        const int row = i / pairs, d = (i - row * pairs) * 2;
        const float* from = mine + row * width;
        float most = -1e30f, sum = 0, a = 0, b = 0;
        for (int w = 0; w < warps; w++) most = fmaxf(most, from[w * stride + HEAD]);
        for (int w = 0; w < warps; w++) {
            const float factor = exp2_fast(from[w * stride + HEAD] - most);
            a += from[w * stride + d] * factor, b += from[w * stride + d + 1] * factor;
            sum += from[w * stride + HEAD + 1] * factor;
        }
        if (split > 0) {
            u64* to = shared_words + split * stride + row * width;
            put(to + d, __float_as_uint(a), number), put(to + d + 1, __float_as_uint(b), number);
            if (d == 0) put(to + HEAD, __float_as_uint(most), number), put(to + HEAD + 1, __float_as_uint(sum), number);
            continue;
        }
        for (int s = 1; s < splits; s++) {
            const u64* other = shared_words + s * stride + row * width;
            uint4 ends = look(other + HEAD), values = look(other + d);
            await(other + HEAD, number, ends), await(other + d, number, values);
            const float their_most = __uint_as_float(ends.x), both = fmaxf(most, their_most);
            const float mine_factor = exp2_fast(most - both), their_factor = exp2_fast(their_most - both);
            a = a * mine_factor + __uint_as_float(values.x) * their_factor;
            b = b * mine_factor + __uint_as_float(values.z) * their_factor;
            sum = sum * mine_factor + __uint_as_float(ends.z) * their_factor;
            most = both;
        }
        if (d < p.head) put(words.mixed + ((kv_head * repeat + row) * p.head + d) / 2, to_half2(a / sum, b / sum), number);
    }
    block_sync();
}

extern "C" __global__ void __launch_bounds__(THREADS + 32, 1) step(const __grid_constant__ Step step) {
    extern __shared__ __align__(128) u8 memory[];
    __shared__ Product p;
    __shared__ Attention attention;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    u8* const room = memory + RING_SLICES * SLICE;  // a product's sums and inputs, or attention's shares
    __shared__ __align__(8) u64 barriers[2 * RING_SLICES];
    u32 multiprocessor;
    asm("mov.u32 %0, %smid;" : "=r"(multiprocessor));
    const Share share = {step.shares[multiprocessor], step.shares[multiprocessor + 1]};
    Taker<RING_SLICES> taker;
    taker.ring.init(memory, barriers);
    if (warp == WARPS) {
        u32 filled = 0;
        for (int number = 0; number < step.count; number++) {
            const Stream stream = step.streams[number];
            const int begins = share.first(stream.tiles);
            filled = taker.ring.fill(stream.weights + (u64)begins * stream.chunks * UNIT, share.last(stream.tiles) - begins,
                                     stream.chunks >> 1, (u64)stream.chunks * UNIT, filled);
        }
        return;
    }
    u32 taken = 0;
    wait_for_producer();
    const u32 first_number = *step.number * (u32)(step.layers + 1);
#pragma unroll 1
    for (int phase = 0; phase < step.count; phase++) {
        const int layer = phase >> 2, of_layer = phase & 3;
        const u32 number = first_number + layer;
        if (of_layer == 1) {
            copy_words(&attention, step.attentions + layer);
            block_sync();
            attend_one(attention, step.words, number, room);
        }
        copy_words(&p, step.products + phase);
        block_sync();
        const int first_tile = share.first(p.tiles), own_tiles = share.last(p.tiles) - first_tile;
        const int pairs = p.chunks >> 1, slice = pairs * 256;
        float4* const sums = (float4*)room;  // [batch_tiles, WARPS, 8]
        float* const x_sums = (float*)(sums + p.batch_tiles * (WARPS * 8));
        u16* const x = (u16*)(x_sums + 2 * pairs * GROUPS_OF_CHUNK * 8);
        if (of_layer == 1) {
            take_halves(p, step.words.mixed, number, x, x_sums, slice);
        } else if (of_layer == 3) {
            take_halves(p, step.words.gated, number, x, x_sums, slice);
        } else {
            Early early;
            load_early(p, 0, slice, early);
            if (phase == 0) load_rows<1, 4>(p, x, x_sums, slice, 0, slice, early);
            else if (of_layer == 0) take_residual(p, step.words.after_mlp, number - 1, x, x_sums, slice, early);
            else take_residual(p, step.words.after_attention, number, x, x_sums, slice, early);
        }
        const u16* const columns[1] = {x + t * 8};
        int place = warp;
        taker.start(taken);
        for (int batch = 0; batch < own_tiles; batch += p.batch_tiles) {
            const int tiles = min(p.batch_tiles, own_tiles - batch);
            for (int i = 0; i < tiles; i++) {
                float sum[1][4];
                multiply_tile<1, 1>(memory, taker, place, pairs, columns, x_sums, sum);
                if (t == 0) sums[(i * WARPS + warp) * 8 + g] = make_float4(sum[0][0], 0, sum[0][2], 0);
            }
            block_sync();
            for (int i = threadIdx.x; i < ((tiles * 8 + 31) & ~31); i += THREADS) {
                const int inner = i & 7, tile = i >> 3;
                const bool active = i < tiles * 8;
                float a = 0, b = 0;
                if (active) {
#pragma unroll
                    for (int w = 0; w < WARPS; w++) {
                        const float4 one = sums[(tile * WARPS + w) * 8 + inner];
                        a += one.x, b += one.z;
                    }
                }
                hand_on(p, step.words, of_layer == 1 ? step.words.after_attention : step.words.after_mlp, number,
                        first_tile + batch + tile, inner, a, b, active);
            }
            block_sync();
        }
        release_rest(taker, own_tiles * pairs);
        taken += (own_tiles * pairs + 3) >> 2;
    }
}
