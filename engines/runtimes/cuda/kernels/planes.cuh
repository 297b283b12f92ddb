// The product of one row with INT4 weights in the tensor cores' integers.
//
// The inputs of a group are rounded to integers of 16 bits that share a scale, x = scale (256 high + low): finer than
// float16 for all but the smallest values of a group. The high bytes are one column of a product, the low ones the next,
// so that two of its eight columns are one group's inputs and four groups share a product, each in columns of its own:
// where the inputs are another group's, a column holds zeros. The sums are exact; a weight enters them as 4 q, which is one
// logical operation on the bits of a unit, and its zero point is taken off with the sum of the inputs.
#pragma once
#include "ring.cuh"

#define STEPS_OF_GROUP_32 (GROUP / 32)       // products of 32 inputs
#define SETS (4 / STEPS_OF_GROUP_32)         // of four groups, in 512 inputs
#define LARGEST (127.0f * 256.0f)            // integer
#define ROUNDING 12582912.0f                 // 1.5 * 2^23: added to a float, it leaves an integer in its low bits

// A lane's share of 512 inputs. Lane 8 n + 4 h + t has, of the n-th group of each set, in each 32 inputs the eight from 8 t
// on: high bytes for h = 0, low bytes for h = 1. What it takes up of the sums belongs to the t-th group of each set.
struct Planes {
    u32 bytes[4][2];
    float scale[SETS], sum[SETS];
};

// The lane's number, computed anew, so that what depends on it does not stay in registers from phase to phase.
__device__ __forceinline__ int lane_number() {
    int lane;
    asm volatile("mov.u32 %0, %laneid;" : "=r"(lane));
    return lane;
}

// Where the i-th four of a lane's inputs lie within 512.
__device__ __forceinline__ int place_of_four(int lane, int i) {
    return (i / STEPS_OF_GROUP_32 * 4 + (lane >> 3)) * GROUP + i % STEPS_OF_GROUP_32 * 32 + (lane & 3) * 8 + (lane & 4);
}

// The greater one, a NaN before all numbers; none is negative.
__device__ __forceinline__ float greater(float a, float b) {
    float most;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(most) : "f"(a), "f"(b));
    return most;
}

// `values`: of each part of 512 inputs those at `place_of_four` 0 .. 3. By whole warps.
template <int PARTS>
__device__ __forceinline__ void round_inputs(int lane, const float (&values)[PARTS][4][4], Planes (&planes)[PARTS]) {
    const bool low_plane = lane & 4;
    float most[PARTS][SETS];
    int sum[PARTS][SETS];
#pragma unroll
    for (int part = 0; part < PARTS; part++)
#pragma unroll
        for (int c = 0; c < SETS; c++) {
            most[part][c] = 0;
#pragma unroll
            for (int n = 0; n < 4 * STEPS_OF_GROUP_32; n++)
                most[part][c] = greater(most[part][c], fabsf(values[part][c * STEPS_OF_GROUP_32 + n / 4][n % 4]));
        }
#pragma unroll
    for (int step = 1; step < 8; step <<= 1)
#pragma unroll
        for (int part = 0; part < PARTS; part++)
#pragma unroll
            for (int c = 0; c < SETS; c++) most[part][c] = greater(most[part][c], __shfl_xor_sync(FULL, most[part][c], step));
#pragma unroll
    for (int part = 0; part < PARTS; part++)
#pragma unroll
        for (int c = 0; c < SETS; c++) {
            const float inverse = most[part][c] > 1e-30f ? __fdividef(LARGEST, most[part][c]) : 0.0f;
            int high_sum = 0, low_sum = 0;
#pragma unroll
            for (int r = 0; r < STEPS_OF_GROUP_32; r++) {
                const int i = c * STEPS_OF_GROUP_32 + r;
                u32 q[4];  // the integer and 128 in the low 16 bits
#pragma unroll
                for (int e = 0; e < 4; e++) q[e] = __float_as_uint(fmaf(values[part][i][e], inverse, ROUNDING + 128.0f));
                // As in a word of weights: 0, 2, 1, 3.
                const u32 high = __byte_perm(__byte_perm(q[0], q[2], 0x0051), __byte_perm(q[1], q[3], 0x0051), 0x5410);
                const u32 low = __byte_perm(__byte_perm(q[0], q[2], 0x0040), __byte_perm(q[1], q[3], 0x0040), 0x5410) ^ 0x80808080;
                high_sum = __dp4a((int)high, 0x01010101, high_sum), low_sum = __dp4a((int)low, 0x01010101, low_sum);
                const u32 other = __shfl_xor_sync(FULL, low_plane ? high : low, 4);
                planes[part].bytes[i][0] = low_plane ? other : high;
                planes[part].bytes[i][1] = low_plane ? low : other;
            }
            sum[part][c] = high_sum * 256 + low_sum;
        }
#pragma unroll
    for (int step = 1; step < 8; step <<= 1)
#pragma unroll
        for (int part = 0; part < PARTS; part++)
#pragma unroll
            for (int c = 0; c < SETS; c++) sum[part][c] += __shfl_xor_sync(FULL, sum[part][c], step);
    const int from = (lane & 3) * 8;
#pragma unroll
    for (int part = 0; part < PARTS; part++)
#pragma unroll
        for (int c = 0; c < SETS; c++) {
            planes[part].scale[c] = __shfl_sync(FULL, most[part][c] * (0.25f / LARGEST), from);
            planes[part].sum[c] = (float)(4 * __shfl_sync(FULL, sum[part][c], from));
        }
}

