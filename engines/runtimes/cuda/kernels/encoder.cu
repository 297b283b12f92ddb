// Encoders of BERT's form over rows of tokens that lie one behind the other, without padding: embeddings, products,
// attention, layer norms, and what is read off the last states. HIDDEN features, heads of HEAD (32 or 64).
//
// What a token's row comes out as depends on its own row of tokens alone: no sum's order changes with what else is computed.
#define L2_ASKS_FOR "256B"
#include "tiles.cuh"

#define PAIRS (HIDDEN / 64)  // pairs of features that a lane holds of a token

struct Embed {
    const int *words, *positions, *kinds;  // of each token
    const u8* codes;                       // of the word table, see `WordTable`
    const float *scales, *places, *types, *weight, *bias;
    u16* target;
    int rows, bits, block, zero;
    float eps;
};

__device__ __forceinline__ float word(const Embed& p, u64 at) {
    float code;
    if (p.bits == 4) code = (float)((p.codes[at >> 1] >> (4 * (at & 1))) & 15);
    else if (p.bits == 8) code = (float)(signed char)p.codes[at];
    else code = to_float(((const u16*)p.codes)[at]);
    return (code - (float)p.zero) * p.scales[at / p.block];
}

// Layer norm of a token that a warp holds, pair i of a lane at feature 64 i + 2 lane.
__device__ __forceinline__ void normalise(float (&x)[PAIRS][2], const float* weight, const float* bias, float eps, u16* target) {
    const int lane = threadIdx.x & 31;
    float sum = 0, squares = 0;
#pragma unroll
    for (int i = 0; i < PAIRS; i++) sum += x[i][0] + x[i][1];
    const float mean = warp_sum(sum) / HIDDEN;
#pragma unroll
    for (int i = 0; i < PAIRS; i++) {
        x[i][0] -= mean, x[i][1] -= mean;
        squares += x[i][0] * x[i][0] + x[i][1] * x[i][1];
    }
    const float factor = rsqrtf(warp_sum(squares) / HIDDEN + eps);
#pragma unroll
    for (int i = 0; i < PAIRS; i++) {
        const int at = 64 * i + 2 * lane;
        const float2 w = *(const float2*)(weight + at), b = *(const float2*)(bias + at);
        *(u32*)(target + at) = to_half2(x[i][0] * factor * w.x + b.x, x[i][1] * factor * w.y + b.y);
    }
}

// A warp for a token.
extern "C" __global__ void embed(const __grid_constant__ Embed p) {
    wait_for_producer();
    const int lane = threadIdx.x & 31, row = blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
    if (row >= p.rows) return;
    const u64 base = (u64)p.words[row] * HIDDEN;
    const float *place = p.places + (u64)p.positions[row] * HIDDEN, *type = p.types + (u64)p.kinds[row] * HIDDEN;
    float x[PAIRS][2];
#pragma unroll
    for (int i = 0; i < PAIRS; i++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            const int at = 64 * i + 2 * lane + e;
            x[i][e] = word(p, base + at) + place[at] + type[at];
        }
    normalise(x, p.weight, p.bias, p.eps, p.target + (u64)row * HIDDEN);
}

struct NormRows {
    const u16* source;
    const float *weight, *bias;
    u16* target;
    int rows;
    float eps;
};

// A warp for a token.
extern "C" __global__ void norm_rows(const __grid_constant__ NormRows p) {
    wait_for_producer();
    const int lane = threadIdx.x & 31, row = blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
    if (row >= p.rows) return;
    float x[PAIRS][2];
#pragma unroll
    for (int i = 0; i < PAIRS; i++) {
        const u32 both = *(const u32*)(p.source + (u64)row * HIDDEN + 64 * i + 2 * lane);
        x[i][0] = low_half(both), x[i][1] = high_half(both);
    }
    normalise(x, p.weight, p.bias, p.eps, p.target + (u64)row * HIDDEN);
}

enum { PLAIN, GELU, ADD };

struct Multiply {
    const u16 *x, *weights;  // [rows, inputs], [outputs, inputs]; inputs in 32s, outputs in pairs
    const float* bias;
    const u16* residual;     // [rows, outputs], for ADD
    u16* y;                  // [rows, outputs]
    int rows, outputs, inputs, mode;
};

