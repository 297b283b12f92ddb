// Units of weights in the blocks of GGUF, for `product.cuh`: 16 outputs by 128 inputs, nothing of them rounded.
//
// A weight is scale (q - ZERO) - minimum, with a scale, and where there is a MINIMUM one, for each GROUP of inputs (16 or
// 32). LEVELS says how these lie, of outputs g and g + 8 for each g in 0..7:
//   0  for each group: both scales, then both minimums, float16
//   1  both factors, then both factors of minimums, float16; then for each group a byte for each, levels + 128, in the same
//      order. A scale is its level times its factor
//   2  for each group: both scales, then both minimums, float32
// Behind them lie low halves of q as in INT4 (8 bits: bytes, as in INT8), then the bits above: a word of a lane holds those
// of 2 steps (6 bits) or 4 steps (5 bits). With groups of 16 a step's inputs are 16 in a row, four of a lane.
#pragma once

#define STEPS_OF_GROUP (GROUP / 16)
#define LANE_INPUTS (GROUP == 16 ? 4 : 8)
#define NUMBERS (MINIMUM ? 4 : 2)  // of outputs g and g + 8
#if LEVELS == 1
#define LEVELS_AT (16 * NUMBERS)
#define SCALE_BYTES (LEVELS_AT + 128 / GROUP * 8 * NUMBERS)
#else
#define SCALE_BYTES (128 / GROUP * 8 * NUMBERS * (LEVELS ? 4 : 2))
#endif
#define HIGH_BITS (BITS == 8 ? 0 : BITS - 4)
#define HIGH_AT (SCALE_BYTES + 1024)
#define UNIT (SCALE_BYTES + 256 * BITS)
#define STEPS_OF_WORD (HIGH_BITS ? 4 / HIGH_BITS : 8)  // of the bits above
// What a q enters the product with, beside itself: of outputs g and g + 8.
#define BIAS_A (BITS == 8 ? ZERO - 128 : ZERO + 256)
#define BIAS_B (BITS == 4 ? ZERO + 16 : BIAS_A)

// Of outputs g and g + 8.
struct Worth {
    float scale_a, scale_b, minimum_a, minimum_b;
};

__device__ __forceinline__ float level_of(u32 levels, int number) {
    return __uint_as_float(__byte_perm(levels, 0x4b000000, 0x7650 + number)) - 8388736.0f;  // 2^23 + 128
}

struct Scales {
#if LEVELS == 1
    float factors[NUMBERS];
#endif
    const u8* at;

    __device__ __forceinline__ Scales(const u8* unit, int g) {
#if LEVELS == 1
        at = unit + LEVELS_AT + g * NUMBERS;
        const u32* halves = (const u32*)(unit + g * NUMBERS * 2);
#pragma unroll
        for (int i = 0; i < NUMBERS; i += 2) factors[i] = low_half(halves[i / 2]), factors[i + 1] = high_half(halves[i / 2]);
#else
        at = unit + g * NUMBERS * (LEVELS ? 4 : 2);
#endif
    }

    __device__ __forceinline__ Worth of_group(int group) const {
        float values[4] = {0, 0, 0, 0};
#if LEVELS == 1
        const u8* levels = at + group * 8 * NUMBERS;
        const u32 word = MINIMUM ? *(const u32*)levels : *(const u16*)levels;
#pragma unroll
        for (int i = 0; i < NUMBERS; i++) values[i] = factors[i] * level_of(word, i);
#elif LEVELS == 0
        const u32* halves = (const u32*)(at + group * 8 * NUMBERS * 2);
#pragma unroll
        for (int i = 0; i < NUMBERS; i += 2) values[i] = low_half(halves[i / 2]), values[i + 1] = high_half(halves[i / 2]);
#else
        const float* floats = (const float*)(at + group * 8 * NUMBERS * 4);
#pragma unroll
        for (int i = 0; i < NUMBERS; i++) values[i] = floats[i];
#endif
        return Worth{values[0], values[1], values[2], values[3]};
    }
};

// Two bytes of a word, the first two or those behind, as float16; they hold values + 128.
__device__ __forceinline__ u32 halves_of_bytes(u32 word, bool behind) {
    u32 halves;
    const u32 above = __byte_perm(word, 0x64646464, behind ? 0x4342 : 0x4140);  // 1024 + 128 + value
    asm("sub.f16x2 %0, %1, %2;" : "=r"(halves) : "r"(above), "r"(0x64806480));
    return halves;
}

// The bits above the low halves of a step's register `which`, at bit 6 of either half of a word.
__device__ __forceinline__ u32 high_bits(u32 word, int step, int which) {
    const int shift = 6 - HIGH_BITS * (step % STEPS_OF_WORD * 4 + which);
    return (shift >= 0 ? word << shift : word >> -shift) & (HIGH_BITS == 2 ? 0x00c000c0 : 0x00400040);
}

// A lane's words of a unit, and the values that a step makes of them.
struct Words {
#if BITS == 8
    uint4 four;
#else
    u32 low[8], high[8 / STEPS_OF_WORD];
#endif

