// Weights that one warp reads ahead for the others of its block, through a ring of slices in shared memory.
#pragma once
#include "product.cuh"

#define PAIR (2 * UNIT)      // what a warp takes at a time: two units of a tile, 256 inputs
#define SLICE (4 * PAIR)     // what is copied at a time, for four warps
// Slices of weights on their way through shared memory. One warp fills the ring; at most IN_FLIGHT slices are under way
// at a time: a longer queue would not be faster, and all other loads would wait behind it.
template <int SLICES>
struct Ring {
    u32 data, full, empty;  // addresses: slices, a barrier for each that has come, one for each that is used up

    __device__ __forceinline__ void init(u8* slices, u64* barriers) {
        data = shared_address(slices), full = shared_address(barriers), empty = full + 8 * SLICES;
        if (threadIdx.x < SLICES) {
            barrier_init(full + 8 * threadIdx.x, COPY_ARRIVALS);
            barrier_init(empty + 8 * threadIdx.x, 4);
        }
#if __CUDA_ARCH__ >= 900
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
        __syncthreads();
    }

    // The pairs of `tiles` tiles from `weights` on, `pairs` of each, tiles `stride` bytes apart. `count` slices were
    // filled before; returns how many are now.
    __device__ __forceinline__ u32 fill(const u8* weights, int tiles, int pairs, u64 stride, u32 count) const {
        int left = tiles * pairs, place = 0;
        while (left > 0) {
            const u32 slot = count % SLICES, round = count / SLICES;
            if (count >= SLICES) barrier_wait(empty + 8 * slot, (round - 1) & 1);
            if (IN_FLIGHT < SLICES && count >= IN_FLIGHT) {
                const u32 before = count - IN_FLIGHT;
                barrier_wait(full + 8 * (before % SLICES), (before / SLICES) & 1);
            }
            int need = min(left, 4);
            left -= need;
            u32 to = data + slot * SLICE;
            copies_begin(full + 8 * slot, need * PAIR);
            while (need > 0) {
                const int now = stride == (u64)pairs * PAIR ? need : min(need, pairs - place);
                copy_stretch(to, weights, now * PAIR, full + 8 * slot);
                to += now * PAIR, weights += (u64)now * PAIR, need -= now, place += now;
                if (stride != (u64)pairs * PAIR && place == pairs) place = 0, weights += stride - (u64)pairs * PAIR;
            }
            copies_end(full + 8 * slot);
            count++;
        }
        return count;
    }
};

// A warp's place in the ring: it takes pair `warp`, `warp + WARPS` ... of what is filled.
template <int SLICES>
struct Taker {
    Ring<SLICES> ring;
    u32 slot, parity, place_in_slice;

    // After `count` slices.
    __device__ __forceinline__ void start(u32 count) {
        const u32 warp = threadIdx.x >> 5, mine = count + (warp >> 2);
        slot = mine % SLICES, parity = (mine / SLICES) & 1, place_in_slice = (warp & 3) * PAIR;
    }
    __device__ __forceinline__ void wait() const { barrier_wait(ring.full + 8 * slot, parity); }
    __device__ __forceinline__ void release() {
        __syncwarp();
        if ((threadIdx.x & 31) == 0) barrier_arrive(ring.empty + 8 * slot);
        slot += WARPS / 4;
        if (slot >= SLICES) slot -= SLICES, parity ^= 1;
    }
};

// The warp's pairs of one tile. `place` runs on from tile to tile. `x` [NT] are the lane's columns.
template <int NT, int COLUMNS, int SLICES>
__device__ __forceinline__ void multiply_tile(const u8* data, Taker<SLICES>& taker, int& place, int pairs,
                                              const u16* const (&x)[NT], const float* x_sums, float (&sum)[NT][4]) {
#pragma unroll
    for (int n = 0; n < NT; n++) sum[n][0] = sum[n][1] = sum[n][2] = sum[n][3] = 0;
#pragma unroll 1
    for (; place < pairs; place += WARPS) {
        const u8* units = data + taker.slot * SLICE + taker.place_in_slice;
        const float* groups = x_sums + place * (2 * GROUPS_OF_CHUNK * NT * 8);
        taker.wait();
        multiply<NT, COLUMNS>(units, x, place * 256, groups, sum);
        multiply<NT, COLUMNS>(units + UNIT, x, place * 256 + 128, groups + GROUPS_OF_CHUNK * NT * 8, sum);
        taker.release();
    }
    place -= pairs;
}

// A last slice that is not full is released by all of its four warps.
template <int SLICES>
__device__ __forceinline__ void release_rest(Taker<SLICES>& taker, int pairs) {
    const int warp = threadIdx.x >> 5, rounds = pairs <= warp ? 0 : (pairs - warp + WARPS - 1) / WARPS;
    if (rounds * (WARPS / 4) + (warp >> 2) < (pairs + 3) >> 2) taker.release();
}

