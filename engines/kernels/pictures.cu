// Planes of Y'CbCr, 4:2:0 or 4:2:2, 8, 10 or 16 bit, to planar half floats and back; ASC CDL and a LUT in one pass.
//
// A thread has LANES samples of a row: of chroma at full rows' half (packed kernels), or pixels (RGB, the look). Where
// memory and pitches allow it they are read and written 16 bytes at a time (WIDE), anywhere else, and at a row's end,
// one by one; what is computed between is the same code, and gives the same numbers. A thread chooses once, at its
// beginning, so that all that it reads is asked for before any of it is waited for. Every byte is written once; of
// 4:2:0 a row of chroma is read for the rows around it, too. The same arithmetic stands in twin.py, in the same order.
//
// Names: <what it gives>_from_<what it takes>. `pitch` counts samples from one row to the next. Code values are those
// of 10 bit (0-1023): 8-bit samples stand for four times, 16-bit samples for a 64th of themselves.

#include "lanes.cuh"

static const float CODES = 1023.0f;

struct Matrix {  // of Y'CbCr to R'G'B', legal range. Source: ITU-R BT.709-6, item 3; BT.2020-2, table 4
    float red, blue;
};

struct Cdl {  // Source: ASC CDL 1.2: slope, offset and power a channel, then saturation about Rec. 709 luma
    float slope[3], offset[3], power[3], saturation;
};

template <typename Sample>
struct Planes {
    Sample *y, *cb, *cr;
    int y_pitch, c_pitch;
};

struct Raster {  // of a picture, and of its packed form
    int height, width, rows, columns;
};

__device__ static float bounded(float value, float most) { return fminf(fmaxf(value, 0.0f), most); }

// The quotient as IEEE 754 rounds it, where `by` is known: a product, and what it lacks put right (Markstein 1990).
__device__ static float over(float value, float by) {
    float reciprocal = 1.0f / by, quotient = value * reciprocal;
    return fmaf(fmaf(-quotient, by, value), reciprocal, quotient);
}

