// The sum of what several cards have computed of a row, over each other's memory: every card reads every other one's share
// (one shot). A block for each row.
#include "common.cuh"

#define MOST_CARDS 8
#define TRIES (1u << 28)  // about ten seconds; then another card has failed

struct Reduce {
    const u16* shares[MOST_CARDS];  // float16 [rows, stride], each card's
    u32* arrivals[MOST_CARDS];      // on each card: [rows, cards], the number of the sum that a card is ready for
    u32* numbers;                   // [rows], own
    float* residual;                // [rows, size], added to; or null
    float* squares;                 // [rows, parts], with the sum of its squares
    u16* target;                    // float16 [rows, stride] where there is no residual
    int rank, cards, size, stride, parts, unused;
};

__device__ __forceinline__ uint4 load_peer(const u16* from) {
    uint4 v;
    asm volatile("ld.relaxed.sys.global.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(from) : "memory");
    return v;
}

extern "C" __global__ void reduce(const __grid_constant__ Reduce p) {
    __shared__ float room[32];
    __shared__ u32 number;
    wait_for_producer();
    const u64 row = blockIdx.x;
    if (threadIdx.x == 0) number = ++p.numbers[row];
    __syncthreads();
    if (threadIdx.x < p.cards) {
        const int peer = threadIdx.x;
        __threadfence_system();
        asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(p.arrivals[peer] + row * p.cards + p.rank), "r"(number) : "memory");
        const u32* own = p.arrivals[p.rank] + row * p.cards + peer;
        u32 seen = 0, tries = 0;
        do {
            asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(seen) : "l"(own) : "memory");
            if (++tries == TRIES) __trap();
        } while ((int)(seen - number) < 0);
    }
    __syncthreads();
    float squares = 0;
    for (int i = threadIdx.x * 8; i < p.size; i += blockDim.x * 8) {
        float sum[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        for (int card = 0; card < p.cards; card++) {
            const uint4 v = load_peer(p.shares[card] + row * p.stride + i);
            const u32 words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
            for (int e = 0; e < 4; e++) sum[2 * e] += low_half(words[e]), sum[2 * e + 1] += high_half(words[e]);
        }
#pragma unroll
        for (int e = 0; e < 8; e++) {
            if (i + e >= p.size) break;
            if (p.residual) {
                const float value = p.residual[row * p.size + i + e] += sum[e];
                squares += value * value;
            } else {
                p.target[row * p.stride + i + e] = to_half(sum[e]);
            }
        }
    }
    let_next_start();
    if (!p.residual) return;
    squares = block_sum(squares, room);
    for (int i = threadIdx.x; i < p.parts; i += blockDim.x) p.squares[row * p.parts + i] = i == 0 ? squares : 0.0f;
}
