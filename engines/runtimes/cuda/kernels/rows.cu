// What happens to single rows between the products: embedding, norms, gates, choice of tokens.
#include "common.cuh"

#define THREADS 256

// residual[row] = table[token] * scale in float32, with the sum of its squares. A block for each row. The number of a
// step in one kernel grows as well.
extern "C" __global__ void embed(const int* tokens, const u16* table, float* residual, float* squares, int hidden, int parts,
                                 float scale, u32* number) {
    __shared__ float room[32];
    wait_for_producer();
    let_next_start();
    if (number && blockIdx.x == 0 && threadIdx.x == 0) ++*number;
    const u64 row = blockIdx.x;
    const u16* from = table + (u64)tokens[row] * hidden;
    float sum = 0;
    for (int i = threadIdx.x; i < hidden; i += blockDim.x) {
        const float value = to_float(from[i]) * scale;
        residual[row * hidden + i] = value;
        sum += value * value;
    }
    sum = block_sum(sum, room);
    for (int i = threadIdx.x; i < parts; i += blockDim.x) squares[row * parts + i] = i == 0 ? sum : 0.0f;
}

#define QUADS_OF_THREAD 8

// target[row] = norm(source[row]) in float16, with `order` and `input_scale` of a product's input, zeros up to stride; of
// the rows that `chosen` names, if it is not null. `packed`: as `packed_place` says. `scales` [rows], if it is not null, takes
// what the rows of the next norm are multiplied by (`Product`).
extern "C" __global__ void normalise(const float* source, const int* chosen, const float* weight, u16* target, const int* order,
                                     const float* input_scale, int size, int stride, float eps, int packed, float* scales) {
    __shared__ float room[32];
    const bool plain = !order && !input_scale && size % 4 == 0 && size <= QUADS_OF_THREAD * 4 * THREADS;
    float4 weights[QUADS_OF_THREAD];  // before the rows are there
    if (plain)
#pragma unroll
        for (int i = 0; i < QUADS_OF_THREAD; i++) {
            const int k = (i * THREADS + threadIdx.x) * 4;
            weights[i] = k < size ? *(const float4*)(weight + k) : make_float4(0, 0, 0, 0);
        }
    let_next_start();
    wait_for_producer();
    const float* from = source + (u64)(chosen ? chosen[blockIdx.x] : blockIdx.x) * size;
    const u64 row = blockIdx.x;
    float sum = 0;
    if (plain) {
        float4 value[QUADS_OF_THREAD];
#pragma unroll
        for (int i = 0; i < QUADS_OF_THREAD; i++) {
            const int k = (i * THREADS + threadIdx.x) * 4;
            value[i] = k < size ? *(const float4*)(from + k) : make_float4(0, 0, 0, 0);
            sum += value[i].x * value[i].x + value[i].y * value[i].y + value[i].z * value[i].z + value[i].w * value[i].w;
        }
        const float inverse = rsqrtf(block_sum(sum, room) / size + eps);
        if (scales && threadIdx.x == 0) scales[row] = inverse * SCALE_OF_ROWS;
#pragma unroll
        for (int i = 0; i < QUADS_OF_THREAD; i++) {
            const int k = (i * THREADS + threadIdx.x) * 4;
            if (k >= stride) break;
            const float4 w = weights[i];
            const u32 low = to_half2(value[i].x * inverse * w.x, value[i].y * inverse * w.y);
            const u32 high = to_half2(value[i].z * inverse * w.z, value[i].w * inverse * w.w);
            if (packed) {
                *(u32*)(target + packed_place(row, k, stride)) = low;
                *(u32*)(target + packed_place(row, k + 2, stride)) = high;
            } else {
                *(uint2*)(target + row * stride + k) = make_uint2(low, high);
            }
        }
        return;
    }
    for (int i = threadIdx.x; i < size; i += blockDim.x) sum += from[i] * from[i];
    const float inverse = rsqrtf(block_sum(sum, room) / size + eps);
    if (scales && threadIdx.x == 0) scales[row] = inverse * SCALE_OF_ROWS;
    for (int i = threadIdx.x; i < stride; i += blockDim.x) {
        const int at = order && i < size ? order[i] : i;
        float value = i < size ? from[at] * inverse * weight[at] : 0.0f;
        if (input_scale && i < size) value *= input_scale[at];
        target[packed ? packed_place(row, i, stride) : row * stride + i] = to_half(value);
    }
}

