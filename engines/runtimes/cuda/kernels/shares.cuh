// The end of attention by several warps and blocks: their shares of a softmax are added up, always in the same order.
#pragma once
#include "attention.cuh"

// Floats of a row of a share: HEAD sums of weighed values, the largest score, the sum of the weights.
#define SHARE (HEAD + 4)

// The warps' shares, [rows of a tile, SHARE] each and `stride` floats apart at `room`, then those of the `splits` blocks,
// to `mixed`. Of a tile `used` rows count: tokens from `first_row` on, each with `own_heads` heads from `first_head` on.
// All threads of the block call it; `number` says whose the shares are.
template <int WARPS_OF_BLOCK>
__device__ __forceinline__ void add_up_shares(const Attention& p, float* room, int stride, int number, int split, int splits,
                                              int used, int own_heads, int first_head, int first_row) {
    constexpr int THREADS_OF_BLOCK = 32 * WARPS_OF_BLOCK, QUADS = HEAD / 4;
    __shared__ u32 arrived;
    const int thread = threadIdx.x, warp = thread >> 5, lane = thread & 31;
    auto hand_on = [&](int row, int d, float4 v) {
        const u64 token = first_row + row / own_heads;
        const int at = (first_head + row % own_heads) * p.head + d;
        if (d >= p.head) return;
        *(u32*)(p.mixed + mixed_place(p, token, at)) = to_half2(v.x, v.y);
        *(u32*)(p.mixed + mixed_place(p, token, at + 2)) = to_half2(v.z, v.w);
    };
    float* const shares = p.partial + (u64)number * p.splits * p.tile_rows * SHARE;  // outputs of all, then the rest
    float2* const ends = (float2*)(shares + (u64)p.splits * p.tile_rows * HEAD);
    __syncthreads();
    for (int i = thread; i < used * QUADS; i += THREADS_OF_BLOCK) {
        const int row = i / QUADS, d = (i - row * QUADS) * 4;
        const float* const from = room + row * SHARE;
        float most = -1e30f, sum = 0;
        float4 out = make_float4(0, 0, 0, 0);
#pragma unroll
        for (int w = 0; w < WARPS_OF_BLOCK; w++) most = fmaxf(most, from[w * stride + HEAD]);
#pragma unroll
        for (int w = 0; w < WARPS_OF_BLOCK; w++) {
            const float factor = exp2_fast(from[w * stride + HEAD] - most);
            const float4 one = *(const float4*)(from + w * stride + d);
            out.x += one.x * factor, out.y += one.y * factor, out.z += one.z * factor, out.w += one.w * factor;
            sum += from[w * stride + HEAD + 1] * factor;
        }
        if (splits > 1) {
            *(float4*)(shares + ((u64)split * p.tile_rows + row) * HEAD + d) = out;
            if (d == 0) ends[split * p.tile_rows + row] = make_float2(most, sum);
        } else {
            const float part = 1.0f / sum;
            hand_on(row, d, make_float4(out.x * part, out.y * part, out.z * part, out.w * part));
        }
    }
    if (splits == 1) return;
    __threadfence();
    __syncthreads();
    if (thread == 0) arrived = atomicAdd(p.counters + number, 1);
    __syncthreads();
    if (arrived != (u32)splits - 1) return;
    __threadfence();
    if (thread == 0) p.counters[number] = 0;
    // What each share counts, a warp for each row; then the sums, with many loads under way.
    float* const factors = room;  // [used, splits]
    for (int row = warp; row < used; row += WARPS_OF_BLOCK) {
        float most = -1e30f, sum = 0;
        for (int s = lane; s < splits; s += 32) most = fmaxf(most, __ldcg(&ends[s * p.tile_rows + row]).x);
#pragma unroll
        for (int step = 16; step; step >>= 1) most = fmaxf(most, __shfl_xor_sync(FULL, most, step));
        for (int s = lane; s < splits; s += 32) {
            const float2 end = __ldcg(&ends[s * p.tile_rows + row]);
            const float factor = exp2_fast(end.x - most);
            factors[row * splits + s] = factor;
            sum += factor * end.y;
        }
        const float part = 1.0f / warp_sum(sum);
        for (int s = lane; s < splits; s += 32) factors[row * splits + s] *= part;
    }
    __syncthreads();
    for (int i = thread; i < used * QUADS; i += THREADS_OF_BLOCK) {
        const int row = i / QUADS, d = (i - row * QUADS) * 4;
        float4 out = make_float4(0, 0, 0, 0);
#pragma unroll 8
        for (int s = 0; s < splits; s++) {
            const float factor = factors[row * splits + s];
            const float4 one = __ldcg((const float4*)(shares + ((u64)s * p.tile_rows + row) * HEAD + d));
            out.x += one.x * factor, out.y += one.y * factor, out.z += one.z * factor, out.w += one.w * factor;
        }
        hand_on(row, d, out);
    }
}
