// Attention of the token that a step in one kernel computes.
#pragma once
#include "attention.cuh"
#include "handed.cuh"

// The newest token's K and V in place of what its slot holds.
__device__ __forceinline__ void patch(PageValues& page, int inside, const u16* key, const u16* value) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, token = 4 * (g >> 1) + (g & 1);
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
        const uint4 fresh = *(const uint4*)(key + c * 32 + t * 8);
        if (token == inside) page.k[0][c] = fresh;
        if (token + 2 == inside) page.k[1][c] = fresh;
    }
    if (t != inside >> 2) return;
#pragma unroll
    for (int n = 0; n < HEAD / 16; n++) {
        const u32 a = value[n * 16 + g], b = value[n * 16 + 8 + g];
        u32& first = inside & 2 ? page.v[n].y : page.v[n].x;
        u32& second = inside & 2 ? page.v[n].w : page.v[n].z;
        first = inside & 1 ? (first & 0xffff) | (a << 16) : (first & 0xffff0000) | a;
        second = inside & 1 ? (second & 0xffff) | (b << 16) : (second & 0xffff0000) | b;
    }
}

// A block's share of attention: a KV head and some of its pages, none where `begin` is `end`.
struct Part {
    int kv_head, split, splits, begin, end;
};

__device__ __forceinline__ Part part_of(const Attention& p, int window, int position) {
    const int first_page = window > 0 ? max(0, position - window + 1) / PAGE : 0;
    const int pages = position / PAGE + 1 - first_page, most_splits = max(1, (int)gridDim.x / p.kv_heads);
    const int share = max(p.least_pages, (pages + most_splits - 1) / most_splits), split = blockIdx.x / p.kv_heads;
    const int begin = first_page + split * share, splits = (pages + share - 1) / share;
    return {(int)blockIdx.x % p.kv_heads, split, splits, begin, split < splits ? min(begin + share, first_page + pages) : begin};
}

__device__ __forceinline__ u64 place_of_page(const Attention& p, const Part& part, int page) {
    return ((u64)p.page_table[page] * p.kv_heads + part.kv_head) * (PAGE * HEAD);
}

// Earlier tokens' K and V come into the L2 while q is computed. By one warp.
__device__ __forceinline__ void prefetch_pages(const Attention& p, const Layer& layer, const Part& part) {
    for (int page = part.begin; page < min(part.end, part.begin + AHEAD * WARPS); page++)
        prefetch_page(layer.keys + place_of_page(p, part, page), layer.values + place_of_page(p, part, page));
}

// The blocks share KV heads and pages, the warps of a block its pages.
__device__ __forceinline__ void attend_one(const Attention& p, const Layer& layer, const Part& part, const Handed& handed,
                                           int position, u32 number, u8* room) {
    const int lane = lane_number(), warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3, repeat = p.heads / p.kv_heads;
    const int kv_head = part.kv_head, split = part.split, end = part.end, window = (int)layer.window;
    if (part.begin == end) return;
    auto place = [&](int page) { return place_of_page(p, part, page); };
    int page = part.begin + warp;
    PageValues values;  // the first ones before the query
    if (page < end) load_keys(values, layer.keys + place(page)), load_values(values, layer.values + place(page));
    u16* const fresh = (u16*)room;  // [repeat + 2, HEAD]: queries, key, value
    const int quads = HEAD / 4, pairs = HEAD / 2;
    for (int i = threadIdx.x; i < (repeat + 2) * quads; i += THREADS) {
        const int row = i / quads, quad = i - row * quads;
        const int head = row < repeat ? kv_head * repeat + row : p.heads + (row - repeat) * p.kv_heads + kv_head;
        uint4 four = make_uint4(0, 0, 0, 0);
        if (quad * 4 < p.head) {
            u32 tries = 0;
            do four = look(handed.qkv + head * p.head + quad * 4), count_try(tries);
            while (!there(four, number, 3));
        }
        ((uint2*)fresh)[i] = make_uint2(to_half2(value_of(four.x), value_of(four.y)), to_half2(value_of(four.z), value_of(four.w)));
    }
    block_sync();
    Columns columns;
    start(columns);
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
        const uint4 q = *(const uint4*)(fresh + (g < repeat ? g : 0) * HEAD + c * 32 + t * 8);
        columns.query[c][0] = q.x, columns.query[c][1] = q.y, columns.query[c][2] = q.z, columns.query[c][3] = q.w;
    }
    const int high[2] = {position, position}, low_token = window > 0 ? position - window + 1 : 0;
    const int low[2] = {low_token, low_token};
    for (; page < end; page += WARPS) {
        const int next = page + WARPS, later = page + AHEAD * WARPS;
        if (later < end) prefetch_page(layer.keys + place(later), layer.values + place(later));
        if (page == position / PAGE) patch(values, position % PAGE, fresh + repeat * HEAD, fresh + (repeat + 1) * HEAD);
        const u64 at = next < end ? place(next) : 0;
        attend(columns, values, next < end ? layer.keys + at : nullptr, page * PAGE, low, high, p.scale, p.cap);
        if (next < end) load_values(values, layer.values + at);
    }
    const int width = HEAD + 2, stride = repeat * width;
    float* const mine = (float*)(room + (repeat + 2) * HEAD * 2);  // [WARPS, repeat, width]
