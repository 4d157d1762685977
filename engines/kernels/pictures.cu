// Planes of Y'CbCr, 4:2:0 or 4:2:2, 8, 10 or 16 bit, to planar half floats and back; ASC CDL and a LUT in one pass.
//
// One thread a sample of chroma at full rows' half (packed kernels) or a pixel (RGB kernels). Every kernel reads and
// writes each byte once. The same arithmetic stands in twin.py, in the same order, so that the two can be compared.
//
// Names: <what it gives>_from_<what it takes>. `pitch` counts samples from one row to the next. Code values are those of
// 10 bit (0-1023): 8-bit samples stand for four times, 16-bit samples for a 64th of themselves.

#include <cuda_fp16.h>
#include <stdint.h>

static const float CODES = 1023.0f;

struct Matrix {  // of Y'CbCr to R'G'B', legal range. Source: ITU-R BT.709-6, item 3; BT.2020-2, table 4
    float red, blue;
};

struct Cdl {  // Source: ASC CDL 1.2: slope, offset and power a channel, then saturation about Rec. 709 luma
    float slope[3], offset[3], power[3], saturation;
};

__device__ static int within(int at, int count) { return at < 0 ? 0 : at < count ? at : count - 1; }

__device__ static float bounded(float value, float most) { return value < 0.0f ? 0.0f : value > most ? most : value; }

template <typename Sample, int BITS>
__device__ static float code(const Sample* plane, int pitch, int row, int column) {
    return (float)plane[(size_t)row * pitch + column] * (1024.0f / (1 << BITS));
}

template <typename Sample, int BITS>
__device__ static Sample sample(float code) {
    return (Sample)rintf(bounded(code * ((1 << BITS) / 1024.0f), (float)((1 << BITS) - 1)));
}

// Chroma at a row of the picture: of 4:2:0, which lies between rows, three parts of the nearer and one of the farther.
template <typename Sample, int BITS, bool HALF_ROWS>
__device__ static float chroma(const Sample* plane, int pitch, int row, int column, int height) {
    if (!HALF_ROWS) return code<Sample, BITS>(plane, pitch, row, column);
    int rows = (height + 1) / 2, near = row / 2, far = within(row % 2 ? near + 1 : near - 1, rows);
    return 0.75f * code<Sample, BITS>(plane, pitch, near, column) + 0.25f * code<Sample, BITS>(plane, pitch, far, column);
}

// packed [8, rows, columns]: luma of two rows and two columns, then two rows of Cb, two of Cr; edges repeat.
template <typename Sample, int BITS, bool HALF_ROWS>
__device__ static void pack(const Sample* y, const Sample* cb, const Sample* cr, int y_pitch, int c_pitch, __half* packed,
                            int height, int width, int rows, int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    size_t plane = (size_t)rows * columns, at = (size_t)row * columns + column;
    for (int down = 0; down < 2; down++) {
        int line = within(2 * row + down, height), c_column = within(column, width / 2);
        for (int across = 0; across < 2; across++) {
            float value = code<Sample, BITS>(y, y_pitch, line, within(2 * column + across, width));
            packed[(2 * down + across) * plane + at] = __float2half_rn(value / CODES);
        }
        float blue = chroma<Sample, BITS, HALF_ROWS>(cb, c_pitch, line, c_column, height);
        float red = chroma<Sample, BITS, HALF_ROWS>(cr, c_pitch, line, c_column, height);
        packed[(4 + down) * plane + at] = __float2half_rn(blue / CODES);
        packed[(6 + down) * plane + at] = __float2half_rn(red / CODES);
    }
}

template <typename Sample, int BITS, bool HALF_ROWS>
__device__ static void unpack(const __half* packed, Sample* y, Sample* cb, Sample* cr, int y_pitch, int c_pitch,
                              int height, int width, int rows, int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (2 * row >= height || 2 * column >= width) return;
    size_t plane = (size_t)rows * columns, at = (size_t)row * columns + column;
    float blue[2], red[2];
    for (int down = 0; down < 2; down++) {
        int line = 2 * row + down;
        blue[down] = __half2float(packed[(4 + down) * plane + at]) * CODES;
        red[down] = __half2float(packed[(6 + down) * plane + at]) * CODES;
        if (line >= height) continue;
        for (int across = 0; across < 2; across++)
            y[(size_t)line * y_pitch + 2 * column + across] =
                sample<Sample, BITS>(__half2float(packed[(2 * down + across) * plane + at]) * CODES);
        if (!HALF_ROWS) {
            cb[(size_t)line * c_pitch + column] = sample<Sample, BITS>(blue[down]);
            cr[(size_t)line * c_pitch + column] = sample<Sample, BITS>(red[down]);
        }
    }
    if (HALF_ROWS) {
        cb[(size_t)row * c_pitch + column] = sample<Sample, BITS>(0.5f * (blue[0] + blue[1]));
        cr[(size_t)row * c_pitch + column] = sample<Sample, BITS>(0.5f * (red[0] + red[1]));
    }
}

