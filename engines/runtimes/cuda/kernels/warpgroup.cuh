// Products of four warps together on Hopper's tensor cores (wgmma), weights from registers, inputs from shared memory.
#pragma once
#include "common.cuh"

__device__ __forceinline__ void warpgroup_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void warpgroup_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

template <int PENDING>
__device__ __forceinline__ void warpgroup_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
}

// Where a matrix [columns, 16 inputs] lies: pieces of 8 columns by 16 bytes, 128 bytes each; two pieces side by side make
// the 16 inputs, `next_columns` bytes on lie the next 8 columns.
__device__ __forceinline__ u64 matrix_at(u32 shared, u32 next_columns) {
    return (u64)((shared & 0x3ffff) >> 4) | ((u64)(128 >> 4) << 16) | ((u64)(next_columns >> 4) << 32);
}

#define OUT4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])

// d[64 x COLUMNS] (+)= a[64 x 16] b[16 x COLUMNS]; without `add` d need not have been set. Warp w of the four, lane 4 g + t, holds rows 16 w + g and 16 w + g + 8 of a
// and d as for `mma`; of d columns 8 n + 2 t and the next in d[4 n] .. d[4 n + 3].
template <int COLUMNS>
struct Warpgroup;

template <>
struct Warpgroup<8> {
    static __device__ __forceinline__ void multiply(float (&d)[4], const u32 (&a)[4], u64 b, int add) {
        asm volatile(
            "{\n.reg .pred add;\nsetp.ne.b32 add, %9, 0;\nwgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 "
            "{%0, %1, %2, %3}"
            ", {%4, %5, %6, %7}, %8, add, 1, 1, 0;\n}"
            : OUT4(0)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add));
    }
};

template <>
struct Warpgroup<16> {
    static __device__ __forceinline__ void multiply(float (&d)[8], const u32 (&a)[4], u64 b, int add) {
        asm volatile(
            "{\n.reg .pred add;\nsetp.ne.b32 add, %13, 0;\nwgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16 "
            "{%0, %1, %2, %3, %4, %5, %6, %7}"
            ", {%8, %9, %10, %11}, %12, add, 1, 1, 0;\n}"
            : OUT4(0), OUT4(4)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add));
    }
};

template <>
struct Warpgroup<32> {
    static __device__ __forceinline__ void multiply(float (&d)[16], const u32 (&a)[4], u64 b, int add) {
        asm volatile(
            "{\n.reg .pred add;\nsetp.ne.b32 add, %21, 0;\nwgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 "
            "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}"
            ", {%16, %17, %18, %19}, %20, add, 1, 1, 0;\n}"
            : OUT4(0), OUT4(4), OUT4(8), OUT4(12)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add));
    }
};

template <>
struct Warpgroup<64> {
    static __device__ __forceinline__ void multiply(float (&d)[32], const u32 (&a)[4], u64 b, int add) {
        asm volatile(
            "{\n.reg .pred add;\nsetp.ne.b32 add, %37, 0;\nwgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
            "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, "
            "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}"
            ", {%32, %33, %34, %35}, %36, add, 1, 1, 0;\n}"
            : OUT4(0), OUT4(4), OUT4(8), OUT4(12), OUT4(16), OUT4(20), OUT4(24), OUT4(28)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add));
    }
};

template <>
struct Warpgroup<128> {
    static __device__ __forceinline__ void multiply(float (&d)[64], const u32 (&a)[4], u64 b, int add) {
        asm volatile(
            "{\n.reg .pred add;\nsetp.ne.b32 add, %69, 0;\nwgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
            "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, "
            "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, "
            "%40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, "
            "%59, %60, %61, %62, %63}"
            ", {%64, %65, %66, %67}, %68, add, 1, 1, 0;\n}"
            : OUT4(0), OUT4(4), OUT4(8), OUT4(12), OUT4(16), OUT4(20), OUT4(24), OUT4(28), OUT4(32),
              OUT4(36), OUT4(40), OUT4(44), OUT4(48), OUT4(52), OUT4(56), OUT4(60)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add));
    }
};

template <>
struct Warpgroup<160> {
    static __device__ __forceinline__ void multiply(float (&d)[80], const u32 (&a)[4], u64 b, int add) {
        asm volatile(
            "{\n.reg .pred add;\nsetp.ne.b32 add, %85, 0;\nwgmma.mma_async.sync.aligned.m64n160k16.f32.f16.f16 "
            "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
            "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, "
            "%40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, "
            "%60, %61, %62, %63, %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79}"
            ", {%80, %81, %82, %83}, %84, add, 1, 1, 0;\n}"
            : OUT4(0), OUT4(4), OUT4(8), OUT4(12), OUT4(16), OUT4(20), OUT4(24), OUT4(28), OUT4(32),
              OUT4(36), OUT4(40), OUT4(44), OUT4(48), OUT4(52), OUT4(56), OUT4(60), OUT4(64), OUT4(68),
              OUT4(72), OUT4(76)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add));
    }
};

// The same with a from shared memory, for 64 columns.
__device__ __forceinline__ void multiply_shared(float (&d)[32], u64 a, u64 b, int add) {
    asm volatile(
        "{\n.reg .pred add;\nsetp.ne.b32 add, %34, 0;\nwgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, "
        "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}"
        ", %32, %33, add, 1, 1, 0, 0;\n}"
        : OUT4(0), OUT4(4), OUT4(8), OUT4(12), OUT4(16), OUT4(20), OUT4(24), OUT4(28)
        : "l"(a), "l"(b), "r"(add));
}

#undef OUT4