// Whether LANES samples of chroma at a column, and the pixels that go with them, can be read or written so.
template <int CHROMA, typename Sample>
__device__ static bool fits(const Planes<Sample>& planes, const __half* halves, int pitch, int end, int width) {
    return fits<2 * CHROMA>(planes.y, planes.y_pitch) && fits<CHROMA>(planes.cb, planes.c_pitch) &&
           fits<CHROMA>(planes.cr, planes.c_pitch) && fits<LANES>(halves, pitch) && end <= width;
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
template <bool WIDE, int BITS, bool HALF_ROWS, typename Sample, int COUNT>
__device__ static void chroma(const Sample* plane, int pitch, int row, int column, Raster raster, float (&to)[COUNT]) {
    int end = raster.width / 2;
    Sample near[COUNT], far[COUNT];
    if (!HALF_ROWS) {
        read<WIDE>(plane + (size_t)row * pitch, column, end, near);
#pragma unroll
        for (int i = 0; i < COUNT; i++) to[i] = code<BITS>(near[i]);
        return;
    }
    int rows = (raster.height + 1) / 2, close = row / 2, beside = within(row % 2 ? close + 1 : close - 1, rows);
    read<WIDE>(plane + (size_t)close * pitch, column, end, near);
    read<WIDE>(plane + (size_t)beside * pitch, column, end, far);
#pragma unroll
    for (int i = 0; i < COUNT; i++) to[i] = 0.75f * code<BITS>(near[i]) + 0.25f * code<BITS>(far[i]);
}

// packed [8, rows, columns]: luma of two rows and two columns, then two rows of Cb, two of Cr; edges repeat.
template <bool WIDE, int BITS, bool HALF_ROWS, typename Sample>
__device__ static void pack(Planes<const Sample> in, __half* __restrict__ packed, Raster raster, int row, int column) {
    size_t plane = (size_t)raster.rows * raster.columns;
    __half* out = packed + (size_t)row * raster.columns;
#pragma unroll
    for (int down = 0; down < 2; down++) {
        int line = within(2 * row + down, raster.height);
        Sample luma[2 * LANES];
        float even[LANES], odd[LANES], blue[LANES], red[LANES];
        read<WIDE>(in.y + (size_t)line * in.y_pitch, 2 * column, raster.width, luma);
        chroma<WIDE, BITS, HALF_ROWS>(in.cb, in.c_pitch, line, column, raster, blue);
        chroma<WIDE, BITS, HALF_ROWS>(in.cr, in.c_pitch, line, column, raster, red);
#pragma unroll
        for (int i = 0; i < LANES; i++) {
            even[i] = over(code<BITS>(luma[2 * i]), CODES);
            odd[i] = over(code<BITS>(luma[2 * i + 1]), CODES);
            blue[i] = over(blue[i], CODES);
            red[i] = over(red[i], CODES);
        }
        write_halves<WIDE>(out + (2 * down) * plane, column, raster.columns, even);
        write_halves<WIDE>(out + (2 * down + 1) * plane, column, raster.columns, odd);
        write_halves<WIDE>(out + (4 + down) * plane, column, raster.columns, blue);
        write_halves<WIDE>(out + (6 + down) * plane, column, raster.columns, red);
    }
}

template <bool WIDE, int BITS, bool HALF_ROWS, typename Sample>
__device__ static void unpack(const __half* __restrict__ packed, Planes<Sample> out, Raster raster, int row,
                              int column) {
    size_t plane = (size_t)raster.rows * raster.columns;
    const __half* in = packed + (size_t)row * raster.columns;
    __half even[LANES], odd[LANES], blues[2][LANES], reds[2][LANES];
#pragma unroll
    for (int down = 0; down < 2; down++) {
        int line = 2 * row + down;
        Sample luma[2 * LANES];
        read<WIDE>(in + (2 * down) * plane, column, raster.columns, even);
        read<WIDE>(in + (2 * down + 1) * plane, column, raster.columns, odd);
        read<WIDE>(in + (4 + down) * plane, column, raster.columns, blues[down]);
        read<WIDE>(in + (6 + down) * plane, column, raster.columns, reds[down]);
#pragma unroll
        for (int i = 0; i < LANES; i++) {
            luma[2 * i] = sample<Sample, BITS>(__half2float(even[i]) * CODES);
            luma[2 * i + 1] = sample<Sample, BITS>(__half2float(odd[i]) * CODES);
        }
        if (line < raster.height) write<WIDE>(out.y + (size_t)line * out.y_pitch, 2 * column, raster.width, luma);
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
        if (!HALF_ROWS && line >= raster.height) continue;
        write<WIDE>(out.cb + (size_t)line * out.c_pitch, column, raster.width / 2, blue);
        write<WIDE>(out.cr + (size_t)line * out.c_pitch, column, raster.width / 2, red);
    }
}

// Chroma at LANES pixels, as a share of its range: it lies at even columns, between them the mean of both neighbours.
template <bool WIDE, int BITS, bool HALF_ROWS, typename Sample>
__device__ static void chroma_at(const Sample* plane, int pitch, int row, int column, Raster raster,
                                 float (&to)[LANES]) {
    float left[LANES / 2], next[1];
    chroma<WIDE, BITS, HALF_ROWS>(plane, pitch, row, column / 2, raster, left);
    chroma<false, BITS, HALF_ROWS>(plane, pitch, row, column / 2 + LANES / 2, raster, next);
#pragma unroll
    for (int i = 0; i < LANES / 2; i++) {
        float right = i + 1 < LANES / 2 ? left[(i + 1) % (LANES / 2)] : next[0];
        to[2 * i] = over(left[i] - 512.0f, 896.0f);
        to[2 * i + 1] = over(0.5f * (left[i] + right) - 512.0f, 896.0f);
    }
}

// rgb [3, height, width]: 0 is black, 1 is white (codes 64 and 940); what lies outside is kept.
template <bool WIDE, int BITS, bool HALF_ROWS, typename Sample>
__device__ static void to_rgb(Planes<const Sample> in, __half* __restrict__ rgb, Raster raster, Matrix matrix, int row,
                              int column) {
    size_t plane = (size_t)raster.height * raster.width;
    __half* out = rgb + (size_t)row * raster.width;
    Sample luma[LANES];
    float red[LANES], green[LANES], blue[LANES];
    read<WIDE>(in.y + (size_t)row * in.y_pitch, column, raster.width, luma);
    chroma_at<WIDE, BITS, HALF_ROWS>(in.cb, in.c_pitch, row, column, raster, blue);
    chroma_at<WIDE, BITS, HALF_ROWS>(in.cr, in.c_pitch, row, column, raster, red);
    float to_red = 2.0f * (1.0f - matrix.red), to_blue = 2.0f * (1.0f - matrix.blue);
    float to_green = 1.0f / (1.0f - matrix.red - matrix.blue);
#pragma unroll
    for (int i = 0; i < LANES; i++) {
        float light = over(code<BITS>(luma[i]) - 64.0f, 876.0f);
        red[i] = light + to_red * red[i];
        blue[i] = light + to_blue * blue[i];
        green[i] = (light - matrix.red * red[i] - matrix.blue * blue[i]) * to_green;
    }
    write_halves<WIDE>(out, column, raster.width, red);
    write_halves<WIDE>(out + plane, column, raster.width, green);
    write_halves<WIDE>(out + 2 * plane, column, raster.width, blue);
}

// What takes R'G'B' to code values; its divisions are done once.
struct Weights {
    float red, green, blue, to_blue, to_red;
};

struct Code {
    float luma, blue, red;
};

__device__ static Code ycbcr(__half red, __half green, __half blue, Weights weights) {
    float r = __half2float(red), g = __half2float(green), b = __half2float(blue);
    float luma = weights.red * r + weights.green * g + weights.blue * b;
    return {64.0f + 876.0f * luma, 512.0f + (b - luma) * weights.to_blue, 512.0f + (r - luma) * weights.to_red};
}

// LANES pixels of one row, or of two. Chroma is what lies at its column, weighed one, two, one with its neighbours; of
// 4:2:0 the mean of both rows.
template <bool WIDE, int BITS, bool HALF_ROWS, typename Sample>
__device__ static void from_rgb(const __half* __restrict__ rgb, Planes<Sample> out, Raster raster, Matrix matrix,
                                int row, int column) {
    const int lines = HALF_ROWS ? 2 : 1;
    int first = row * lines;
    size_t plane = (size_t)raster.height * raster.width;
    Weights weights = {matrix.red, 1.0f - matrix.red - matrix.blue, matrix.blue, 896.0f / (2.0f * (1.0f - matrix.blue)),
                       896.0f / (2.0f * (1.0f - matrix.red))};
    float blue[LANES / 2], red[LANES / 2];
#pragma unroll
    for (int line = 0; line < lines; line++) {
        const __half* in = rgb + (size_t)within(first + line, raster.height) * raster.width;
        int left = within(column - 1, raster.width);
        __half r[LANES], g[LANES], b[LANES];
        read<WIDE>(in, column, raster.width, r);
        read<WIDE>(in + plane, column, raster.width, g);
        read<WIDE>(in + 2 * plane, column, raster.width, b);
        Code before = ycbcr(in[left], in[plane + left], in[2 * plane + left], weights);
        Sample luma[LANES];
#pragma unroll
        for (int i = 0; i < LANES / 2; i++) {
            Code here = ycbcr(r[2 * i], g[2 * i], b[2 * i], weights);
            Code after = ycbcr(r[2 * i + 1], g[2 * i + 1], b[2 * i + 1], weights);
            luma[2 * i] = sample<Sample, BITS>(here.luma);
            luma[2 * i + 1] = sample<Sample, BITS>(after.luma);
            float blues = 0.25f * (before.blue + 2.0f * here.blue + after.blue);
            float reds = 0.25f * (before.red + 2.0f * here.red + after.red);
            blue[i] = line ? 0.5f * (blue[i] + blues) : blues;
            red[i] = line ? 0.5f * (red[i] + reds) : reds;
            before = after;
        }
        if (first + line < raster.height)
            write<WIDE>(out.y + (size_t)(first + line) * out.y_pitch, column, raster.width, luma);
    }
    Sample blues[LANES / 2], reds[LANES / 2];
#pragma unroll
    for (int i = 0; i < LANES / 2; i++) {
        blues[i] = sample<Sample, BITS>(blue[i]);
        reds[i] = sample<Sample, BITS>(red[i]);
    }
    write<WIDE>(out.cb + (size_t)row * out.c_pitch, column / 2, raster.width / 2, blues);
    write<WIDE>(out.cr + (size_t)row * out.c_pitch, column / 2, raster.width / 2, reds);
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
    return {zero.x * w0 + one.x * w1 + two.x * w2 + far.x * least,
            zero.y * w0 + one.y * w1 + two.y * w2 + far.y * least,
            zero.z * w0 + one.z * w1 + two.z * w2 + far.z * least, 0.0f};
}

template <bool WIDE>
__device__ static void look_lanes(const __half* __restrict__ rgb, __half* __restrict__ out, int pixels, const Cdl& cdl,
                                  const float4* __restrict__ lut, int side, int at) {
    size_t plane = pixels;
    __half r[LANES], g[LANES], b[LANES];
    read<WIDE>(rgb, at, pixels, r);
    read<WIDE>(rgb + plane, at, pixels, g);
    read<WIDE>(rgb + 2 * plane, at, pixels, b);
    float reds[LANES], greens[LANES], blues[LANES];
#pragma unroll
    for (int i = 0; i < LANES; i++) {
        float red = graded(r[i], cdl, 0), green = graded(g[i], cdl, 1), blue = graded(b[i], cdl, 2);
        float luma = 0.2126f * red + 0.7152f * green + 0.0722f * blue;
        Place along_r = placed(red, luma, cdl.saturation, side), along_g = placed(green, luma, cdl.saturation, side);
        Place along_b = placed(blue, luma, cdl.saturation, side);
        float4 colour = read_between(lut, side, along_r, along_g, along_b);
        reds[i] = colour.x;
        greens[i] = colour.y;
        blues[i] = colour.z;
    }
    write_halves<WIDE>(out, at, pixels, reds);
    write_halves<WIDE>(out + plane, at, pixels, greens);
    write_halves<WIDE>(out + 2 * plane, at, pixels, blues);
}

// A look: CDL, then a LUT of side^3 colours, red fastest. A point has four floats, the last one unused, so that it is
// read at once.
extern "C" __global__ void look(const __half* __restrict__ rgb, __half* __restrict__ out, int pixels, Cdl cdl,
                                const float4* __restrict__ lut, int side) {
    int at = LANES * (blockIdx.x * blockDim.x + threadIdx.x);
    if (at >= pixels) return;
    if (fits<LANES>(rgb, pixels) && fits<LANES>(out, pixels))
        look_lanes<true>(rgb, out, pixels, cdl, lut, side, at);
    else
        look_lanes<false>(rgb, out, pixels, cdl, lut, side, at);
}

// A row and the first column of this thread.
#define HERE \
    int column = LANES * (blockIdx.x * blockDim.x + threadIdx.x), row = blockIdx.y * blockDim.y + threadIdx.y

#define KERNELS(NAME, SAMPLE, BITS, HALF_ROWS)                                                                        \
    extern "C" __global__ void packed_from_##NAME(                                                                    \
        const SAMPLE* y, const SAMPLE* cb, const SAMPLE* cr, int y_pitch, int c_pitch, __half* packed, int height,    \
        int width, int rows, int columns) {                                                                           \
        HERE;                                                                                                         \
        Planes<const SAMPLE> in = {y, cb, cr, y_pitch, c_pitch};                                                      \
        Raster raster = {height, width, rows, columns};                                                               \
        if (row >= rows || column >= columns) return;                                                                 \
        if (fits<LANES>(in, packed, columns, 2 * (column + LANES), width))                                            \
            pack<true, BITS, HALF_ROWS>(in, packed, raster, row, column);                                             \
        else                                                                                                          \
            pack<false, BITS, HALF_ROWS>(in, packed, raster, row, column);                                            \
    }                                                                                                                 \
    extern "C" __global__ void NAME##_from_packed(                                                                    \
        const __half* packed, SAMPLE* y, SAMPLE* cb, SAMPLE* cr, int y_pitch, int c_pitch, int height, int width,     \
        int rows, int columns) {                                                                                      \
        HERE;                                                                                                         \
        Planes<SAMPLE> out = {y, cb, cr, y_pitch, c_pitch};                                                           \
        Raster raster = {height, width, rows, columns};                                                               \
        if (2 * row >= height || 2 * column >= width) return;                                                         \
        if (fits<LANES>(out, packed, columns, 2 * (column + LANES), width))                                           \
            unpack<true, BITS, HALF_ROWS>(packed, out, raster, row, column);                                          \
        else                                                                                                          \
            unpack<false, BITS, HALF_ROWS>(packed, out, raster, row, column);                                         \
    }                                                                                                                 \
    extern "C" __global__ void rgb_from_##NAME(                                                                       \
        const SAMPLE* y, const SAMPLE* cb, const SAMPLE* cr, int y_pitch, int c_pitch, __half* rgb, int height,       \
        int width, Matrix matrix) {                                                                                   \
        HERE;                                                                                                         \
        Planes<const SAMPLE> in = {y, cb, cr, y_pitch, c_pitch};                                                      \
        Raster raster = {height, width, 0, 0};                                                                        \
        if (row >= height || column >= width) return;                                                                 \
        if (fits<LANES / 2>(in, rgb, width, column + LANES, width))                                                   \
            to_rgb<true, BITS, HALF_ROWS>(in, rgb, raster, matrix, row, column);                                      \
        else                                                                                                          \
            to_rgb<false, BITS, HALF_ROWS>(in, rgb, raster, matrix, row, column);                                     \
    }                                                                                                                 \
    extern "C" __global__ void NAME##_from_rgb(                                                                       \
        const __half* rgb, SAMPLE* y, SAMPLE* cb, SAMPLE* cr, int y_pitch, int c_pitch, int height, int width,        \
        Matrix matrix) {                                                                                              \
        HERE;                                                                                                         \
        Planes<SAMPLE> out = {y, cb, cr, y_pitch, c_pitch};                                                           \
        Raster raster = {height, width, 0, 0};                                                                        \
        if (row * (HALF_ROWS ? 2 : 1) >= height || column >= width) return;                                           \
        if (fits<LANES / 2>(out, rgb, width, column + LANES, width))                                                  \
            from_rgb<true, BITS, HALF_ROWS>(rgb, out, raster, matrix, row, column);                                   \
        else                                                                                                          \
            from_rgb<false, BITS, HALF_ROWS>(rgb, out, raster, matrix, row, column);                                  \
    }

KERNELS(yuv420_8, uint8_t, 8, true)
KERNELS(yuv420_10, uint16_t, 10, true)
KERNELS(yuv420_16, uint16_t, 16, true)
KERNELS(yuv422_8, uint8_t, 8, false)
KERNELS(yuv422_10, uint16_t, 10, false)
KERNELS(yuv422_16, uint16_t, 16, false)