// The same without a norm, from float16.
extern "C" __global__ void prepare(const u16* source, u16* target, const int* order, const float* input_scale, int size,
                                   int source_stride, int stride, int packed) {
    wait_for_producer();
    let_next_start();
    const u64 row = blockIdx.x;
    for (int i = threadIdx.x; i < stride; i += blockDim.x) {
        const int at = order && i < size ? order[i] : i;
        float value = i < size ? to_float(source[row * source_stride + at]) : 0.0f;
        if (input_scale && i < size) value *= input_scale[at];
        target[packed ? packed_place(row, i, stride) : row * stride + i] = to_half(value);
    }
}

// residual[row] += norm(change[row]) (Gemma 2 normalises what attention and MLP add), with the sum of squares.
extern "C" __global__ void add_normalised(const u16* change, const float* weight, float* residual, float* squares,
                                          int size, int change_stride, int parts, float eps) {
    __shared__ float room[32];
    wait_for_producer();
    let_next_start();
    const u16* from = change + (u64)blockIdx.x * change_stride;
    float* to = residual + (u64)blockIdx.x * size;
    float sum = 0;
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
        const float value = to_float(from[i]);
        sum += value * value;
    }
    const float inverse = rsqrtf(block_sum(sum, room) / size + eps);
    sum = 0;
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
        const float value = to[i] + to_float(from[i]) * inverse * weight[i];
        to[i] = value;
        sum += value * value;
    }
    sum = block_sum(sum, room);
    for (int i = threadIdx.x; i < parts; i += blockDim.x) squares[(u64)blockIdx.x * parts + i] = i == 0 ? sum : 0.0f;
}

// residual[row] += bias.
extern "C" __global__ void add_bias(const float* bias, float* residual, int size) {
    wait_for_producer();
    let_next_start();
    for (int i = threadIdx.x; i < size; i += blockDim.x) residual[(u64)blockIdx.x * size + i] += bias[i];
}

// activation(gate) * up, from tiles of 8 gates and 8 ups.
extern "C" __global__ void gate(const u16* both, u16* target, const float* bias, int size, int both_stride, int target_stride, int gelu) {
    wait_for_producer();
    let_next_start();
    const u16* from = both + (u64)blockIdx.y * both_stride;
    const int i = (blockIdx.x * THREADS + threadIdx.x) * 4;
    if (i >= size) return;
    const int at = (i >> 3) * 16 + (i & 7);
    const uint2 gates = *(const uint2*)(from + at), ups = *(const uint2*)(from + at + 8);
    float g[4] = {low_half(gates.x), high_half(gates.x), low_half(gates.y), high_half(gates.y)};
    float u[4] = {low_half(ups.x), high_half(ups.x), low_half(ups.y), high_half(ups.y)};
    if (bias)
#pragma unroll
        for (int e = 0; e < 4; e++) g[e] += bias[at + e], u[e] += bias[at + 8 + e];
#pragma unroll
    for (int e = 0; e < 4; e++) g[e] = activate(g[e], gelu) * u[e];
    u16* to = target + (u64)blockIdx.y * target_stride + i;
    if (i + 3 < size) {
        *(uint2*)to = make_uint2(to_half2(g[0], g[1]), to_half2(g[2], g[3]));
    } else {
        for (int e = 0; i + e < size; e++) to[e] = to_half(g[e]);
    }
}

