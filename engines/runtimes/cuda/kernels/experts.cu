// A mixture of experts around their products: a router's logits, which experts each row chooses, the rows in the order of
// experts, and what experts give, weighted and added up.
#include "common.cuh"

#define MOST_EXPERTS 1024
#define ITEM 4  // integers: expert, first place, rows

// The normalised rows of the residual stream, float16 for the experts and float32 for the router's logits [rows, experts].
// A block for eight experts of a row.
extern "C" __global__ void __launch_bounds__(256) router(const float* residual, const float* norm, const float* weights, u16* normed,
                                                        float* logits, int experts, int size, int stride, float eps) {
    __shared__ float room[32];
    wait_for_producer();
    let_next_start();
    const u64 row = blockIdx.y;
    const float* from = residual + row * size;
    float sum = 0;
    for (int i = threadIdx.x; i < size; i += blockDim.x) sum += from[i] * from[i];
    const float inverse = rsqrtf(block_sum(sum, room) / size + eps);
    if (blockIdx.x == 0)
        for (int i = threadIdx.x; i < stride; i += blockDim.x)
            normed[row * stride + i] = i < size ? to_half(from[i] * inverse * norm[i]) : (u16)0;
    const int expert = blockIdx.x * 8 + (threadIdx.x >> 5);
    if (expert >= experts) return;
    const float* own = weights + (u64)expert * size;
    float logit = 0;
#pragma unroll 4
    for (int i = threadIdx.x & 31; i < size; i += 32) logit += from[i] * inverse * norm[i] * own[i];
    logit = warp_sum(logit);
    if ((threadIdx.x & 31) == 0) logits[row * experts + expert] = logit;
}

// Of each row the `chosen` experts with the largest logits, of equal ones the first, and their shares of the softmax over
// all experts or, `normalised`, over those chosen. A pair is a row with one of its experts, its place where it stands in the
// order of experts: `places` [pairs], `sources` [places] says whose row. `items`: their number, then from ITEM on the items,
// each up to `width` places of one expert. One block.
extern "C" __global__ void __launch_bounds__(1024) route(const float* logits, int* choices, float* weights, int* places, int* sources,
                                                        int* items, int rows, int experts, int chosen, int normalised, int width) {
    __shared__ int counts[MOST_EXPERTS], starts[MOST_EXPERTS], first_items[MOST_EXPERTS];
    const int thread = threadIdx.x, warp = thread >> 5, lane = thread & 31;
    wait_for_producer();
    let_next_start();
    for (int e = thread; e < experts; e += blockDim.x) counts[e] = 0;
    __syncthreads();
    for (int row = warp; row < rows; row += (int)(blockDim.x >> 5)) {
        const float* own = logits + (u64)row * experts;
        float most = -1e30f, total = 0, of_chosen = 0;
        for (int e = lane; e < experts; e += 32) most = fmaxf(most, own[e]);
#pragma unroll
        for (int step = 16; step; step >>= 1) most = fmaxf(most, __shfl_xor_sync(FULL, most, step));
        for (int e = lane; e < experts; e += 32) total += __expf(own[e] - most);
        total = warp_sum(total);
        u32 taken = 0;
        for (int i = 0; i < chosen; i++) {
            float best = -1e38f;
            int place = MOST_EXPERTS;
            for (int e = lane, j = 0; e < experts; e += 32, j++)
                if (!(taken >> j & 1) && own[e] > best) best = own[e], place = e;
#pragma unroll
            for (int step = 16; step; step >>= 1) {
                const float other = __shfl_xor_sync(FULL, best, step);
                const int at = __shfl_xor_sync(FULL, place, step);
                if (other > best || (other == best && at < place)) best = other, place = at;
            }
            place = min(place, experts - 1);  // logits that are no numbers
            if (lane == (place & 31)) taken |= 1u << (place >> 5);
            const float weight = __expf(best - most);
            of_chosen += weight;
            if (lane == 0) {
                choices[row * chosen + i] = place, weights[row * chosen + i] = weight;
                atomicAdd(counts + place, 1);
            }
        }
        __syncwarp();
        const float part = 1.0f / (normalised ? of_chosen : total);
        for (int i = lane; i < chosen; i += 32) weights[row * chosen + i] *= part;
    }
    __syncthreads();
    if (warp == 0) {
        int places_before = 0, items_before = 0;
        for (int base = 0; base < experts; base += 32) {
            const int count = base + lane < experts ? counts[base + lane] : 0, own = (count + width - 1) / width;
            int place = count, item = own;
#pragma unroll
            for (int step = 1; step < 32; step <<= 1) {
                const int p = __shfl_up_sync(FULL, place, step), n = __shfl_up_sync(FULL, item, step);
                if (lane >= step) place += p, item += n;
            }
            if (base + lane < experts) {
                starts[base + lane] = places_before + place - count;
                first_items[base + lane] = items_before + item - own;
            }
            places_before += __shfl_sync(FULL, place, 31), items_before += __shfl_sync(FULL, item, 31);
        }
        if (lane == 0) items[0] = items_before;
    }
    __syncthreads();
    for (int e = thread; e < experts; e += blockDim.x)
        for (int done = 0, number = first_items[e]; done < counts[e]; done += width, number++) {
            int* const item = items + ITEM * (1 + number);
            item[0] = e, item[1] = starts[e] + done, item[2] = min(width, counts[e] - done);
        }
    __syncthreads();
    for (int pair = thread; pair < rows * chosen; pair += blockDim.x) {
        const int place = atomicAdd(starts + choices[pair], 1);
        places[pair] = place, sources[place] = pair / chosen;
    }
}

// residual[row] += the weighted sum of what its experts give, always in the same order, with the sum of squares. A block for
// each row.
extern "C" __global__ void combine(const float* given, const int* places, const float* weights, float* residual, float* squares,
                                   int size, int stride, int chosen, int parts) {
    __shared__ float room[32];
    wait_for_producer();
    let_next_start();
    const u64 row = blockIdx.x;
    float sum = 0;
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
        float value = 0;
#pragma unroll 2
        for (int c = 0; c < chosen; c++) value += weights[row * chosen + c] * given[(u64)places[row * chosen + c] * stride + i];
        value += residual[row * size + i];
        residual[row * size + i] = value;
        sum += value * value;
    }
    sum = block_sum(sum, room);
    for (int i = threadIdx.x; i < parts; i += blockDim.x) squares[row * parts + i] = i == 0 ? sum : 0.0f;
}
