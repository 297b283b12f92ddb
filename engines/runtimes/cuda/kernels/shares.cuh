// The end of attention by several warps and blocks: their shares of a softmax are added up, always in the same order.
#pragma once
#include "attention.cuh"

// Floats of a row of a share: HEAD sums of weighed values, the largest score, the sum of the weights.
#define SHARE (HEAD + 4)
#define MOST_OF_CLUSTER 8  // blocks
#define MOST_SPLITS 64

// A tile's rows: tokens from `first_row` on, each with `own_heads` heads from `first_head` on; `used` of them count.
struct TileRows {
    int used, own_heads, first_head, first_row;

    // Four values of a row from dimension d on, to `mixed`.
    __device__ __forceinline__ void hand_on(const Attention& p, int row, int d, float4 v) const {
        const u64 token = first_row + row / own_heads;
        const int at = (first_head + row % own_heads) * p.head + d;
        if (d >= p.head) return;
        *(u32*)(p.mixed + mixed_place(p, token, at)) = to_half2(v.x, v.y);
        *(u32*)(p.mixed + mixed_place(p, token, at + 2)) = to_half2(v.z, v.w);
    }
};

// Four sums of weighed values, the largest score, the sum of the weights.
struct Sums {
    float4 out = make_float4(0, 0, 0, 0);
    float most = -1e30f, sum = 0;

    __device__ __forceinline__ void add(float4 one, float their_most, float their_sum) {
        const float factor = exp2_fast(their_most - most);
        out.x += one.x * factor, out.y += one.y * factor, out.z += one.z * factor, out.w += one.w * factor;
        sum += their_sum * factor;
    }
    __device__ __forceinline__ float4 mean() const {
        const float part = 1.0f / sum;
        return make_float4(out.x * part, out.y * part, out.z * part, out.w * part);
    }
};

// Those of a block's warps, whose shares lie `stride` floats apart; `from` is the first one's row.
template <int WARPS_OF_BLOCK>
__device__ __forceinline__ Sums sums_of_warps(const float* from, int stride, int d) {
    Sums sums;
#pragma unroll
    for (int w = 0; w < WARPS_OF_BLOCK; w++) sums.most = fmaxf(sums.most, from[w * stride + HEAD]);
#pragma unroll
    for (int w = 0; w < WARPS_OF_BLOCK; w++)
        sums.add(*(const float4*)(from + w * stride + d), from[w * stride + HEAD], from[w * stride + HEAD + 1]);
    return sums;
}

#if __CUDA_ARCH__ >= 900
// The warps' shares, [rows of a tile, SHARE] each and `stride` floats apart at `room`, then those of the blocks of a cluster,
// `splits` of them, to `mixed`. A block's own sums take the place of its first warp's, but for the last two floats of a row.
template <int WARPS_OF_BLOCK>
__device__ __forceinline__ void add_up_cluster(const Attention& p, float* room, int stride, int split, int splits, const TileRows& rows) {
    constexpr int THREADS_OF_BLOCK = 32 * WARPS_OF_BLOCK, QUADS = HEAD / 4;
    __syncthreads();
    for (int i = threadIdx.x; i < rows.used * QUADS; i += THREADS_OF_BLOCK) {
        const int row = i / QUADS, d = (i - row * QUADS) * 4;
        const Sums sums = sums_of_warps<WARPS_OF_BLOCK>(room + row * SHARE, stride, d);
        *(float4*)(room + row * SHARE + d) = sums.out;
        if (d == 0) *(float2*)(room + row * SHARE + HEAD + 2) = make_float2(sums.most, sums.sum);
    }
    cluster_arrive(), cluster_wait();
    const u32 address = shared_address(room);
    for (int i = split * THREADS_OF_BLOCK + threadIdx.x; i < rows.used * QUADS; i += splits * THREADS_OF_BLOCK) {
        const int row = i / QUADS, d = (i - row * QUADS) * 4;
        float4 out[MOST_OF_CLUSTER], ends[MOST_OF_CLUSTER];
        Sums sums;
#pragma unroll
        for (int s = 0; s < MOST_OF_CLUSTER; s++) {
            if (s >= splits) continue;
            const u32 theirs = address_in(address + row * SHARE * 4, s);
            out[s] = load_four_of_cluster(theirs + d * 4), ends[s] = load_four_of_cluster(theirs + HEAD * 4);
        }
#pragma unroll
        for (int s = 0; s < MOST_OF_CLUSTER; s++)
            if (s < splits) sums.most = fmaxf(sums.most, ends[s].z);
#pragma unroll
        for (int s = 0; s < MOST_OF_CLUSTER; s++)
            if (s < splits) sums.add(out[s], ends[s].z, ends[s].w);
        rows.hand_on(p, row, d, sums.mean());
    }
    cluster_arrive(), cluster_wait();  // nobody goes while others read its memory
}
#endif

