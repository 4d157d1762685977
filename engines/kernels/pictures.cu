// Planes of Y'CbCr, 4:2:0 or 4:2:2, 8, 10 or 16 bit, to planar half floats and back; ASC CDL and a LUT in one pass.
//
// A thread has LANES samples of a row: of chroma at full rows' half (packed kernels), of pixels (RGB kernels, the look).
// Where memory and pitches allow it they are read and written 16 bytes at a time, anywhere else, and at a row's end, one
// by one; what is computed between is the same code, and gives the same numbers. Every byte is written once; of 4:2:0 a
// row of chroma is read for the rows around it, too. The same arithmetic stands in twin.py, in the same order.
//
// Names: <what it gives>_from_<what it takes>. `pitch` counts samples from one row to the next. Code values are those of
// 10 bit (0-1023): 8-bit samples stand for four times, 16-bit samples for a 64th of themselves.

#include <cuda_fp16.h>
#include <stdint.h>
#include <string.h>

static const int LANES = 8;
static const float CODES = 1023.0f;

struct Matrix {  // of Y'CbCr to R'G'B', legal range. Source: ITU-R BT.709-6, item 3; BT.2020-2, table 4
    float red, blue;
};

struct Cdl {  // Source: ASC CDL 1.2: slope, offset and power a channel, then saturation about Rec. 709 luma
    float slope[3], offset[3], power[3], saturation;
};

__device__ static int within(int at, int count) { return at < 0 ? 0 : at < count ? at : count - 1; }

__device__ static float bounded(float value, float most) { return fminf(fmaxf(value, 0.0f), most); }

// The quotient as IEEE 754 rounds it, where `by` is known: a product, and what it lacks put right (Markstein 1990).
__device__ static float over(float value, float by) {
    float reciprocal = 1.0f / by, quotient = value * reciprocal;
    return fmaf(fmaf(-quotient, by, value), reciprocal, quotient);
}

// What is read and written at once: 16 bytes at most.
template <int BYTES> struct Word;
template <> struct Word<1> { typedef unsigned char Type; };
template <> struct Word<2> { typedef unsigned short Type; };
template <> struct Word<4> { typedef unsigned int Type; };
template <> struct Word<8> { typedef uint2 Type; };
template <> struct Word<16> { typedef uint4 Type; };

template <typename T, int COUNT>
struct Wide {
    static const int AT_ONCE = COUNT * sizeof(T) > 16 ? 16 / sizeof(T) : COUNT;
    typedef typename Word<AT_ONCE * sizeof(T)>::Type Type;
};

// Whether rows can be read or written so many samples at once.
template <int COUNT, typename T>
__device__ static bool fits(const T* plane, int pitch) {
    const int bytes = Wide<T, COUNT>::AT_ONCE * sizeof(T);
    return (size_t)plane % bytes == 0 && (size_t)pitch * sizeof(T) % bytes == 0;
}

// Samples of a row from a column on; beyond its end its last one stands.
template <typename T, int COUNT>
__device__ static void read(const T* __restrict__ row, int column, int end, bool wide, T (&to)[COUNT]) {
    typedef typename Wide<T, COUNT>::Type Type;
    if (wide) {
#pragma unroll
        for (int i = 0; i < COUNT; i += Wide<T, COUNT>::AT_ONCE) {
            Type words = __ldg((const Type*)(row + column + i));
            memcpy(to + i, &words, sizeof(Type));
        }
    } else {
#pragma unroll
        for (int i = 0; i < COUNT; i++) to[i] = row[within(column + i, end)];
    }
}