// Chroma at a pixel: it lies at even columns, between them the mean of both neighbours.
template <typename Sample, int BITS, bool HALF_ROWS>
__device__ static float chroma_at(const Sample* plane, int pitch, int row, int column, int height, int width) {
    float left = chroma<Sample, BITS, HALF_ROWS>(plane, pitch, row, column / 2, height);
    if (column % 2 == 0) return left;
    return 0.5f * (left + chroma<Sample, BITS, HALF_ROWS>(plane, pitch, row, within(column / 2 + 1, width / 2), height));
}

// rgb [3, height, width]: 0 is black, 1 is white (codes 64 and 940); what lies outside is kept.
template <typename Sample, int BITS, bool HALF_ROWS>
__device__ static void to_rgb(const Sample* y, const Sample* cb, const Sample* cr, int y_pitch, int c_pitch, __half* rgb,
                              int height, int width, Matrix matrix) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= height || column >= width) return;
    size_t plane = (size_t)height * width, at = (size_t)row * width + column;
    float luma = (code<Sample, BITS>(y, y_pitch, row, column) - 64.0f) / 876.0f;
    float blue = (chroma_at<Sample, BITS, HALF_ROWS>(cb, c_pitch, row, column, height, width) - 512.0f) / 896.0f;
    float red = (chroma_at<Sample, BITS, HALF_ROWS>(cr, c_pitch, row, column, height, width) - 512.0f) / 896.0f;
    float r = luma + 2.0f * (1.0f - matrix.red) * red, b = luma + 2.0f * (1.0f - matrix.blue) * blue;
    float g = (luma - matrix.red * r - matrix.blue * b) / (1.0f - matrix.red - matrix.blue);
    rgb[at] = __float2half_rn(r);
    rgb[plane + at] = __float2half_rn(g);
    rgb[2 * plane + at] = __float2half_rn(b);
}

__device__ static void ycbcr(const __half* rgb, size_t plane, size_t at, Matrix matrix, float* codes) {
    float r = __half2float(rgb[at]), g = __half2float(rgb[plane + at]), b = __half2float(rgb[2 * plane + at]);
    float luma = matrix.red * r + (1.0f - matrix.red - matrix.blue) * g + matrix.blue * b;
    codes[0] = 64.0f + 876.0f * luma;
    codes[1] = 512.0f + 896.0f * (b - luma) / (2.0f * (1.0f - matrix.blue));
    codes[2] = 512.0f + 896.0f * (r - luma) / (2.0f * (1.0f - matrix.red));
}

// One thread a sample of chroma: two pixels of one row, or four of two. Chroma is what lies at its column, weighed
// one, two, one with its neighbours; of 4:2:0 the mean of both rows.
template <typename Sample, int BITS, bool HALF_ROWS>
__device__ static void from_rgb(const __half* rgb, Sample* y, Sample* cb, Sample* cr, int y_pitch, int c_pitch, int height,
                                int width, Matrix matrix) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    int lines = HALF_ROWS ? 2 : 1, first = row * lines;
    if (first >= height || 2 * column >= width) return;
    size_t plane = (size_t)height * width;
    float blue = 0.0f, red = 0.0f;
    for (int line = first; line < first + lines; line++) {
        int here = within(line, height);
        for (int across = -1; across < 2; across++) {
            float codes[3];
            ycbcr(rgb, plane, (size_t)here * width + within(2 * column + across, width), matrix, codes);
            if (across >= 0 && line < height)
                y[(size_t)line * y_pitch + 2 * column + across] = sample<Sample, BITS>(codes[0]);
            blue += codes[1] * (across ? 0.25f : 0.5f) / lines;
            red += codes[2] * (across ? 0.25f : 0.5f) / lines;
        }
    }
    cb[(size_t)row * c_pitch + column] = sample<Sample, BITS>(blue);
    cr[(size_t)row * c_pitch + column] = sample<Sample, BITS>(red);
}

