// Weights that some warps read ahead for the others of their block, through a ring of slots in shared memory.
//
// Each of the warps that compute has a stretch of the inputs of its own, the same for all outputs. A slot holds what one
// warp takes of one tile at a time, SLOT_UNITS units; slots follow one another tile by tile, and in a tile row by row, one
// slot for each warp. SLOTS is a multiple of WARPS, so that each warp has slots of its own: warps may be rows apart.
#pragma once
#include "product.cuh"

#define SLOT_UNITS 4
#define SLOT (SLOT_UNITS * UNIT)

// Where the weights of a product lie: the block's tiles, `units` of each tile for each warp.
struct Stretch {
    const u8* weights;
    int tiles, chunks, units;
};

// At most IN_FLIGHT slots of a warp are under way at a time: a longer queue would not be faster, and all other loads would
// wait behind it. L2_AHEAD bytes more are on their way into the L2, which nothing waits for.
struct Ring {
    u32 data, full, empty;  // addresses: slots, a barrier for each that has come, one for each that is used up

    __device__ __forceinline__ void init(u8* slots, u64* barriers) {
        data = shared_address(slots), full = shared_address(barriers), empty = full + 8 * SLOTS;
        if (threadIdx.x < SLOTS) {
            barrier_init(full + 8 * threadIdx.x, COPY_ARRIVALS);
            barrier_init(empty + 8 * threadIdx.x, 1);
        }
#if __CUDA_ARCH__ >= 900
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
        __syncthreads();
    }

    // The slot of a warp in a row, as soon as it may be.
    __device__ __forceinline__ void fill_slot(u32 row, u32 warp, const u8* from, u32 bytes) const {
        const u32 number = row * WARPS + warp, slot = number % SLOTS, round = number / SLOTS;
        if (round > 0) barrier_wait(empty + 8 * slot, (round - 1) & 1);
        if (row >= IN_FLIGHT) {
            const u32 before = number - IN_FLIGHT * WARPS;
            barrier_wait(full + 8 * (before % SLOTS), before / SLOTS & 1);
        }
        copies_begin(full + 8 * slot, bytes);
        if (bytes) copy_stretch(data + slot * SLOT, from, bytes, full + 8 * slot);
        copies_end(full + 8 * slot);
    }

    // By the `reader`-th of READERS warps: the slots of every READERS-th warp, for products 0 .. phases, of which
    // `stretch_of` says where they lie.
    template <typename StretchOf>
    __device__ __forceinline__ void fill(const StretchOf& stretch_of, int phases, int reader) const {
#if __CUDA_ARCH__ >= 900
        const int first_warp = reader + READERS * (int)(threadIdx.x & 31), step = READERS * 32;  // a lane copies by itself
#else
        const int first_warp = reader, step = READERS;
#endif
        u32 row = 0;
#pragma unroll 1
        for (int phase = 0; phase < phases; phase++) {
            const Stretch now = stretch_of(phase);
            const u8* tile = now.weights;
#pragma unroll 1
            for (int i = 0; i < now.tiles; i++, tile += now.chunks * UNIT)
#pragma unroll 1
                for (int part = 0; part < now.units; part += SLOT_UNITS, row++)
                    for (int warp = first_warp; warp < WARPS; warp += step) {
                        const int first = warp * now.units + part;
                        const int count = max(0, min(min(SLOT_UNITS, now.units - part), now.chunks - first));
                        fill_slot(row, warp, tile + first * UNIT, count * UNIT);
                    }
        }
    }
};

// A warp's place in the ring.
struct Taker {
    Ring ring;
    u32 slot, parity;

    __device__ __forceinline__ void start() { slot = threadIdx.x >> 5, parity = 0; }
    __device__ __forceinline__ const u8* wait(const u8* slots) const {
        barrier_wait(ring.full + 8 * slot, parity);
        return slots + slot * SLOT;
    }
    __device__ __forceinline__ void release() {
        __syncwarp();
        if ((threadIdx.x & 31) == 0) barrier_arrive(ring.empty + 8 * slot);
        slot += WARPS;
        if (slot >= SLOTS) slot -= SLOTS, parity ^= 1;
    }
};