    __device__ __forceinline__ void load(const u8* unit, int lane) {
#if BITS != 8
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const uint4 v = *(const uint4*)(unit + SCALE_BYTES + half * 512 + lane * 16);
            low[half * 4] = v.x, low[half * 4 + 1] = v.y, low[half * 4 + 2] = v.z, low[half * 4 + 3] = v.w;
        }
#if BITS == 6
        const uint4 v = *(const uint4*)(unit + HIGH_AT + lane * 16);
        high[0] = v.x, high[1] = v.y, high[2] = v.z, high[3] = v.w;
#elif BITS == 5
        const uint2 v = *(const uint2*)(unit + HIGH_AT + lane * 8);
        high[0] = v.x, high[1] = v.y;
#endif
#endif
    }

    __device__ __forceinline__ void values(const u8* unit, int lane, int step, u32 (&a)[4]) {
#if BITS == 8
        if (step % 2 == 0) four = *(const uint4*)(unit + SCALE_BYTES + step / 2 * 512 + lane * 16);
        const u32 upper = step % 2 ? four.z : four.x, lower = step % 2 ? four.w : four.y;
        a[0] = halves_of_bytes(upper, false), a[1] = halves_of_bytes(lower, false);
        a[2] = halves_of_bytes(upper, true), a[3] = halves_of_bytes(lower, true);
#else
        const u32 word = low[step], turned = __funnelshift_r(word, word, 8);
#if BITS == 4
        asm("lop3.b32 %0, %1, 0x003c003c, 0x5c005c00, 0xea;" : "=r"(a[0]) : "r"(word));
        asm("lop3.b32 %0, %1, 0x03c003c0, 0x4c004c00, 0xea;" : "=r"(a[1]) : "r"(word));
        asm("lop3.b32 %0, %1, 0x003c003c, 0x5c005c00, 0xea;" : "=r"(a[2]) : "r"(turned));
        asm("lop3.b32 %0, %1, 0x03c003c0, 0x4c004c00, 0xea;" : "=r"(a[3]) : "r"(turned));
#else
        const u32 moved[4] = {word, word >> 4, turned, turned >> 4};
#pragma unroll
        for (int i = 0; i < 4; i++) {
            asm("lop3.b32 %0, %1, 0x003c003c, 0x5c005c00, 0xea;" : "=r"(a[i]) : "r"(moved[i]));
            a[i] |= high_bits(high[step / STEPS_OF_WORD], step, i);
        }
#endif
#endif
    }
};

// Adds the product of one unit with 128 inputs. `x_sums` [groups, NT * 8] are the groups' sums of the inputs.
template <int NT>
__device__ __forceinline__ void multiply(const u8* unit, const u16* const (&x)[NT], int offset, const float* x_sums,
                                         float (&sum)[NT][4]) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const Scales scales(unit, g);
    Words words;
    words.load(unit, lane);
    float part[NT][STEPS_OF_GROUP][4];  // so that a product need not wait for the one before
    uint4 b[NT];
#pragma unroll
    for (int step = 0; step < 8; step++) {
#pragma unroll
        for (int n = 0; n < NT; n++) {
            if (GROUP == 16) {
                const uint2 two = *(const uint2*)(x[n] + offset + step * 16);
                b[n] = step & 1 ? make_uint4(0, 0, two.x, two.y) : make_uint4(two.x, two.y, 0, 0);
            } else if (step % 2 == 0) {
                b[n] = *(const uint4*)(x[n] + offset + step * 16);
            }
        }
        u32 a[4];
        words.values(unit, lane, step, a);
#pragma unroll
        for (int n = 0; n < NT; n++) {
            float(&own)[4] = part[n][step % STEPS_OF_GROUP];
            own[0] = own[1] = own[2] = own[3] = 0;
            mma(own, a[0], a[1], a[2], a[3], step & 1 ? b[n].z : b[n].x, step & 1 ? b[n].w : b[n].y);
        }
        if (step % STEPS_OF_GROUP != STEPS_OF_GROUP - 1) continue;
        const int group = step / STEPS_OF_GROUP;
        const Worth worth = scales.of_group(group);
#pragma unroll
        for (int n = 0; n < NT; n++) {
            const float* sums = x_sums + (group * NT + n) * 8;
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float first = part[n][0][e], second = part[n][0][2 + e];
                if (STEPS_OF_GROUP == 2) first += part[n][STEPS_OF_GROUP - 1][e], second += part[n][STEPS_OF_GROUP - 1][2 + e];
                if (BIAS_A != 0 || MINIMUM) {
                    const float s = sums[2 * t + e];
                    first -= BIAS_A * s, second -= BIAS_B * s;
                    if (MINIMUM) sum[n][e] -= worth.minimum_a * s, sum[n][2 + e] -= worth.minimum_b * s;
                }
                sum[n][e] += worth.scale_a * first, sum[n][2 + e] += worth.scale_b * second;
            }
        }
    }
}

// A single weight of a unit.
__device__ __forceinline__ float block_value(const u8* unit, int row, int k) {
    const int g = row & 7, lower = row >> 3, e = k & 3;
    const int t = GROUP == 16 ? k >> 2 & 3 : k >> 3 & 3, step = (k >> 5) * 2 + (GROUP == 16 ? k >> 4 & 1 : k >> 2 & 1);
    const int lane = 4 * g + t;
#if BITS == 8
    const int q = unit[SCALE_BYTES + (step >> 1) * 512 + lane * 16 + (step & 1) * 8 + lower * 4 + e];
#else
    const u32 turned = *(const u32*)(unit + SCALE_BYTES + (step >> 2) * 512 + lane * 16 + (step & 3) * 4);
    int q = __funnelshift_r(turned, turned, 2) >> ((e & 1) * 16 + (e >> 1) * 8 + lower * 4) & 15;
#if BITS > 4
    const u32 above = *(const u32*)(unit + HIGH_AT + (lane * (8 / STEPS_OF_WORD) + step / STEPS_OF_WORD) * 4);
    const int field = step % STEPS_OF_WORD * 4 + (e >> 1) * 2 + lower;
    q |= (above >> ((e & 1) * 16 + HIGH_BITS * field) & ((1 << HIGH_BITS) - 1)) << 4;
#endif
#endif
    const Worth worth = Scales(unit, g).of_group(k / GROUP);
    return (lower ? worth.scale_b : worth.scale_a) * (q - ZERO) - (lower ? worth.minimum_b : worth.minimum_a);
}
