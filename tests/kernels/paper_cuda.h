// CUDA on paper: what the kernels need of it, for a compiler of the processor. One thread at a time, set by the test.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <immintrin.h>

#define __global__
#define __device__
#define __constant__
#define __noinline__

struct Three { int x, y, z; };
static Three blockIdx, threadIdx, blockDim;

struct __half { uint16_t bits; };
struct float2 { float x, y; };
struct __half2 { __half x, y; };
struct uint2 { unsigned x, y; };
struct uint4 { unsigned x, y, z, w; };
struct float4 { float x, y, z, w; };

static inline __half __float2half_rn(float value) {
    return {(uint16_t)_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
static inline float __half2float(__half value) { return _cvtsh_ss(value.bits); }
static inline __half2 __floats2half2_rn(float x, float y) { return {__float2half_rn(x), __float2half_rn(y)}; }
static inline int __float2int_rn(float value) { return (int)rintf(value); }

// Reads through the read-only cache; those of whole words are counted, by their bytes.
static long at_once[17];
template <typename Word>
static inline Word __ldg(const Word* from) {
    at_once[sizeof(Word)]++;
    return *from;
}
static inline float4 __ldg(const float4* from) { return *from; }

extern "C" long words_read(int bytes) {
    long count = at_once[bytes];
    at_once[bytes] = 0;
    return count;
}

static inline int atomicAdd(int* at, int more) {
    int before = *at;
    *at += more;
    return before;
}

extern "C" void stand(int x, int y) {
    blockIdx = {0, 0, 0};
    blockDim = {1, 1, 1};
    threadIdx = {x, y, 0};
}