// Slope, offset and power of one channel. Most grades leave the power at one, and powf costs more than all else here.
__device__ static float graded(const __half* rgb, size_t at, Cdl cdl, int channel) {
    float moved = bounded(__half2float(rgb[at]) * cdl.slope[channel] + cdl.offset[channel], 1.0f);
    return cdl.power[channel] == 1.0f ? moved : powf(moved, cdl.power[channel]);
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

// A look: CDL, then a LUT of side^3 colours, red fastest, read between its points along tetrahedra. A point has four
// floats, the last one unused, so that it is read at once. Which axis is walked first, next and last is chosen by
// selection: an array that is indexed by what a thread finds would lie in memory and not in registers.
extern "C" __global__ void look(const __half* rgb, __half* out, int pixels, Cdl cdl, const float4* lut, int side) {
    int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= pixels) return;
    size_t plane = pixels;
    float red = graded(rgb, at, cdl, 0), green = graded(rgb, plane + at, cdl, 1), blue = graded(rgb, 2 * plane + at, cdl, 2);
    float luma = 0.2126f * red + 0.7152f * green + 0.0722f * blue;
    Place r = placed(red, luma, cdl.saturation, side), g = placed(green, luma, cdl.saturation, side);
    Place b = placed(blue, luma, cdl.saturation, side);
    bool rg = r.part >= g.part, rb = r.part >= b.part, gb = g.part >= b.part;
    int to_r = 1, to_g = side, to_b = side * side;
    float most = rg ? (rb ? r.part : b.part) : (gb ? g.part : b.part);
    int first = rg ? (rb ? to_r : to_b) : (gb ? to_g : to_b);
    float middle = rg ? (rb ? (gb ? g.part : b.part) : r.part) : (gb ? (rb ? r.part : b.part) : g.part);
    int next = rg ? (rb ? (gb ? to_g : to_b) : to_r) : (gb ? (rb ? to_r : to_b) : to_g);
    float least = rg ? (gb ? b.part : g.part) : (rb ? b.part : r.part);
    const float4* corner = lut + r.low + g.low * to_g + b.low * to_b;
    float4 zero = corner[0], one = corner[first], two = corner[first + next], far = corner[to_r + to_g + to_b];
    float w0 = 1.0f - most, w1 = most - middle, w2 = middle - least;
    out[at] = __float2half_rn(zero.x * w0 + one.x * w1 + two.x * w2 + far.x * least);
    out[plane + at] = __float2half_rn(zero.y * w0 + one.y * w1 + two.y * w2 + far.y * least);
    out[2 * plane + at] = __float2half_rn(zero.z * w0 + one.z * w1 + two.z * w2 + far.z * least);
}

#define KERNELS(NAME, SAMPLE, BITS, HALF_ROWS)                                                                            \
    extern "C" __global__ void packed_from_##NAME(const SAMPLE* y, const SAMPLE* cb, const SAMPLE* cr, int y_pitch,        \
                                                  int c_pitch, __half* packed, int height, int width, int rows,           \
                                                  int columns) {                                                          \
        pack<SAMPLE, BITS, HALF_ROWS>(y, cb, cr, y_pitch, c_pitch, packed, height, width, rows, columns);                  \
    }                                                                                                                     \
    extern "C" __global__ void NAME##_from_packed(const __half* packed, SAMPLE* y, SAMPLE* cb, SAMPLE* cr, int y_pitch,    \
                                                  int c_pitch, int height, int width, int rows, int columns) {            \
        unpack<SAMPLE, BITS, HALF_ROWS>(packed, y, cb, cr, y_pitch, c_pitch, height, width, rows, columns);                \
    }                                                                                                                     \
    extern "C" __global__ void rgb_from_##NAME(const SAMPLE* y, const SAMPLE* cb, const SAMPLE* cr, int y_pitch,           \
                                               int c_pitch, __half* rgb, int height, int width, Matrix matrix) {          \
        to_rgb<SAMPLE, BITS, HALF_ROWS>(y, cb, cr, y_pitch, c_pitch, rgb, height, width, matrix);                          \
    }                                                                                                                     \
    extern "C" __global__ void NAME##_from_rgb(const __half* rgb, SAMPLE* y, SAMPLE* cb, SAMPLE* cr, int y_pitch,          \
                                               int c_pitch, int height, int width, Matrix matrix) {                       \
        from_rgb<SAMPLE, BITS, HALF_ROWS>(rgb, y, cb, cr, y_pitch, c_pitch, height, width, matrix);                        \
    }

KERNELS(yuv420_8, uint8_t, 8, true)
KERNELS(yuv420_10, uint16_t, 10, true)
KERNELS(yuv420_16, uint16_t, 16, true)
KERNELS(yuv422_8, uint8_t, 8, false)
KERNELS(yuv422_10, uint16_t, 10, false)
KERNELS(yuv422_16, uint16_t, 16, false)
