// Weights that one warp reads ahead for the others of its block, through a ring of slots in shared memory.
//
// A slot holds a tile, or a part of one of at most PART_UNITS units, in one piece as it lies in memory; each of the warps
// that compute takes as many of its units as the others, the same for all tiles.
#pragma once
#include "product.cuh"

#define MOST_UNITS 4  // of a part, that a warp takes
#define PART_UNITS (WARPS * MOST_UNITS)
#define SLOT (PART_UNITS * UNIT)
#define WARPS_OF_PIECE 2  // whose units come in one copy
#define PIECES ((WARPS + WARPS_OF_PIECE - 1) / WARPS_OF_PIECE)  // of a slot

// Where the weights of a product lie: the block's tiles.
struct Stretch {
    const u8* weights;
    int tiles, chunks;
};

// Few pieces are under way at a time: a longer queue would not be faster, and all other loads would wait behind it.
struct Ring {
    u32 data, full, empty;  // addresses: slots, a barrier for each piece that has come, one for each slot that is used up

    __device__ __forceinline__ void init(u8* slots, u64* barriers) {
        data = shared_address(slots), full = shared_address(barriers), empty = full + 8 * SLOTS * PIECES;
        if (threadIdx.x < SLOTS * PIECES) barrier_init(full + 8 * threadIdx.x, COPY_ARRIVALS);
        if (threadIdx.x < SLOTS) barrier_init(empty + 8 * threadIdx.x, WARPS);
#if __CUDA_ARCH__ >= 900
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
        __syncthreads();
    }

    // Products 0 .. phases, of which `stretch_of` says where they lie, with at most `in_flight` pieces under way. By one
    // thread, or by a whole warp where there are no bulk copies.
    template <typename StretchOf>
    __device__ __forceinline__ void fill(const StretchOf& stretch_of, int phases, u32 in_flight) const {
        u32 number = 0, slot = 0, parity = 1, under_way = 0, before = 0, before_parity = 0;
#pragma unroll 1
        for (int phase = 0; phase < phases; phase++) {
            const Stretch now = stretch_of(phase);
            const u8* from = now.weights;
#pragma unroll 1
            for (int i = 0; i < now.tiles; i++)
#pragma unroll 1
                for (int left = now.chunks; left > 0; left -= PART_UNITS, number++) {
                    const int units = min(left, PART_UNITS), of_piece = (units + WARPS - 1) / WARPS * WARPS_OF_PIECE;
                    if (number >= SLOTS) barrier_wait(empty + 8 * slot, parity);
#pragma unroll 1
                    for (int piece = 0; piece < PIECES; piece++) {
                        if (under_way == in_flight) {
                            barrier_wait(full + 8 * before, before_parity);
                            if (++before == SLOTS * PIECES) before = 0, before_parity ^= 1;
                        } else {
                            under_way++;
                        }
                        const int begin = min(units, piece * of_piece), count = min(units, begin + of_piece) - begin;
                        const u32 barrier = full + 8 * (slot * PIECES + piece);
                        copies_begin(barrier, count * UNIT);
                        if (count > 0) copy_stretch(data + slot * SLOT + begin * UNIT, from + begin * UNIT, count * UNIT, barrier);
                        copies_end(barrier);
                    }
                    from += units * UNIT;
                    if (++slot == SLOTS) slot = 0, parity ^= 1;
                }
        }
    }
};

// A warp's place in the ring.
struct Taker {
    Ring ring;
    u32 slot, parity, piece;

    __device__ __forceinline__ void start() { slot = 0, parity = 0, piece = (threadIdx.x >> 5) / WARPS_OF_PIECE; }
    __device__ __forceinline__ const u8* wait(const u8* slots) const {
        barrier_wait(ring.full + 8 * (slot * PIECES + piece), parity);
        return slots + slot * SLOT;
    }
    __device__ __forceinline__ void release() {
        __syncwarp();
        if ((threadIdx.x & 31) == 0) barrier_arrive(ring.empty + 8 * slot);
        if (++slot == SLOTS) slot = 0, parity ^= 1;
    }
};
