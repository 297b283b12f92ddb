// Tiles of float16 rows in shared memory, in pieces of 16 bytes that are turned so that eight rows' pieces of one column
// lie in different banks, and the fragments that the tensor cores take from them.
#pragma once
#include "common.cuh"

// Where piece `piece` of row `row` stands; rows of WIDTH (32 or 64) numbers.
template <int WIDTH>
__device__ __forceinline__ u32 piece_at(const u16* tile, int row, int piece) {
    const int turned = WIDTH == 32 ? piece ^ ((row >> 1) & 3) : piece ^ (row & 7);
    return shared_address(tile + row * WIDTH + turned * 8);
}

__device__ __forceinline__ void load_matrices(u32 (&m)[4], u32 address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3]) : "r"(address) : "memory");
}

// a of `mma`: 16 rows from `row` on, 16 columns from piece `piece` on.
template <int WIDTH>
__device__ __forceinline__ void load_rows(u32 (&a)[4], const u16* tile, int row, int piece) {
    const int lane = threadIdx.x & 31;
    load_matrices(a, piece_at<WIDTH>(tile, row + (lane & 15), piece + (lane >> 4)));
}

// b of two `mma`, whose columns are 16 rows of the tile: b[0], b[1] and b[2], b[3].
template <int WIDTH>
__device__ __forceinline__ void load_columns(u32 (&b)[4], const u16* tile, int row, int piece) {
    const int lane = threadIdx.x & 31;
    load_matrices(b, piece_at<WIDTH>(tile, row + (lane & 7) + ((lane >> 4) << 3), piece + ((lane >> 3) & 1)));
}

// b of two `mma`, whose rows are 16 rows of the tile, and whose columns those of two pieces.
template <int WIDTH>
__device__ __forceinline__ void load_turned(u32 (&b)[4], const u16* tile, int row, int piece) {
    const int lane = threadIdx.x & 31;
    const u32 address = piece_at<WIDTH>(tile, row + (lane & 15), piece + (lane >> 4));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(b[0]), "=r"(b[1]), "=r"(b[2]), "=r"(b[3]) : "r"(address) : "memory");
}
