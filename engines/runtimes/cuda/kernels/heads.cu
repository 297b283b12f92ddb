// What stands between a layer's q, k and v as a product leaves them and its attention: norms of heads, rotation, K and V
// to their pages.
#include "kv.cuh"

#define PAIRS ((HEAD / 2 + 31) / 32)  // of each lane

struct Heads {
    const u16* source;   // [rows, stride]: q, k, v of a row as the product leaves them, rotated pairs 8 apart
    const float* bias;   // in the same order, or null
    const float* query_norm;  // [head] or null
    const float* key_norm;
    const int* positions;
    const int* slots;
    const float* cosines;
    const float* sines;
    u16* query;   // [rows, heads, HEAD]
    u16* keys;
    u16* values;
    int stride, heads, kv_heads, head, rotary;
    float eps;
};

#if KV != KV_FP16
// The codes of a token's K or V, at `place` of each dimension, and their scale. By a whole warp.
template <typename Place>
__device__ __forceinline__ void store_codes(u8* block, int inside, const float (&a)[PAIRS], const float (&b)[PAIRS],
                                            const int (&first)[PAIRS], const int (&second)[PAIRS], int pairs, Place place) {
    const int lane = threadIdx.x & 31;
    float most = 0;
#pragma unroll
    for (int n = 0; n < PAIRS; n++) most = fmaxf(most, fmaxf(fabsf(a[n]), fabsf(b[n])));
#pragma unroll
    for (int step = 16; step; step >>= 1) most = fmaxf(most, __shfl_xor_sync(FULL, most, step));
    const u16 half = to_half(fminf(most / LARGEST_CODE, 65504.0f));
    const float scale = to_float(half), inverse = scale > 0 ? 1.0f / scale : 0.0f;
    if (lane == 0) *(u16*)(block + PAGE * HEAD + inside * 2) = half;
#pragma unroll
    for (int n = 0; n < PAIRS; n++)
        if (lane + 32 * n < pairs) block[place(first[n])] = code_of(a[n] * inverse), block[place(second[n])] = code_of(b[n] * inverse);
}
#endif

// A warp for each head of each row; grid (blocks of heads, rows).
extern "C" __global__ void rotate(const __grid_constant__ Heads p) {
    wait_for_producer();
    let_next_start();
    const int number = blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5), lane = threadIdx.x & 31;
    if (number >= p.heads + 2 * p.kv_heads) return;
    const u64 row = blockIdx.y;
    const u16* from = p.source + row * p.stride + number * p.head;
    const float* bias = p.bias ? p.bias + number * p.head : 0;
    const bool is_key = number >= p.heads && number < p.heads + p.kv_heads, is_value = number >= p.heads + p.kv_heads;
    const float* norm = is_value ? 0 : is_key ? p.key_norm : p.query_norm;
    float inverse = 1.0f;
    if (norm) {
        float sum = 0;
        for (int i = lane; i < p.head; i += 32) {
            const float value = to_float(from[i]) + (bias ? bias[i] : 0.0f);
            sum += value * value;
        }
        inverse = rsqrtf(warp_sum(sum) / p.head + p.eps);
    }
    const int slot = p.slots[row], pairs = p.head / 2;
    if (number >= p.heads && slot < 0) return;
    // A pair of features of a tile of 16 for each lane and round.
    float a[PAIRS], b[PAIRS];
    int first[PAIRS], second[PAIRS];
#pragma unroll
    for (int n = 0; n < PAIRS; n++) {
        const int i = lane + 32 * n, j = i >> 3, g = i & 7, at = j * 16 + g;
        a[n] = b[n] = 0;
        first[n] = at, second[n] = at + 8;
        if (i >= pairs) continue;
        a[n] = to_float(from[at]) + (bias ? bias[at] : 0.0f), b[n] = to_float(from[at + 8]) + (bias ? bias[at + 8] : 0.0f);
        if (is_value || j >= (p.rotary >> 4)) {
            if (norm) a[n] *= inverse * norm[at], b[n] *= inverse * norm[at + 8];
            continue;
        }
        first[n] = j * 8 + g, second[n] = (p.rotary >> 1) + first[n];
        if (norm) a[n] *= inverse * norm[first[n]], b[n] *= inverse * norm[second[n]];
        const int angle = p.positions[row] * (p.rotary >> 1) + first[n];
        const float c = p.cosines[angle], s = p.sines[angle], turned = a[n] * c - b[n] * s;
        b[n] = b[n] * c + a[n] * s;
        a[n] = turned;
    }
    if (number < p.heads) {
        u16* const to = p.query + (row * p.heads + number) * HEAD;
#pragma unroll
        for (int n = 0; n < PAIRS; n++)
            if (lane + 32 * n < pairs) to[first[n]] = to_half(a[n]), to[second[n]] = to_half(b[n]);
        return;
    }
    const u64 page = slot / PAGE;
    const int inside = slot % PAGE, head = number - p.heads - (is_value ? p.kv_heads : 0);
    u8* const block = block_of(is_value ? p.values : p.keys, page * p.kv_heads + head);
#if KV == KV_FP16
    u16* const to = (u16*)block;
#pragma unroll
    for (int n = 0; n < PAIRS; n++) {
        if (lane + 32 * n >= pairs) continue;
        to[is_value ? value_place(inside, first[n]) : inside * HEAD + first[n]] = to_half(a[n]);
        to[is_value ? value_place(inside, second[n]) : inside * HEAD + second[n]] = to_half(b[n]);
    }
#else
    if (is_value)
        store_codes(block, inside, a, b, first, second, pairs, [=](int d) { return value_place(inside, d); });
    else
        store_codes(block, inside, a, b, first, second, pairs, [=](int d) { return inside * HEAD + d; });
#endif
}
