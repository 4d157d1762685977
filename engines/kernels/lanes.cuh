// Samples of a row that a thread has: read and written 16 bytes at a time where memory lies well, one by one elsewhere.
#pragma once
#include <cuda_fp16.h>
#include <stdint.h>
#include <string.h>

#include "places.cuh"

static const int LANES = 8;

// What is read and written at once: 16 bytes at most.
template <int BYTES> struct Bytes;
template <> struct Bytes<1> { typedef unsigned char Type; };
template <> struct Bytes<2> { typedef unsigned short Type; };
template <> struct Bytes<4> { typedef unsigned int Type; };
template <> struct Bytes<8> { typedef uint2 Type; };
template <> struct Bytes<16> { typedef uint4 Type; };

template <typename T, int COUNT>
struct Word {
    static const int AT_ONCE = COUNT * sizeof(T) > 16 ? 16 / sizeof(T) : COUNT;
    typedef typename Bytes<AT_ONCE * sizeof(T)>::Type Type;
};

// Whether rows can be read or written so many samples at once.
template <int COUNT, typename T>
__device__ static bool fits(const T* plane, int pitch) {
    const int bytes = Word<T, COUNT>::AT_ONCE * sizeof(T);
    return (size_t)plane % bytes == 0 && (size_t)pitch * sizeof(T) % bytes == 0;
}

// Samples of a row from a column on; beyond its end its last one stands.
template <bool WIDE, typename T, int COUNT>
__device__ static void read(const T* __restrict__ row, int column, int end, T (&to)[COUNT]) {
    typedef typename Word<T, COUNT>::Type Type;
    if (WIDE) {
#pragma unroll
        for (int i = 0; i < COUNT; i += Word<T, COUNT>::AT_ONCE) {
            Type words = __ldg((const Type*)(row + column + i));
            memcpy(to + i, &words, sizeof(Type));
        }
    } else {
#pragma unroll
        for (int i = 0; i < COUNT; i++) to[i] = row[within(column + i, end)];
    }
}

template <bool WIDE, typename T, int COUNT>
__device__ static void write(T* __restrict__ row, int column, int end, const T (&from)[COUNT]) {
    typedef typename Word<T, COUNT>::Type Type;
    if (WIDE) {
#pragma unroll
        for (int i = 0; i < COUNT; i += Word<T, COUNT>::AT_ONCE) {
            Type words;
            memcpy(&words, from + i, sizeof(Type));
            *(Type*)(row + column + i) = words;
        }
    } else {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            if (column + i < end) row[column + i] = from[i];
    }
}

template <bool WIDE>
__device__ static void write_halves(__half* __restrict__ row, int column, int end, const float (&from)[LANES]) {
    __half halves[LANES];
#pragma unroll
    for (int i = 0; i < LANES; i += 2) {
        __half2 pair = __floats2half2_rn(from[i], from[i + 1]);
        memcpy(halves + i, &pair, sizeof pair);
    }
    write<WIDE>(row, column, end, halves);
}