// The warps' shares, [rows of a tile, SHARE] each and `stride` floats apart at `room`, then those of the `splits` blocks,
// to `mixed`, through the card's memory. All threads of the block call it; `number` says whose the shares are.
template <int WARPS_OF_BLOCK>
__device__ __forceinline__ void add_up_shares(const Attention& p, float* room, int stride, int number, int split, int splits,
                                              const TileRows& rows) {
    constexpr int THREADS_OF_BLOCK = 32 * WARPS_OF_BLOCK, QUADS = HEAD / 4;
    __shared__ u32 arrived;
    const int thread = threadIdx.x, warp = thread >> 5, lane = thread & 31, used = rows.used;
    float* const shares = p.partial + (u64)number * p.splits * p.tile_rows * SHARE;  // outputs of all, then the rest
    float2* const ends = (float2*)(shares + (u64)p.splits * p.tile_rows * HEAD);
    __syncthreads();
    for (int i = thread; i < used * QUADS; i += THREADS_OF_BLOCK) {
        const int row = i / QUADS, d = (i - row * QUADS) * 4;
        const Sums sums = sums_of_warps<WARPS_OF_BLOCK>(room + row * SHARE, stride, d);
        if (splits > 1) {
            *(float4*)(shares + ((u64)split * p.tile_rows + row) * HEAD + d) = sums.out;
            if (d == 0) ends[split * p.tile_rows + row] = make_float2(sums.most, sums.sum);
        } else {
            rows.hand_on(p, row, d, sums.mean());
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
        constexpr int OF_LANE = MOST_SPLITS / 32;
        float2 own[OF_LANE];
        float most = -1e30f, sum = 0;
#pragma unroll
        for (int i = 0; i < OF_LANE; i++) {
            const int s = lane + i * 32;
            own[i] = s < splits ? __ldcg(&ends[s * p.tile_rows + row]) : make_float2(-1e30f, 0);
        }
#pragma unroll
        for (int i = 0; i < OF_LANE; i++) most = fmaxf(most, own[i].x);
#pragma unroll
        for (int step = 16; step; step >>= 1) most = fmaxf(most, __shfl_xor_sync(FULL, most, step));
#pragma unroll
        for (int i = 0; i < OF_LANE; i++) own[i].x = exp2_fast(own[i].x - most), sum += own[i].x * own[i].y;
        const float part = 1.0f / warp_sum(sum);
#pragma unroll
        for (int i = 0; i < OF_LANE; i++)
            if (lane + i * 32 < splits) factors[row * splits + lane + i * 32] = own[i].x * part;
    }
    __syncthreads();
    for (int i = thread; i < used * QUADS; i += THREADS_OF_BLOCK) {
        const int row = i / QUADS, d = (i - row * QUADS) * 4;
        float4 out = make_float4(0, 0, 0, 0);
#pragma unroll 16
        for (int s = 0; s < splits; s++) {
            const float factor = factors[row * splits + s];
            const float4 one = __ldcg((const float4*)(shares + ((u64)s * p.tile_rows + row) * HEAD + d));
            out.x += one.x * factor, out.y += one.y * factor, out.z += one.z * factor, out.w += one.w * factor;
        }
        rows.hand_on(p, row, d, out);
    }
}