#define TILE_ROWS 128
#define TILE_OUTPUTS 128
#define STEP 32  // inputs at a time
#define STAGES 3

// y = x W^T + bias. A block of 8 warps for 128 rows by 128 outputs, a warp for 64 by 32. Grid (outputs, rows).
extern "C" __global__ void __launch_bounds__(256) multiply(const __grid_constant__ Multiply p) {
    __shared__ __align__(128) u16 x_tiles[STAGES][TILE_ROWS * STEP], w_tiles[STAGES][TILE_OUTPUTS * STEP];
    wait_for_producer();
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    const int first_row = blockIdx.y * TILE_ROWS, first_output = blockIdx.x * TILE_OUTPUTS;
    const int warp_row = (warp & 1) * 64, warp_output = (warp >> 1) * 32;
    auto load = [&](int step) {
        const int stage = step % STAGES;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            const int at = threadIdx.x + i * 256, row = at >> 2, piece = at & 3;
            const u64 column = step * STEP + piece * 8;
            copy_async(piece_at<STEP>(x_tiles[stage], row, piece), p.x + (u64)min(first_row + row, p.rows - 1) * p.inputs + column);
            copy_async(piece_at<STEP>(w_tiles[stage], row, piece), p.weights + (u64)min(first_output + row, p.outputs - 1) * p.inputs + column);
        }
    };
    const int steps = p.inputs / STEP;
#pragma unroll
    for (int step = 0; step < STAGES - 1; step++) {
        if (step < steps) load(step);
        copies_commit();
    }
    float sums[4][4][4] = {};
    for (int step = 0; step < steps; step++) {
        copies_wait<STAGES - 2>();
        __syncthreads();
        if (step + STAGES - 1 < steps) load(step + STAGES - 1);
        copies_commit();
        const u16 *const x_tile = x_tiles[step % STAGES], *const w_tile = w_tiles[step % STAGES];
#pragma unroll
        for (int k = 0; k < STEP / 16; k++) {
            u32 a[4][4], b[2][4];
#pragma unroll
            for (int m = 0; m < 4; m++) load_rows<STEP>(a[m], x_tile, warp_row + 16 * m, 2 * k);
#pragma unroll
            for (int n = 0; n < 2; n++) load_columns<STEP>(b[n], w_tile, warp_output + 16 * n, 2 * k);
#pragma unroll
            for (int m = 0; m < 4; m++)
#pragma unroll
                for (int n = 0; n < 4; n++)
                    mma(sums[m][n], a[m][0], a[m][1], a[m][2], a[m][3], b[n >> 1][2 * (n & 1)], b[n >> 1][2 * (n & 1) + 1]);
        }
    }
#pragma unroll
    for (int m = 0; m < 4; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = first_row + warp_row + 16 * m + g + 8 * half;
            if (row >= p.rows) continue;
#pragma unroll
            for (int n = 0; n < 4; n++) {
                const int output = first_output + warp_output + 8 * n + 2 * t;
                if (output >= p.outputs) continue;
                float low = sums[m][n][2 * half] + p.bias[output], high = sums[m][n][2 * half + 1] + p.bias[output + 1];
                const u64 at = (u64)row * p.outputs + output;
                if (p.mode == GELU) {
                    low = 0.5f * low * (1.0f + erff(low * 0.70710678f));
                    high = 0.5f * high * (1.0f + erff(high * 0.70710678f));
                } else if (p.mode == ADD) {
                    const u32 both = *(const u32*)(p.residual + at);
                    low += low_half(both), high += high_half(both);
                }
                *(u32*)(p.y + at) = to_half2(low, high);
            }
        }
}

struct Attend {
    const u16* qkv;    // [rows, 3 HIDDEN]
    const int* items;  // for 64 queries each: first token of the row, tokens of it, first query
    u16* target;       // [rows, HIDDEN]
};

#define KEYS 64  // at a time