#pragma unroll
    for (int e = 0; e < 2; e++) {
        float sum = columns.sum[e];
#pragma unroll
        for (int step = 4; step < 32; step <<= 1) sum += __shfl_xor_sync(FULL, sum, step);
        if (2 * t + e >= repeat) continue;
        float* to = mine + warp * stride + (2 * t + e) * width;
#pragma unroll
        for (int n = 0; n < HEAD / 16; n++) to[n * 16 + g] = columns.out[n][e], to[n * 16 + 8 + g] = columns.out[n][2 + e];
        if (g == 0) to[HEAD] = columns.most[e], to[HEAD + 1] = sum;
    }
    block_sync();
    const int most_splits = max(1, (int)gridDim.x / p.kv_heads);
    u64* const shared_words = handed.shares + (u64)kv_head * most_splits * stride;
    // Two neighbouring dimensions for each thread.
    for (int i = threadIdx.x; i < repeat * pairs; i += THREADS) {
        const int row = i / pairs, d = (i - row * pairs) * 2;
        const float* from = mine + row * width;
        float most = -1e30f, sum = 0, a = 0, b = 0;
#pragma unroll
        for (int w = 0; w < WARPS; w++) most = fmaxf(most, from[w * stride + HEAD]);
#pragma unroll
        for (int w = 0; w < WARPS; w++) {
            const float2 ends = *(const float2*)(from + w * stride + HEAD), two = *(const float2*)(from + w * stride + d);
            const float factor = exp2_fast(ends.x - most);
            a += two.x * factor, b += two.y * factor, sum += ends.y * factor;
        }
        if (split > 0) {
            u64* to = shared_words + split * stride + row * width;
            put_share(to + d, a, number), put_share(to + d + 1, b, number);
            if (d == 0) put_share(to + HEAD, most, number), put_share(to + HEAD + 1, sum, number);
            continue;
        }
        for (int s = 1; s < part.splits; s++) {
            const u64* other = shared_words + s * stride + row * width;
            uint4 ends = look(other + HEAD), values = look(other + d);
            await_shares(other + HEAD, number, ends), await_shares(other + d, number, values);
            const float their_most = __uint_as_float(ends.x), both = fmaxf(most, their_most);
            const float mine_factor = exp2_fast(most - both), their_factor = exp2_fast(their_most - both);
            a = a * mine_factor + __uint_as_float(values.x) * their_factor;
            b = b * mine_factor + __uint_as_float(values.z) * their_factor;
            sum = sum * mine_factor + __uint_as_float(ends.z) * their_factor;
            most = both;
        }
        if (d >= p.head) continue;
        u32* const to = handed.mixed + (kv_head * repeat + row) * p.head + d;
        const float part_of_all = 1.0f / sum;
        put(to, a * part_of_all, number), put(to + 1, b * part_of_all, number);
    }
    block_sync();
}
