// What the products of many rows on Hopper's tensor cores share (compute capability 9.0): copies to the ring, registers that
// change hands between warps, weights from INT4 to the float16 that the tensor cores take.
#pragma once
#include "product.cuh"
#include "warpgroup.cuh"

#define MOST_SLOTS 16

#if __CUDA_ARCH__ == 900

__device__ __forceinline__ void bulk_copy(u32 shared, const u8* global, u32 bytes, u32 barrier) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(shared),
                 "l"(global), "r"(bytes), "r"(barrier) : "memory");
}

// A unit of each of eight tiles; zeros where there is no tile. `map`: units of UNIT bytes, chunks, tiles.
__device__ __forceinline__ void copy_units(u32 shared, const u8* map, int chunk, int tile, u32 barrier) {
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];"
                 ::"r"(shared), "l"(map), "r"(0), "r"(chunk), "r"(tile), "r"(barrier) : "memory");
}

template <int REGISTERS>
__device__ __forceinline__ void take_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

template <int REGISTERS>
__device__ __forceinline__ void give_registers() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

__device__ __forceinline__ u32 less(u32 a, u32 b) {
    u32 d;
    asm("sub.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
    return d;
}

__device__ __forceinline__ u32 times(u32 a, u32 b) {
    u32 d;
    asm("mul.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
    return d;
}

// Scales and zero points of outputs g and g + 8, each twice.
struct Constants {
    u32 scale_a, scale_b, zero_a, zero_b;

    __device__ __forceinline__ void load(const u8* at) {
        const uint2 both = *(const uint2*)at;
        scale_a = __byte_perm(both.x, 0, 0x1010), scale_b = __byte_perm(both.x, 0, 0x3232);
        zero_a = __byte_perm(both.y, 0, 0x1010), zero_b = __byte_perm(both.y, 0, 0x3232);
    }
};

// Eight values a lane: their difference from the zero point is exact, the scale rounds once.
template <bool SCALED>
__device__ __forceinline__ void expand_word(u32 word, const Constants& c, u32 (&a)[4]) {
    const u32 turned = __funnelshift_r(word, word, 8);
    u32 q[4];
    asm("lop3.b32 %0, %1, 0x003c003c, 0x5c005c00, 0xea;" : "=r"(q[0]) : "r"(word));
    asm("lop3.b32 %0, %1, 0x03c003c0, 0x4c004c00, 0xea;" : "=r"(q[1]) : "r"(word));
    asm("lop3.b32 %0, %1, 0x003c003c, 0x5c005c00, 0xea;" : "=r"(q[2]) : "r"(turned));
    asm("lop3.b32 %0, %1, 0x03c003c0, 0x4c004c00, 0xea;" : "=r"(q[3]) : "r"(turned));
    a[0] = less(q[0], c.zero_a), a[1] = less(q[1], c.zero_b), a[2] = less(q[2], c.zero_a), a[3] = less(q[3], c.zero_b);
    if (SCALED) a[0] = times(a[0], c.scale_a), a[1] = times(a[1], c.scale_b), a[2] = times(a[2], c.scale_a), a[3] = times(a[3], c.scale_b);
}

// `activate` with a division that is exact to two units in the last place.
__device__ __forceinline__ float gated(float x, int gelu) { return gelu ? activate(x, 1) : __fdividef(x, 1.0f + __expf(-x)); }

#endif
