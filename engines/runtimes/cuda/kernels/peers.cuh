// What the steps of several cards that share a model hand to one another: each stores into the others' memory what it has
// computed of an output, as `handed.cuh` says, and all add up the shares in the same order, to the same bits.
//
// A place is written again only after it was read: its writer first needs the same block's share of the next sum.
#pragma once
#include "handed.cuh"

#ifndef RANKS
#define RANKS 1  // cards that share the model
#endif
#define MOST_RANKS 8

struct Peers {
    u32* inboxes[MOST_RANKS];  // each card's: [after attention or the MLP, card that it comes from, size]
    u32* logits_there;         // on the first card: blocks of the others whose logits are there, of all steps
    int rank, size, others;    // blocks of all cards but the first one
    int unused;
};

__device__ __forceinline__ u32 look_at_inbox(const u32* word) {
    u32 value;
    asm volatile("ld.relaxed.sys.global.u32 %0, [%1];" : "=r"(value) : "l"(word) : "memory");
    return value;
}

__device__ __forceinline__ void put_on_peer(u32* word, u32 value) {
    asm volatile("st.relaxed.sys.global.u32 [%0], %1;" ::"l"(word), "r"(value) : "memory");
}

// This card's share of two outputs becomes the sum of all cards' ones. `which`: 0 after attention, 1 after the MLP.
__device__ __forceinline__ void add_shares(const Peers& peers, int which, int output, u32 number, float& a, float& b) {
    const u32 own[2] = {tagged(a, number), tagged(b, number)};
    const u64 first = (u64)(which * RANKS) * peers.size + output;
#pragma unroll
    for (int i = 1; i < RANKS; i++) {
        u32* const there = peers.inboxes[(peers.rank + i) % RANKS] + first + (u64)peers.rank * peers.size;
        put_on_peer(there, own[0]), put_on_peer(there + 8, own[1]);
    }
    const u32* const here = peers.inboxes[peers.rank] + first;
    a = b = 0;
    u32 tries = 0;
#pragma unroll
    for (int card = 0; card < RANKS; card++) {
        u32 words[2] = {own[0], own[1]};
        if (card != peers.rank) {
            const u32* const from = here + (u64)card * peers.size;
            do words[0] = look_at_inbox(from), words[1] = look_at_inbox(from + 8), count_try(tries);
            while (((words[0] ^ number) | (words[1] ^ number)) & 3);
        }
        a += value_of(words[0]), b += value_of(words[1]);
    }
}

// The first card's step ends when the others' logits have come to it. By the warp that has stored a block's logits.
__device__ __forceinline__ void gather_logits(const Peers& peers, u32 step) {
    __syncwarp();
    if (threadIdx.x & 31) return;
    if (peers.rank) {
        asm volatile("red.release.sys.global.add.u32 [%0], 1;" ::"l"(peers.logits_there) : "memory");
        return;
    }
    if (blockIdx.x) return;
    u32 seen, tries = 0;
    do {
        asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(seen) : "l"(peers.logits_there) : "memory");
        count_try(tries);
    } while ((int)(seen - step * (u32)peers.others) < 0);
}