// Every token of a row against every other one. A block of 4 warps for 64 queries of a head, 16 each. Grid (heads, items).
extern "C" __global__ void __launch_bounds__(128) attend_rows(const __grid_constant__ Attend p) {
    __shared__ __align__(128) u16 key_tiles[2][KEYS * HEAD], value_tiles[2][KEYS * HEAD];
    wait_for_producer();
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    const int first = p.items[3 * blockIdx.y], tokens = p.items[3 * blockIdx.y + 1], query = p.items[3 * blockIdx.y + 2] + 16 * warp;
    const u16* const own = p.qkv + (u64)first * 3 * HIDDEN + blockIdx.x * HEAD;
    auto load = [&](int tile) {
#pragma unroll
        for (int i = 0; i < KEYS * HEAD / 8 / 128; i++) {
            const int at = threadIdx.x + i * 128, key = at / (HEAD / 8), piece = at % (HEAD / 8);
            const u16* const from = own + (u64)min(tile * KEYS + key, tokens - 1) * 3 * HIDDEN + piece * 8;
            copy_async(piece_at<HEAD>(key_tiles[tile & 1], key, piece), from + HIDDEN);
            copy_async(piece_at<HEAD>(value_tiles[tile & 1], key, piece), from + 2 * HIDDEN);
        }
        copies_commit();
    };
    load(0);
    u32 q[HEAD / 16][4];
#pragma unroll
    for (int k = 0; k < HEAD / 16; k++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int token = min(query + g + 8 * (i & 1), tokens - 1);
            q[k][i] = *(const u32*)(own + (u64)token * 3 * HIDDEN + 16 * k + 8 * (i >> 1) + 2 * t);
        }
    const float scale = rsqrtf((float)HEAD) * 1.44269504f;
    float out[HEAD / 8][4] = {}, most[2] = {-1e30f, -1e30f}, sum[2] = {0, 0};
    const int tiles = (tokens + KEYS - 1) / KEYS;
    for (int tile = 0; tile < tiles; tile++) {
        if (tile + 1 < tiles) load(tile + 1);
        else copies_commit();
        copies_wait<1>();
        __syncthreads();
        float scores[KEYS / 8][4] = {};
#pragma unroll
        for (int n = 0; n < KEYS / 16; n++)
#pragma unroll
            for (int k = 0; k < HEAD / 16; k++) {
                u32 b[4];
                load_columns<HEAD>(b, key_tiles[tile & 1], 16 * n, 2 * k);
                mma(scores[2 * n], q[k][0], q[k][1], q[k][2], q[k][3], b[0], b[1]);
                mma(scores[2 * n + 1], q[k][0], q[k][1], q[k][2], q[k][3], b[2], b[3]);
            }
        float highest[2] = {most[0], most[1]};
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const bool there = tile * KEYS + 8 * n + 2 * t + (i & 1) < tokens;
                scores[n][i] = there ? scores[n][i] * scale : -1e30f;
                highest[i >> 1] = fmaxf(highest[i >> 1], scores[n][i]);
            }
#pragma unroll
        for (int half = 0; half < 2; half++) {
            highest[half] = fmaxf(highest[half], __shfl_xor_sync(FULL, highest[half], 1));
            highest[half] = fmaxf(highest[half], __shfl_xor_sync(FULL, highest[half], 2));
            const float less = exp2_fast(most[half] - highest[half]);
            most[half] = highest[half], sum[half] *= less;
#pragma unroll
            for (int d = 0; d < HEAD / 8; d++) out[d][2 * half] *= less, out[d][2 * half + 1] *= less;
        }
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) sum[i >> 1] += scores[n][i] = exp2_fast(scores[n][i] - most[i >> 1]);
#pragma unroll
        for (int k = 0; k < KEYS / 16; k++) {
            const u32 a0 = to_half2(scores[2 * k][0], scores[2 * k][1]), a1 = to_half2(scores[2 * k][2], scores[2 * k][3]);
            const u32 a2 = to_half2(scores[2 * k + 1][0], scores[2 * k + 1][1]), a3 = to_half2(scores[2 * k + 1][2], scores[2 * k + 1][3]);
#pragma unroll
            for (int d = 0; d < HEAD / 16; d++) {
                u32 b[4];
                load_turned<HEAD>(b, value_tiles[tile & 1], 16 * k, 2 * d);
                mma(out[2 * d], a0, a1, a2, a3, b[0], b[1]);
                mma(out[2 * d + 1], a0, a1, a2, a3, b[2], b[3]);
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        sum[half] += __shfl_xor_sync(FULL, sum[half], 1);
        sum[half] += __shfl_xor_sync(FULL, sum[half], 2);
        const int token = query + g + 8 * half;
        if (token >= tokens) continue;
        const float share = 1.0f / sum[half];
        u16* const target = p.target + (u64)(first + token) * HIDDEN + blockIdx.x * HEAD + 2 * t;
#pragma unroll
        for (int d = 0; d < HEAD / 8; d++)
            *(u32*)(target + 8 * d) = to_half2(out[d][2 * half] * share, out[d][2 * half + 1] * share);
    }
}