template <typename T, int COUNT>
__device__ static void write(T* __restrict__ row, int column, int end, bool wide, const T (&from)[COUNT]) {
    typedef typename Wide<T, COUNT>::Type Type;
    if (wide) {
#pragma unroll
        for (int i = 0; i < COUNT; i += Wide<T, COUNT>::AT_ONCE) {
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

__device__ static void write_halves(__half* __restrict__ row, int column, int end, bool wide, const float (&from)[LANES]) {
    if (wide) {
        __half2 pairs[LANES / 2];
#pragma unroll
        for (int i = 0; i < LANES / 2; i++) pairs[i] = __floats2half2_rn(from[2 * i], from[2 * i + 1]);
        uint4 words;
        memcpy(&words, pairs, sizeof words);
        *(uint4*)(row + column) = words;
    } else {
#pragma unroll
        for (int i = 0; i < LANES; i++)
            if (column + i < end) row[column + i] = __float2half_rn(from[i]);
    }
}

template <int BITS, typename Sample>
__device__ static float code(Sample sample) {
    return (float)sample * (1024.0f / (1 << BITS));
}

template <typename Sample, int BITS>
__device__ static Sample sample(float code) {
    return (Sample)__float2int_rn(bounded(code * ((1 << BITS) / 1024.0f), (float)((1 << BITS) - 1)));
}

// Chroma at a row of the picture: of 4:2:0, which lies between rows, three parts of the nearer and one of the farther.
template <typename Sample, int BITS, bool HALF_ROWS, int COUNT>
__device__ static void chroma(const Sample* __restrict__ plane, int pitch, int row, int column, int height, int end,
                              bool wide, float (&to)[COUNT]) {
    Sample near[COUNT], far[COUNT];
    if (!HALF_ROWS) {
        read(plane + (size_t)row * pitch, column, end, wide, near);
#pragma unroll
        for (int i = 0; i < COUNT; i++) to[i] = code<BITS>(near[i]);
        return;
    }
    int rows = (height + 1) / 2, close = row / 2, beside = within(row % 2 ? close + 1 : close - 1, rows);
    read(plane + (size_t)close * pitch, column, end, wide, near);
    read(plane + (size_t)beside * pitch, column, end, wide, far);
#pragma unroll
    for (int i = 0; i < COUNT; i++) to[i] = 0.75f * code<BITS>(near[i]) + 0.25f * code<BITS>(far[i]);
}

// packed [8, rows, columns]: luma of two rows and two columns, then two rows of Cb, two of Cr; edges repeat.
template <typename Sample, int BITS, bool HALF_ROWS>
__device__ static void pack(const Sample* __restrict__ y, const Sample* __restrict__ cb, const Sample* __restrict__ cr,
                            int y_pitch, int c_pitch, __half* __restrict__ packed, int height, int width, int rows,
                            int columns) {
    int column = LANES * (blockIdx.x * blockDim.x + threadIdx.x), row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    size_t plane = (size_t)rows * columns;
    __half* out = packed + (size_t)row * columns;
    bool wide = fits<2 * LANES>(y, y_pitch) && fits<LANES>(cb, c_pitch) && fits<LANES>(cr, c_pitch) &&
                2 * (column + LANES) <= width;
    bool whole = fits<LANES>(packed, columns);
#pragma unroll
    for (int down = 0; down < 2; down++) {
        int line = within(2 * row + down, height);
        Sample luma[2 * LANES];
        float even[LANES], odd[LANES], blue[LANES], red[LANES];
        read(y + (size_t)line * y_pitch, 2 * column, width, wide, luma);
        chroma<Sample, BITS, HALF_ROWS>(cb, c_pitch, line, column, height, width / 2, wide, blue);
        chroma<Sample, BITS, HALF_ROWS>(cr, c_pitch, line, column, height, width / 2, wide, red);
#pragma unroll
        for (int i = 0; i < LANES; i++) {
            even[i] = over(code<BITS>(luma[2 * i]), CODES);
            odd[i] = over(code<BITS>(luma[2 * i + 1]), CODES);
            blue[i] = over(blue[i], CODES);
            red[i] = over(red[i], CODES);
        }
        write_halves(out + (2 * down) * plane, column, columns, whole, even);
        write_halves(out + (2 * down + 1) * plane, column, columns, whole, odd);
        write_halves(out + (4 + down) * plane, column, columns, whole, blue);
        write_halves(out + (6 + down) * plane, column, columns, whole, red);
    }
}

template <typename Sample, int BITS, bool HALF_ROWS>
__device__ static void unpack(const __half* __restrict__ packed, Sample* __restrict__ y, Sample* __restrict__ cb,
                              Sample* __restrict__ cr, int y_pitch, int c_pitch, int height, int width, int rows,
                              int columns) {
    int column = LANES * (blockIdx.x * blockDim.x + threadIdx.x), row = blockIdx.y * blockDim.y + threadIdx.y;
    if (2 * row >= height || 2 * column >= width) return;
    size_t plane = (size_t)rows * columns;
    const __half* in = packed + (size_t)row * columns;
    bool whole = fits<LANES>(packed, columns);
    bool wide = fits<2 * LANES>(y, y_pitch) && fits<LANES>(cb, c_pitch) && fits<LANES>(cr, c_pitch) &&
                2 * (column + LANES) <= width;
    __half even[LANES], odd[LANES], blues[2][LANES], reds[2][LANES];
#pragma unroll
    for (int down = 0; down < 2; down++) {
        int line = 2 * row + down;
        Sample luma[2 * LANES];
        read(in + (2 * down) * plane, column, columns, whole, even);
        read(in + (2 * down + 1) * plane, column, columns, whole, odd);
        read(in + (4 + down) * plane, column, columns, whole, blues[down]);
        read(in + (6 + down) * plane, column, columns, whole, reds[down]);
#pragma unroll
        for (int i = 0; i < LANES; i++) {
            luma[2 * i] = sample<Sample, BITS>(__half2float(even[i]) * CODES);
            luma[2 * i + 1] = sample<Sample, BITS>(__half2float(odd[i]) * CODES);
        }
        if (line < height) write(y + (size_t)line * y_pitch, 2 * column, width, wide, luma);
    }
    Sample blue[LANES], red[LANES];
#pragma unroll
    for (int down = 0; down < (HALF_ROWS ? 1 : 2); down++) {
        int line = HALF_ROWS ? row : 2 * row + down;
#pragma unroll
        for (int i = 0; i < LANES; i++) {
            float b = __half2float(blues[down][i]) * CODES, r = __half2float(reds[down][i]) * CODES;
            if (HALF_ROWS) {
                b = 0.5f * (b + __half2float(blues[1][i]) * CODES);
                r = 0.5f * (r + __half2float(reds[1][i]) * CODES);
            }
            blue[i] = sample<Sample, BITS>(b);
            red[i] = sample<Sample, BITS>(r);
        }
        if (!HALF_ROWS && line >= height) continue;
        write(cb + (size_t)line * c_pitch, column, width / 2, wide, blue);
        write(cr + (size_t)line * c_pitch, column, width / 2, wide, red);
    }
}

// Chroma at LANES pixels, as a share of its range: it lies at even columns, between them the mean of both neighbours.
template <typename Sample, int BITS, bool HALF_ROWS>
__device__ static void chroma_at(const Sample* __restrict__ plane, int pitch, int row, int column, int height, int width,
                                 bool wide, float (&to)[LANES]) {
    float left[LANES / 2], next[1];
    chroma<Sample, BITS, HALF_ROWS>(plane, pitch, row, column / 2, height, width / 2, wide, left);
    chroma<Sample, BITS, HALF_ROWS>(plane, pitch, row, column / 2 + LANES / 2, height, width / 2, false, next);
#pragma unroll
    for (int i = 0; i < LANES / 2; i++) {
        float right = i + 1 < LANES / 2 ? left[(i + 1) % (LANES / 2)] : next[0];
        to[2 * i] = over(left[i] - 512.0f, 896.0f);
        to[2 * i + 1] = over(0.5f * (left[i] + right) - 512.0f, 896.0f);
    }
}

// rgb [3, height, width]: 0 is black, 1 is white (codes 64 and 940); what lies outside is kept.
template <typename Sample, int BITS, bool HALF_ROWS>
__device__ static void to_rgb(const Sample* __restrict__ y, const Sample* __restrict__ cb, const Sample* __restrict__ cr,
                              int y_pitch, int c_pitch, __half* __restrict__ rgb, int height, int width, Matrix matrix) {
    int column = LANES * (blockIdx.x * blockDim.x + threadIdx.x), row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= height || column >= width) return;
    size_t plane = (size_t)height * width;
    __half* out = rgb + (size_t)row * width;
    bool wide = fits<LANES>(y, y_pitch) && fits<LANES / 2>(cb, c_pitch) && fits<LANES / 2>(cr, c_pitch) &&
                column + LANES <= width;
    bool whole = fits<LANES>(rgb, width);
    Sample luma[LANES];
    float red[LANES], green[LANES], blue[LANES];
    read(y + (size_t)row * y_pitch, column, width, wide, luma);
    chroma_at<Sample, BITS, HALF_ROWS>(cb, c_pitch, row, column, height, width, wide, blue);
    chroma_at<Sample, BITS, HALF_ROWS>(cr, c_pitch, row, column, height, width, wide, red);
    float to_red = 2.0f * (1.0f - matrix.red), to_blue = 2.0f * (1.0f - matrix.blue);
    float to_green = 1.0f / (1.0f - matrix.red - matrix.blue);
#pragma unroll
    for (int i = 0; i < LANES; i++) {
        float light = over(code<BITS>(luma[i]) - 64.0f, 876.0f);
        red[i] = light + to_red * red[i];
        blue[i] = light + to_blue * blue[i];
        green[i] = (light - matrix.red * red[i] - matrix.blue * blue[i]) * to_green;
    }
    write_halves(out, column, width, whole, red);
    write_halves(out + plane, column, width, whole, green);
    write_halves(out + 2 * plane, column, width, whole, blue);
}

// What takes R'G'B' to code values; its divisions are done once.
struct Weights {
    float red, green, blue, to_blue, to_red;
};

struct Code {
    float luma, blue, red;
};

__device__ static Code ycbcr(float r, float g, float b, Weights weights) {
    float luma = weights.red * r + weights.green * g + weights.blue * b;
    return {64.0f + 876.0f * luma, 512.0f + (b - luma) * weights.to_blue, 512.0f + (r - luma) * weights.to_red};
}

// LANES pixels of one row, or of two. Chroma is what lies at its column, weighed one, two, one with its neighbours; of
// 4:2:0 the mean of both rows.
template <typename Sample, int BITS, bool HALF_ROWS>
__device__ static void from_rgb(const __half* __restrict__ rgb, Sample* __restrict__ y, Sample* __restrict__ cb,
                                Sample* __restrict__ cr, int y_pitch, int c_pitch, int height, int width, Matrix matrix) {
    int column = LANES * (blockIdx.x * blockDim.x + threadIdx.x), row = blockIdx.y * blockDim.y + threadIdx.y;
    const int lines = HALF_ROWS ? 2 : 1;
    int first = row * lines;
    if (first >= height || column >= width) return;
    size_t plane = (size_t)height * width;
    bool whole = fits<LANES>(rgb, width);
    bool wide = fits<LANES>(y, y_pitch) && fits<LANES / 2>(cb, c_pitch) && fits<LANES / 2>(cr, c_pitch) &&
                column + LANES <= width;
    Weights weights = {matrix.red, 1.0f - matrix.red - matrix.blue, matrix.blue, 896.0f / (2.0f * (1.0f - matrix.blue)),
                       896.0f / (2.0f * (1.0f - matrix.red))};
    float blue[LANES / 2], red[LANES / 2];
#pragma unroll
    for (int line = 0; line < lines; line++) {
        const __half* in = rgb + (size_t)within(first + line, height) * width;
        int left = within(column - 1, width);
        __half r[LANES], g[LANES], b[LANES];
        read(in, column, width, whole, r);
        read(in + plane, column, width, whole, g);
        read(in + 2 * plane, column, width, whole, b);
        Code before = ycbcr(__half2float(in[left]), __half2float(in[plane + left]), __half2float(in[2 * plane + left]), weights);
        Sample luma[LANES];
#pragma unroll
        for (int i = 0; i < LANES / 2; i++) {
            Code here = ycbcr(__half2float(r[2 * i]), __half2float(g[2 * i]), __half2float(b[2 * i]), weights);
            Code after = ycbcr(__half2float(r[2 * i + 1]), __half2float(g[2 * i + 1]), __half2float(b[2 * i + 1]), weights);
            luma[2 * i] = sample<Sample, BITS>(here.luma);
            luma[2 * i + 1] = sample<Sample, BITS>(after.luma);
            float blues = 0.25f * (before.blue + 2.0f * here.blue + after.blue);
            float reds = 0.25f * (before.red + 2.0f * here.red + after.red);
            blue[i] = line ? 0.5f * (blue[i] + blues) : blues;
            red[i] = line ? 0.5f * (red[i] + reds) : reds;
            before = after;
        }
        if (first + line < height) write(y + (size_t)(first + line) * y_pitch, column, width, wide, luma);
    }
    Sample blues[LANES / 2], reds[LANES / 2];
#pragma unroll
    for (int i = 0; i < LANES / 2; i++) {
        blues[i] = sample<Sample, BITS>(blue[i]);
        reds[i] = sample<Sample, BITS>(red[i]);
    }
    write(cb + (size_t)row * c_pitch, column / 2, width / 2, wide, blues);
    write(cr + (size_t)row * c_pitch, column / 2, width / 2, wide, reds);
}

// Most grades leave the power at one, and powf costs more than all else here; it stands in the code once.
__device__ __noinline__ static float raised(float value, float power) { return powf(value, power); }

// Slope, offset and power of one channel.
__device__ static float graded(__half value, const Cdl& cdl, int channel) {
    float moved = bounded(__half2float(value) * cdl.slope[channel] + cdl.offset[channel], 1.0f);
    return cdl.power[channel] == 1.0f ? moved : raised(moved, cdl.power[channel]);
}

// Where a value of 0 to 1 lies between the points of an axis: the lower one, and how far beyond it.
struct Place {
    int low;
    float part;
};

__device__ static Place placed(float value, float luma, float saturation, int side) {
    float place = bounded(luma + saturation * (value - luma), 1.0f) * (side - 1);
    int low = within((int)place, side - 1);
    return {low, place - low};
}

// A colour read between a LUT's points along tetrahedra. Which axis is walked first, next and last is chosen by
// selection: an array that is indexed by what a thread finds would lie in memory and not in registers.
__device__ static float4 read_between(const float4* __restrict__ lut, int side, Place r, Place g, Place b) {
    bool rg = r.part >= g.part, rb = r.part >= b.part, gb = g.part >= b.part;
    int to_r = 1, to_g = side, to_b = side * side;
    float most = rg ? (rb ? r.part : b.part) : (gb ? g.part : b.part);
    int first = rg ? (rb ? to_r : to_b) : (gb ? to_g : to_b);
    float middle = rg ? (rb ? (gb ? g.part : b.part) : r.part) : (gb ? (rb ? r.part : b.part) : g.part);
    int next = rg ? (rb ? (gb ? to_g : to_b) : to_r) : (gb ? (rb ? to_r : to_b) : to_g);
    float least = rg ? (gb ? b.part : g.part) : (rb ? b.part : r.part);
    const float4* corner = lut + r.low + g.low * to_g + b.low * to_b;
    float4 zero = __ldg(corner), one = __ldg(corner + first), two = __ldg(corner + first + next);
    float4 far = __ldg(corner + to_r + to_g + to_b);
    float w0 = 1.0f - most, w1 = most - middle, w2 = middle - least;
    return {zero.x * w0 + one.x * w1 + two.x * w2 + far.x * least, zero.y * w0 + one.y * w1 + two.y * w2 + far.y * least,
            zero.z * w0 + one.z * w1 + two.z * w2 + far.z * least, 0.0f};
}

// A look: CDL, then a LUT of side^3 colours, red fastest. A point has four floats, the last one unused, so that it is
// read at once.
extern "C" __global__ void look(const __half* __restrict__ rgb, __half* __restrict__ out, int pixels, Cdl cdl,
                                const float4* __restrict__ lut, int side) {
    int at = LANES * (blockIdx.x * blockDim.x + threadIdx.x);
    if (at >= pixels) return;
    size_t plane = pixels;
    bool whole = fits<LANES>(rgb, pixels), wide = fits<LANES>(out, pixels);
    __half r[LANES], g[LANES], b[LANES];
    read(rgb, at, pixels, whole, r);
    read(rgb + plane, at, pixels, whole, g);
    read(rgb + 2 * plane, at, pixels, whole, b);
    float reds[LANES], greens[LANES], blues[LANES];
#pragma unroll
    for (int i = 0; i < LANES; i++) {
        float red = graded(r[i], cdl, 0), green = graded(g[i], cdl, 1), blue = graded(b[i], cdl, 2);
        float luma = 0.2126f * red + 0.7152f * green + 0.0722f * blue;
        float4 colour = read_between(lut, side, placed(red, luma, cdl.saturation, side),
                                     placed(green, luma, cdl.saturation, side), placed(blue, luma, cdl.saturation, side));
        reds[i] = colour.x;
        greens[i] = colour.y;
        blues[i] = colour.z;
    }
    write_halves(out, at, pixels, wide, reds);
    write_halves(out + plane, at, pixels, wide, greens);
    write_halves(out + 2 * plane, at, pixels, wide, blues);
}

#define KERNELS(NAME, SAMPLE, BITS, HALF_ROWS)                                                                        \
    extern "C" __global__ void packed_from_##NAME(                                                                    \
        const SAMPLE* __restrict__ y, const SAMPLE* __restrict__ cb, const SAMPLE* __restrict__ cr, int y_pitch,      \
        int c_pitch, __half* __restrict__ packed, int height, int width, int rows, int columns) {                     \
        pack<SAMPLE, BITS, HALF_ROWS>(y, cb, cr, y_pitch, c_pitch, packed, height, width, rows, columns);             \
    }                                                                                                                 \
    extern "C" __global__ void NAME##_from_packed(                                                                    \
        const __half* __restrict__ packed, SAMPLE* __restrict__ y, SAMPLE* __restrict__ cb, SAMPLE* __restrict__ cr,  \
        int y_pitch, int c_pitch, int height, int width, int rows, int columns) {                                     \
        unpack<SAMPLE, BITS, HALF_ROWS>(packed, y, cb, cr, y_pitch, c_pitch, height, width, rows, columns);           \
    }                                                                                                                 \
    extern "C" __global__ void rgb_from_##NAME(                                                                       \
        const SAMPLE* __restrict__ y, const SAMPLE* __restrict__ cb, const SAMPLE* __restrict__ cr, int y_pitch,      \
        int c_pitch, __half* __restrict__ rgb, int height, int width, Matrix matrix) {                                \
        to_rgb<SAMPLE, BITS, HALF_ROWS>(y, cb, cr, y_pitch, c_pitch, rgb, height, width, matrix);                     \
    }                                                                                                                 \
    extern "C" __global__ void NAME##_from_rgb(                                                                       \
        const __half* __restrict__ rgb, SAMPLE* __restrict__ y, SAMPLE* __restrict__ cb, SAMPLE* __restrict__ cr,     \
        int y_pitch, int c_pitch, int height, int width, Matrix matrix) {                                             \
        from_rgb<SAMPLE, BITS, HALF_ROWS>(rgb, y, cb, cr, y_pitch, c_pitch, height, width, matrix);                   \
    }

KERNELS(yuv420_8, uint8_t, 8, true)
KERNELS(yuv420_10, uint16_t, 10, true)
KERNELS(yuv420_16, uint16_t, 16, true)
KERNELS(yuv422_8, uint8_t, 8, false)
KERNELS(yuv422_10, uint16_t, 10, false)
KERNELS(yuv422_16, uint16_t, 16, false)