// target[i] = source[rows[i]] with the sum of squares; the rows whose logits are asked for.
extern "C" __global__ void choose(const float* source, const int* rows, float* target, float* squares, int size, int parts) {
    __shared__ float room[32];
    wait_for_producer();
    let_next_start();
    const float* from = source + (u64)rows[blockIdx.x] * size;
    float sum = 0;
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
        const float value = from[i];
        target[(u64)blockIdx.x * size + i] = value;
        sum += value * value;
    }
    sum = block_sum(sum, room);
    for (int i = threadIdx.x; i < parts; i += blockDim.x) squares[(u64)blockIdx.x * parts + i] = i == 0 ? sum : 0.0f;
}

// The largest logit's token of each row, the first one where several are equal. A block for each row.
extern "C" __global__ void greedy(const float* logits, int* tokens, int size, int stride) {
    __shared__ float values[32];
    __shared__ int places[32];
    wait_for_producer();
    let_next_start();
    const float* row = logits + (u64)blockIdx.x * stride;
    float best = -__int_as_float(0x7f800000);
    int place = 0x7fffffff;
    const int quads = size >> 2;
    for (int i = threadIdx.x; i < quads; i += blockDim.x) {
        const float4 four = *(const float4*)(row + i * 4);
        const float all[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
        for (int e = 0; e < 4; e++)
            if (all[e] > best) best = all[e], place = i * 4 + e;
    }
    for (int i = quads * 4 + threadIdx.x; i < size; i += blockDim.x)
        if (row[i] > best) best = row[i], place = i;
#pragma unroll
    for (int step = 16; step; step >>= 1) {
        const float other = __shfl_xor_sync(FULL, best, step);
        const int at = __shfl_xor_sync(FULL, place, step);
        if (other > best || (other == best && at < place)) best = other, place = at;
    }
    if ((threadIdx.x & 31) == 0) values[threadIdx.x >> 5] = best, places[threadIdx.x >> 5] = place;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int w = 1; w < (int)(blockDim.x >> 5); w++)
            if (values[w] > best || (values[w] == best && places[w] < place)) best = values[w], place = places[w];
        tokens[blockIdx.x] = place;
    }
}

// After a decode step: the sampled tokens become the next inputs, one position on.
extern "C" __global__ void advance(int* positions, int* slots, int* items, const int* page_table, int table_stride,
                                   int rows, int* tokens, const int* sampled) {
    wait_for_producer();
    let_next_start();
    const int row = threadIdx.x;
    if (row >= rows || slots[row] < 0) return;
    const int position = ++positions[row];
    tokens[row] = sampled[row];
    items[row * 4 + 3] = position;
    slots[row] = page_table[(u64)items[row * 4] * table_stride + position / PAGE] * PAGE + position % PAGE;
}

// Weights of a made-up model: random INT4 units, or float16 with the given spread. A thread for each 4 bytes.
extern "C" __global__ void fill_units(u32* units, u64 words, int unit_words, int scale_words, u32 seed, float spread) {
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < words; i += (u64)gridDim.x * blockDim.x) {
        u64 state = (i + 1) * 0x9e3779b97f4a7c15ull + seed;
        state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ull;
        state = (state ^ (state >> 27)) * 0x94d049bb133111ebull;
        const u32 random = (u32)(state >> 32);
        const int inside = (int)(i % unit_words);
        if (inside >= scale_words) {
            units[i] = random;
        } else if (inside & 1) {  // zero points, as 256 + zero and 16 + zero
            units[i] = to_half2(256.0f + (random & 15), 16.0f + ((random >> 4) & 15));
        } else {
            const float a = 0.8f + 0.4f * (random & 0xffff) / 65536.0f, b = 0.8f + 0.4f * (random >> 16) / 65536.0f;
            units[i] = to_half2(a * spread, b * spread);
        }
    }
}

extern "C" __global__ void fill_halves(u16* values, u64 count, u32 seed, float spread) {
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x) {
        u64 state = (i + 1) * 0x9e3779b97f4a7c15ull + seed;
        state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ull;
        state = (state ^ (state >> 27)) * 0x94d049bb133111ebull;
        values[i] = to_half(((float)(u32)(state >> 32) / 4294967296.0f - 0.5f) * 3.4641016f * spread);
    }
}