struct Pool {
    const u16* source;
    const int* starts;  // [rows + 1] of their tokens
    void* target;
};

// The mean of a row's tokens as a vector of length 1, float32. A block for a row, a thread for a pair of features.
extern "C" __global__ void mean_rows(const __grid_constant__ Pool p) {
    __shared__ float room[32];
    wait_for_producer();
    const int first = p.starts[blockIdx.x], last = p.starts[blockIdx.x + 1], at = 2 * threadIdx.x;
    float low = 0, high = 0;
    for (int token = first; token < last; token++) {
        const u32 both = *(const u32*)(p.source + (u64)token * HIDDEN + at);
        low += low_half(both), high += high_half(both);
    }
    const float factor = rsqrtf(fmaxf(block_sum(low * low + high * high, room), 1e-24f));
    *(float2*)((float*)p.target + (u64)blockIdx.x * HIDDEN + at) = make_float2(low * factor, high * factor);
}

// The first token of each row, float16.
extern "C" __global__ void first_of_rows(const __grid_constant__ Pool p) {
    wait_for_producer();
    const int at = 2 * threadIdx.x;
    *(u32*)((u16*)p.target + (u64)blockIdx.x * HIDDEN + at) = *(const u32*)(p.source + (u64)p.starts[blockIdx.x] * HIDDEN + at);
}

struct Judge {
    const u16* source;  // [rows, judgements * HIDDEN]
    const float *weight, *bias;  // [judgements, HIDDEN], [judgements]
    float* target;      // [rows, judgements]
};

// weight . tanh(source) + bias. A warp for a row (x) and a judgement (y).
extern "C" __global__ void judge(const __grid_constant__ Judge p) {
    wait_for_producer();
    const int lane = threadIdx.x & 31;
    const u64 at = (u64)blockIdx.x * gridDim.y + blockIdx.y;
    float sum = 0;
    for (int i = lane; i < HIDDEN; i += 32) sum += p.weight[blockIdx.y * HIDDEN + i] * tanhf(to_float(p.source[at * HIDDEN + i]));
    sum = warp_sum(sum);
    if (lane == 0) p.target[at] = sum + p.bias[blockIdx.y];
}

struct Band {
    const u16* source;  // [tokens, 2 pair + 2]: of a span's first token, of its last one, both scores
    const int* ends;    // of each token, where its row ends
    float* target;      // [tokens, width]
    int tokens, pair, width;
    float scale;
};

// How well the span from a token to each of the next ones fits. A warp for a token.
extern "C" __global__ void span_band(const __grid_constant__ Band p) {
    wait_for_producer();
    const int lane = threadIdx.x & 31, token = blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
    if (token >= p.tokens) return;
    const u64 stride = 2 * p.pair + 2;
    const u16* const left = p.source + token * stride;
    for (int d = lane; d < p.width; d += 32) {
        float score = to_float(left[2 * p.pair]);
        if (token + d < p.ends[token]) {
            const u16* const right = p.source + (token + d) * stride + p.pair;
            float sum = 0;
            for (int i = 0; i < p.pair; i++) sum += to_float(left[i]) * to_float(right[i]);
            score += sum * p.scale + to_float(right[p.pair + 1]);
        }
        p.target[(u64)token * p.width + d] = score;
    }
}