// A lane's share of UNITS units of a tile: words of weights, and of the t-th group of each set the scales and zero points.
template <int UNITS>
struct Units {
    u32 words[UNITS * 8], scales[SETS], zeros[SETS];

    __device__ __forceinline__ void load(int lane, const u8* units) {
#pragma unroll
        for (int half = 0; half < UNITS * 2; half++) {
            const uint4 four = *(const uint4*)(units + half / 2 * UNIT + SCALE_BYTES + half % 2 * 512 + lane * 16);
            words[half * 4] = four.x, words[half * 4 + 1] = four.y, words[half * 4 + 2] = four.z, words[half * 4 + 3] = four.w;
        }
#pragma unroll
        for (int c = 0; c < SETS; c++) {
            const int group = c * 4 + (lane & 3);
            const uint2 both = *(const uint2*)(units + group / (128 / GROUP) * UNIT + group % (128 / GROUP) * 64 + (lane >> 2) * 8);
            scales[c] = both.x, zeros[c] = both.y;
        }
    }
};

// Adds to y the products of units with their inputs: outputs g and g + 8, of the lane's groups alone.
template <int UNITS>
__device__ __forceinline__ void multiply(int lane, const Units<UNITS>& units, const Planes& planes, float (&y)[2]) {
#pragma unroll
    for (int c = 0; c < SETS; c++) {
        int sums[2][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}};  // two, so that a product need not wait for the one before
#pragma unroll
        for (int inner = 0; inner < 4 * STEPS_OF_GROUP_32; inner++) {
            const int step = c * 4 * STEPS_OF_GROUP_32 + inner, i = c * STEPS_OF_GROUP_32 + inner % STEPS_OF_GROUP_32;
            if (step >= UNITS * 4) continue;
            const bool mine = lane >> 3 == inner / STEPS_OF_GROUP_32;
            const u32 first = units.words[step * 2], second = units.words[step * 2 + 1];
            mma(sums[step % 2], first & 0x3c3c3c3c, __funnelshift_r(first, first, 4) & 0x3c3c3c3c, second & 0x3c3c3c3c,
                __funnelshift_r(second, second, 4) & 0x3c3c3c3c, mine ? planes.bytes[i][0] : 0, mine ? planes.bytes[i][1] : 0);
        }
        u32 zeros;
        asm("sub.f16x2 %0, %1, %2;" : "=r"(zeros) : "r"(units.zeros[c]), "r"(0x4c005c00));  // less 256 and 16
        const float a = (float)((sums[0][0] + sums[1][0]) * 256 + sums[0][1] + sums[1][1]);
        const float b = (float)((sums[0][2] + sums[1][2]) * 256 + sums[0][3] + sums[1][3]);
        if (planes.scale[c] == 0) continue;  // behind the end of the inputs, where units may hold anything
        y[0] += low_half(units.scales[c]) * planes.scale[c] * (a - low_half(zeros) * planes.sum[c]);
        y[1] += high_half(units.scales[c]) * planes.scale[c] * (b - high_half(zeros) * planes.sum[c]);
    }
}
