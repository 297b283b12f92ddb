// What blocks of one kernel hand to one another without a barrier: float32 whose last two bits say which step and layer
// they belong to. Whoever needs them reads until those bits are there.
#pragma once
#include "planes.cuh"

// What is handed on: residual streams after attention and after the MLP, mixed values, gated values, q k v as they lie in
// the product's outputs; shares of attention in words of 8 bytes, 4 of data and 4 of a number.
struct Handed {
    u32 *after_attention, *after_mlp, *mixed, *gated, *qkv;
    u64* shares;
};

struct Layer {
    u16 *keys, *values;
    u64 window;
};

__device__ __forceinline__ u32 tagged(float value, u32 number) { return (__float_as_uint(value) & ~3u) | (number & 3); }

__device__ __forceinline__ void put(u32* place, float value, u32 number) {
    asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(place), "r"(tagged(value, number)) : "memory");
}

__device__ __forceinline__ uint4 look(const void* four) {
    uint4 words;
    asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w) : "l"(four) : "memory");
    return words;
}

// Without the bits that say when it was put there.
__device__ __forceinline__ float value_of(u32 word) { return __uint_as_float(word & ~3u); }

__device__ __forceinline__ bool there(const uint4& words, u32 number, u32 mask) {
    return (((words.x ^ number) | (words.y ^ number) | (words.z ^ number) | (words.w ^ number)) & mask) == 0;
}

#ifndef PATIENCE
#define PATIENCE (1u << 22)  // looks; compute-sanitizer makes blocks wait for one another much longer
#endif

// After seconds a block gives up: a mistake ends in an error, not in a card that hangs.
__device__ __forceinline__ void count_try(u32& tries) {
    if (tries++ > PATIENCE) asm volatile("trap;");
}

// Words of data and number, for shares of attention.
__device__ __forceinline__ void put_share(u64* word, float data, u32 number) {
    asm volatile("st.relaxed.gpu.global.v2.u32 [%0], {%1, %2};" ::"l"(word), "r"(__float_as_uint(data)), "r"(number) : "memory");
}

__device__ __forceinline__ void await_shares(const u64* two, u32 number, uint4& words) {
    for (u32 tries = 0; words.y != number || words.w != number; count_try(tries)) words = look(two);
}

__device__ __forceinline__ float4 load_once(const float* four) {
    float4 values;
    asm volatile("ld.global.nc.L1::no_allocate.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(values.x), "=f"(values.y), "=f"(values.z), "=f"(values.w) : "l"(four));
    return values;
}

// A warp's inputs, its stretch of UNITS units, from what others hand on, times the weights of a norm if there is one
// (NORM, unless `norm` is null). Returns the lane's part of the sum of their squares. `mask` is 0 where all values are there for certain.
template <int UNITS, bool NORM>
__device__ __forceinline__ float take_inputs(const u32* values, u32 number, u32 mask, const float* norm, int inputs,
                                             Planes (&planes)[(UNITS + MOST_UNITS - 1) / MOST_UNITS]) {
    constexpr int PARTS = (UNITS + MOST_UNITS - 1) / MOST_UNITS;
    const int warp = threadIdx.x >> 5;
    float square = 0;
    u32 tries = 0;
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
        const int lane = lane_number(), units = min(MOST_UNITS, UNITS - part * MOST_UNITS);
        const int begin = (part * PART_UNITS + warp * units) * 128;
        auto inside = [&](int i) { return place_of_four(lane, i) < units * 128 && begin + place_of_four(lane, i) < inputs; };
        auto place = [&](int i) { return inside(i) ? begin + place_of_four(lane, i) : 0; };
        uint4 words[4];
        float4 weights[4];
        if (NORM)
#pragma unroll
            for (int i = 0; i < 4; i++) weights[i] = norm ? load_once(norm + place(i)) : make_float4(1, 1, 1, 1);
        // One looks while nothing is there: many that look slow the stores that they wait for.
        if (part == 0) {
            while (lane == 0 && !there(look(values + min(begin, inputs - 4)), number, mask)) count_try(tries);
            __syncwarp();
        }
#pragma unroll
        for (int i = 0; i < 4; i++) words[i] = look(values + place(i));
        bool all;
        do {
            all = true;
#pragma unroll
            for (int i = 0; i < 4; i++)
                if (inside(i) && !there(words[i], number, mask)) all = false, words[i] = look(values + place(i));
            count_try(tries);
        } while (!__all_sync(FULL, all));
        float four[1][4][4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const bool own = inside(i);
            const u32 word[4] = {words[i].x, words[i].y, words[i].z, words[i].w};
            const float weight[4] = {weights[i].x, weights[i].y, weights[i].z, weights[i].w};
#pragma unroll
            for (int e = 0; e < 4; e++) {
                const float value = own ? value_of(word[e]) : 0.0f;
                if (NORM) square += value * value;
                four[0][i][e] = NORM ? value * weight[e] : value;
            }
        }
        round_inputs<1>(lane, four, reinterpret_cast<Planes(&)[1]>(planes[part]));
    }
    return square;
}
