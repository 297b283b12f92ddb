// How K and V lie in the pool: for each page and KV head a block of KV_BLOCK bytes.
//
// KV 0: float16, K as [PAGE, HEAD], V as `value_place` says. KV 1 and 2: a byte each in the same order, and behind them a
// scale in float16 for each of the page's tokens; a value is its code times the scale. Codes are E4M3 without infinities,
// 256 times smaller than usual (their bits but for the sign, seven places further left, are that float16), or integers
// plus 128. Four codes of a word are taken apart as pairs (0, 2) and (1, 3), which costs least: the order of what is
// multiplied with them follows that.
#pragma once
#include "common.cuh"

#define KV_FP16 0
#define KV_FP8 1
#define KV_INT8 2
#ifndef KV
#define KV KV_FP16
#endif

#if KV == KV_FP16
#define KV_BLOCK (PAGE * HEAD * 2)
typedef uint4 Eight;  // values that lie together
// The token of column or row g of 8, and of the half that follows: 4 (g / 2) + (g & 1) NEXT_TOKEN, + NEXT_HALF.
#define NEXT_TOKEN 1
#define NEXT_HALF 2
#else
#define KV_BLOCK (PAGE * HEAD + PAGE * 2)
typedef uint2 Eight;
#define NEXT_TOKEN 2
#define NEXT_HALF 1
#endif

__device__ __forceinline__ const u8* block_of(const u16* base, u64 number) { return (const u8*)base + number * KV_BLOCK; }
__device__ __forceinline__ u8* block_of(u16* base, u64 number) { return (u8*)base + number * KV_BLOCK; }

// The first and the second, or the third and the fourth, of four halves in pairs (0, 2) and (1, 3), or the other way round.
__device__ __forceinline__ u32 low_ones(u32 a, u32 b) { return __byte_perm(a, b, 0x5410); }
__device__ __forceinline__ u32 high_ones(u32 a, u32 b) { return __byte_perm(a, b, 0x7632); }

__device__ __forceinline__ u32 less_halves(u32 a, u32 b) {
    u32 d;
    asm("sub.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
    return d;
}

__device__ __forceinline__ u32 times_halves(u32 a, u32 b) {
    u32 d;
    asm("mul.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
    return d;
}

#if KV == KV_FP8
#define LARGEST_CODE 1.75f

__device__ __forceinline__ void take_apart(u32 word, u32& even, u32& odd) {
    even = ((word << 8) & 0x80008000u) | ((word << 7) & 0x3f803f80u);
    odd = (word & 0x80008000u) | ((word >> 1) & 0x3f803f80u);
}

__device__ __forceinline__ u8 code_of(float x) {
    const u32 half = to_half(x), size = half & 0x7fff, rounded = (size + 0x3f + ((size >> 7) & 1)) >> 7;
    return (u8)((half >> 8 & 0x80) | (rounded < 0x7e ? rounded : 0x7e));
}
#elif KV == KV_INT8
#define LARGEST_CODE 127.0f

__device__ __forceinline__ void take_apart(u32 word, u32& even, u32& odd) {  // 1024 + code, less 1152
    even = less_halves((word & 0x00ff00ffu) | 0x64006400u, 0x64806480u);
    odd = less_halves(((word >> 8) & 0x00ff00ffu) | 0x64006400u, 0x64806480u);
}

__device__ __forceinline__ u8 code_of(float x) {
    const int whole = __float2int_rn(x);
    return (u8)(128 + (whole < -127 ? -127 : whole > 127 ? 127 : whole));
}
#endif

// Eight values as the tensor cores take them: in pairs, of codes in the order (0, 2) (1, 3) (4, 6) (5, 7).
__device__ __forceinline__ void halves_of(const Eight& eight, u32 (&halves)[4]) {
#if KV == KV_FP16
    halves[0] = eight.x, halves[1] = eight.y, halves[2] = eight.z, halves[3] = eight.w;
#else
    take_apart(eight.x, halves[0], halves[1]);
    take_apart(eight.y, halves[2], halves[3]);
#endif
}

// Eight halves of a query in the order of `halves_of`.
__device__ __forceinline__ uint4 ordered_as_codes(uint4 q) {
#if KV == KV_FP16
    return q;
#else
    return make_uint4(low_ones(q.x, q.y), high_ones(q.x, q.y), low_ones(q.z, q.w), high_ones(q.z, q.w));
#endif
}

// The V of a page's tokens 4 t .. 4 t + 3 for two dimensions, from codes: `scales` are the four tokens'.
__device__ __forceinline__ void scaled_values(const Eight& eight, uint2 scales, u32 (&halves)[4]) {
    halves_of(eight, halves);
#if KV != KV_FP16
    const u32 even = low_ones(scales.x, scales.y), odd = high_ones(scales.x, scales.y);
    halves[0] = times_halves(halves[0], even), halves[1] = times_halves(halves[1], odd);
    halves[2] = times_halves(halves[2], even), halves[3] = times_halves(halves[3], odd);
#endif
}

// The scales of tokens 4 t .. 4 t + 3 of a block.
__device__ __forceinline__ uint2 scales_of(const u8* block, int t) {
#if KV == KV_FP16
    return make_uint2(0, 0);
#else
    return *(const uint2*)(block + PAGE * HEAD + t * 8);
#endif
}

// One of the four halves, by a number that is known when compiled.
__device__ __forceinline__ float quarter_of(uint2 four, int number) {
    const u32 both = number & 2 ? four.y : four.x;
    return number & 1 ? high_half(both) : low_half(both);
}
