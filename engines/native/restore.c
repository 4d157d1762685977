/* A network of restoration through one picture, in float32, on a processor with AVX2.
 *
 * Tensors are pixel after pixel, a multiple of eight channels each, inside a border of zeros (`tensors.py`). A picture
 * goes through the stages one after another; the rows of a stage are shared out among threads as they come free.
 *
 * A 3x3 convolution is done in tiles of four by four pixels: both tile and kernel are taken to 36 points, where a
 * convolution is a product of matrices, which wants a quarter of the multiplications. Source: Lavin and Gray 2016,
 * "Fast Algorithms for Convolutional Neural Networks", section 4.3, F(4x4, 3x3).
 */

#pragma GCC target("avx2,fma")

#include <immintrin.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 8    /* channels that are worked on at once */
#define TILE 4     /* pixels of a tile, each way */
#define POINTS 36  /* points of a tile under the transform */
#define TOGETHER 24 /* tiles that are multiplied at once: what they need stays in the second cache */
#define APART 16   /* floats between the planes of points, so that they do not fall on one line of the cache */
#define WINDOW 4   /* pixels to each side of which the mean is taken: half of MEAN_SIDE */
#define STAGES 32  /* most stages of a plan */
#define THREADS 64 /* most threads of a step */

enum { CARRY, PREPARE, CONVOLVE, DOWN, UP, LAST };

/* One stage. `rows`, `columns` are those of what is read, `height`, `width` of the picture; pointers that a stage
 * has no use for are not looked at. */
typedef struct {
    int32_t kind, rows, columns, inputs, used, outputs;
    float slope;
    const float *source, *skip, *weights, *bias;
    float *target;
} Stage;

/* What a step reads and writes around the layers. Planar `[C, h, w]`, as the service has it: the picture, what is told of
 * its noise, the restored one. `motion` is where each packed pixel was, less where it is, `[h, w, 2]`. Pixel after pixel:
 * the picture and the one before carried to where things are now. What is kept from step to step: luma `[2h, 2w]` and
 * both colours `[2h, w, 2]` of the restored picture, and the state; `fresh` where there is nothing of it yet. */
typedef struct {
    int32_t height, width, hidden, fresh;
    float scale;
    const float *now, *noise, *motion;
    float *output, *now_pixels, *carried_pixels, *luma, *colours, *state;
} Step;

typedef struct {
    const Stage *stages;
    const Step *step;
    int32_t count;
    atomic_int next[STAGES];
    pthread_mutex_t gate; /* held until it is known how many threads there are */
    pthread_barrier_t reached;
    float *scratch;
    size_t scratch_floats;
    atomic_int worker;
} Run;

typedef __m256 Lanes;

#define ALWAYS static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

ALWAYS Lanes many(float value) { return _mm256_set1_ps(value); }
ALWAYS Lanes take(const float *from) { return _mm256_loadu_ps(from); }
ALWAYS void put(float *to, Lanes value) { _mm256_storeu_ps(to, value); }
ALWAYS Lanes plus_times(Lanes sum, Lanes one, float other) { return _mm256_fmadd_ps(one, many(other), sum); }

static int at_most(int one, int other) { return one < other ? one : other; }
static int tiles_of(int pixels) { return (pixels + TILE - 1) / TILE; }

/* Floats from one row of a tensor to the next one. */
static size_t pitch(int columns, int channels) { return (size_t)(tiles_of(columns) * TILE + 2) * channels; }

/* ---- products ------------------------------------------------------------------------------------------------- */

/* Several pixels' inputs times a block of kernels: `taps` are where the inputs of each kernel's places begin. */
ALWAYS void multiplied(
    const float *in, size_t apart, const ptrdiff_t *taps, int count, int used, const float *kernels, size_t kernel,
    float *out, size_t out_apart, const int pixels, const int vectors)
{
    Lanes sums[6][3];
    UNROLL for (int pixel = 0; pixel < pixels; pixel++)
        UNROLL for (int vector = 0; vector < vectors; vector++) sums[pixel][vector] = _mm256_setzero_ps();
    for (int tap = 0; tap < count; tap++) {
        const float *from = in + taps[tap], *by = kernels + tap * kernel;
        for (int channel = 0; channel < used; channel++, by += vectors * LANES) {
            Lanes block[3];
            UNROLL for (int vector = 0; vector < vectors; vector++) block[vector] = take(by + vector * LANES);
            UNROLL for (int pixel = 0; pixel < pixels; pixel++) {
                Lanes value = _mm256_broadcast_ss(from + pixel * apart + channel);
                UNROLL for (int vector = 0; vector < vectors; vector++)
                    sums[pixel][vector] = _mm256_fmadd_ps(value, block[vector], sums[pixel][vector]);
            }
        }
    }
    UNROLL for (int pixel = 0; pixel < pixels; pixel++)
        UNROLL for (int vector = 0; vector < vectors; vector++)
            put(out + pixel * out_apart + vector * LANES, sums[pixel][vector]);
}

#define BLOCK(pixels, vectors) multiplied(in, apart, taps, count, used, kernels, kernel, out, out_apart, pixels, vectors)
#define SOME(left, vectors)                   \
    switch (left) {                           \
    case 1: BLOCK(1, vectors); break;         \
    case 2: BLOCK(2, vectors); break;         \
    case 3: BLOCK(3, vectors); break;         \
    case 4: BLOCK(4, vectors); break;         \
    case 5: BLOCK(5, vectors); break;         \
    default: BLOCK(6, vectors); break;        \
    }

/* Channels of a block of kernels: as many as the registers hold sums of. `tensors.py` packs kernels by it. */
static int block_of(int outputs) { return outputs % 24 == 0 ? 24 : outputs % 16 == 0 ? 16 : 8; }

/* All of `pixels` inputs, `apart` floats from each other, times all kernels. */
static void product(
    const float *inputs, size_t apart, const ptrdiff_t *taps, int count, int used, const float *kernels, int outputs,
    float *results, int pixels)
{
    const int block = block_of(outputs), once = block == 24 ? 4 : 6;
    const size_t kernel = (size_t)used * block, out_apart = outputs;
    for (int first = 0; first < outputs; first += block, kernels += count * kernel)
        for (int pixel = 0; pixel < pixels; pixel += once) {
            const float *in = inputs + pixel * apart;
            float *out = results + (size_t)pixel * outputs + first;
            const int left = at_most(pixels - pixel, once);
            if (block == 24) {
                SOME(left, 3)
            } else if (block == 16) {
                SOME(left, 2)
            } else {
                SOME(left, 1)
            }
        }
}

/* What lies above zero as it is, the rest times the slope. */
ALWAYS Lanes rectified(Lanes value, Lanes slope)
{
    return _mm256_blendv_ps(value, _mm256_mul_ps(value, slope), value);
}

/* ---- 3x3 convolutions, in tiles --------------------------------------------------------------------------------- */

/* B^T along six values. */
ALWAYS void to_points(const Lanes d[6], Lanes t[6])
{
    Lanes even = plus_times(d[4], d[2], -4), odd = plus_times(d[3], d[1], -4);
    Lanes half = _mm256_sub_ps(d[4], d[2]), twice = _mm256_mul_ps(many(2), _mm256_sub_ps(d[3], d[1]));
    t[0] = plus_times(plus_times(d[4], d[2], -5), d[0], 4);
    t[1] = _mm256_add_ps(even, odd);
    t[2] = _mm256_sub_ps(even, odd);
    t[3] = _mm256_add_ps(half, twice);
    t[4] = _mm256_sub_ps(half, twice);
    t[5] = plus_times(plus_times(d[5], d[3], -5), d[1], 4);
}

/* A^T along six values. */
ALWAYS void from_points(const Lanes m[6], Lanes y[4])
{
    Lanes one = _mm256_add_ps(m[1], m[2]), other = _mm256_sub_ps(m[1], m[2]);
    Lanes two = _mm256_add_ps(m[3], m[4]), last = _mm256_sub_ps(m[3], m[4]);
    y[0] = _mm256_add_ps(_mm256_add_ps(m[0], one), two);
    y[1] = plus_times(other, last, 2);
    y[2] = plus_times(one, two, 4);
    y[3] = _mm256_add_ps(plus_times(other, last, 8), m[5]);
}

/* A row of tiles, eight channels. Two columns of a tile are those that the one before it ends in. */
static void tiles_to_points(
    const float *source, size_t down, size_t across, float *points, size_t plane, size_t apart, int count)
{
    Lanes lines[6][6];
    for (int tile = 0; tile < count; tile++, points += apart) {
        if (tile > 0)
            UNROLL for (int row = 0; row < 6; row++) {
                lines[row][0] = lines[row][4];
                lines[row][1] = lines[row][5];
            }
        for (int column = tile > 0 ? 2 : 0; column < 6; column++) {
            Lanes d[6], t[6];
            UNROLL for (int row = 0; row < 6; row++) d[row] = take(source + row * down + column * across);
            to_points(d, t);
            UNROLL for (int row = 0; row < 6; row++) lines[row][column] = t[row];
        }
        source += TILE * across;
        UNROLL for (int row = 0; row < 6; row++) {
            Lanes t[6];
            to_points(lines[row], t);
            UNROLL for (int column = 0; column < 6; column++) put(points + (row * 6 + column) * plane, t[column]);
        }
    }
}

static void tile_from_points(
    const float *points, size_t plane, Lanes bias, Lanes slope, float *target, size_t down, size_t across, int rows,
    int columns)
{
    Lanes lines[4][6];
    UNROLL for (int column = 0; column < 6; column++) {
        Lanes m[6], y[4];
        UNROLL for (int row = 0; row < 6; row++) m[row] = take(points + (row * 6 + column) * plane);
        from_points(m, y);
        UNROLL for (int row = 0; row < 4; row++) lines[row][column] = y[row];
    }
    for (int row = 0; row < rows; row++) {
        Lanes y[4];
        from_points(lines[row], y);
        UNROLL for (int column = 0; column < 4; column++)
            if (column < columns) put(target + row * down + column * across, rectified(_mm256_add_ps(y[column], bias), slope));
    }
}

/* Asks for a part of the next tiles' rows, one part a point, so that they are near when they are wanted: a tenth to a
 * fifth of a convolution's time (AMD EPYC, 2026-11-28). */
ALWAYS void fetched(const float *next, size_t down, int channels, int point, int rows)
{
    const float *part = next + point % rows * down + (size_t)point / rows * channels * 16;
    if (point / rows < TOGETHER * TILE / 16)
        for (int line = 0; line < channels; line++) __builtin_prefetch(part + line * 16, 1, 2);
}

/* One row of tiles. */
static void convolve(const Stage *stage, int row, float *scratch)
{
    const int tiles = tiles_of(stage->columns), inputs = stage->inputs, outputs = stage->outputs;
    const size_t down_in = pitch(stage->columns, inputs), down_out = pitch(stage->columns, outputs);
    const size_t plane_in = (size_t)TOGETHER * inputs + APART, plane_out = (size_t)TOGETHER * outputs + APART;
    const float *source = stage->source + row * TILE * down_in;
    float *target = stage->target + (row * TILE + 1) * down_out + outputs;
    float *into = scratch, *out = scratch + POINTS * plane_in;
    const int rows = at_most(TILE, stage->rows - row * TILE);
    const ptrdiff_t here = 0;
    for (int first = 0; first < tiles; first += TOGETHER) {
        const int count = at_most(TOGETHER, tiles - first);
        for (int channel = 0; channel < inputs; channel += LANES)
            tiles_to_points(
                source + (size_t)first * TILE * inputs + channel, down_in, inputs, into + channel, plane_in, inputs,
                count);
        for (int point = 0; point < POINTS; point++) {
            fetched(source + (size_t)(first + TOGETHER) * TILE * inputs, down_in, inputs, point, TILE + 2);
            fetched(target + (size_t)(first + TOGETHER) * TILE * outputs, down_out, outputs, point, TILE);
            product(
                into + point * plane_in, inputs, &here, 1, stage->used,
                stage->weights + (size_t)point * stage->used * outputs, outputs, out + point * plane_out, count);
        }
        for (int tile = 0; tile < count; tile++)
            for (int channel = 0; channel < outputs; channel += LANES)
                tile_from_points(
                    out + (size_t)tile * outputs + channel, plane_out, take(stage->bias + channel), many(stage->slope),
                    target + (size_t)(first + tile) * TILE * outputs + channel, down_out, outputs, rows,
                    stage->columns - (first + tile) * TILE);
    }
}

/* ---- between two rasters ---------------------------------------------------------------------------------------- */

/* One row of a 3x3 convolution that halves the raster. */
static void down(const Stage *stage, int row, float *scratch)
{
    const int inputs = stage->inputs, outputs = stage->outputs, columns = stage->columns / 2;
    const size_t above = pitch(stage->columns, inputs);
    ptrdiff_t taps[9];
    for (int tap = 0; tap < 9; tap++) taps[tap] = tap / 3 * above + tap % 3 * inputs;
    product(
        stage->source + 2 * row * above, 2 * inputs, taps, 9, stage->used, stage->weights, outputs, scratch, columns);
    float *target = stage->target + (row + 1) * pitch(columns, outputs) + outputs;
    for (int column = 0; column < columns; column++)
        for (int channel = 0; channel < outputs; channel += LANES) {
            Lanes sum = _mm256_add_ps(take(scratch + (size_t)column * outputs + channel), take(stage->bias + channel));
            put(target + (size_t)column * outputs + channel, rectified(sum, many(stage->slope)));
        }
}

/* One row of a 1x1 convolution to four times the channels, each of the four a pixel of twice the raster, and a skip. */
static void up(const Stage *stage, int row, float *scratch)
{
    const int inputs = stage->inputs, outputs = stage->outputs, columns = stage->columns;
    const size_t above = pitch(2 * columns, outputs);
    const float *source = stage->source + (row + 1) * pitch(columns, inputs) + inputs;
    const ptrdiff_t here = 0;
    for (int phase = 0; phase < 4; phase++) {
        product(
            source, inputs, &here, 1, stage->used, stage->weights + (size_t)phase * stage->used * outputs, outputs,
            scratch, columns);
        const size_t first = (2 * row + phase / 2 + 1) * above + (phase % 2 + 1) * outputs;
        for (int column = 0; column < columns; column++)
            for (int channel = 0; channel < outputs; channel += LANES) {
                const size_t at = first + (size_t)2 * column * outputs + channel;
                Lanes sum = take(scratch + (size_t)column * outputs + channel);
                sum = _mm256_add_ps(sum, take(stage->bias + phase * outputs + channel));
                put(stage->target + at, _mm256_add_ps(sum, take(stage->skip + at)));
            }
    }
}

/* ---- around the layers ------------------------------------------------------------------------------------------ */

/* Eight rows of eight become eight columns. */
ALWAYS void turned(const Lanes in[8], Lanes out[8])
{
    Lanes pairs[8], fours[8];
    UNROLL for (int at = 0; at < 8; at += 2) {
        pairs[at] = _mm256_unpacklo_ps(in[at], in[at + 1]);
        pairs[at + 1] = _mm256_unpackhi_ps(in[at], in[at + 1]);
    }
    UNROLL for (int at = 0; at < 8; at += 4) {
        fours[at] = _mm256_shuffle_ps(pairs[at], pairs[at + 2], 0x44);
        fours[at + 1] = _mm256_shuffle_ps(pairs[at], pairs[at + 2], 0xee);
        fours[at + 2] = _mm256_shuffle_ps(pairs[at + 1], pairs[at + 3], 0x44);
        fours[at + 3] = _mm256_shuffle_ps(pairs[at + 1], pairs[at + 3], 0xee);
    }
    UNROLL for (int at = 0; at < 4; at++) {
        out[at] = _mm256_permute2f128_ps(fours[at], fours[at + 4], 0x20);
        out[at + 4] = _mm256_permute2f128_ps(fours[at], fours[at + 4], 0x31);
    }
}

/* Eight planes of a row, pixel after pixel, `apart` floats from each other. */
static void gathered(const float *planes, size_t plane, float *pixels, size_t apart, int width)
{
    int column = 0;
    for (; column + LANES <= width; column += LANES) {
        Lanes in[8], out[8];
        UNROLL for (int at = 0; at < 8; at++) in[at] = take(planes + at * plane + column);
        turned(in, out);
        UNROLL for (int at = 0; at < 8; at++) put(pixels + (column + at) * apart, out[at]);
    }
    for (; column < width; column++)
        for (int at = 0; at < LANES; at++) pixels[column * apart + at] = planes[at * plane + column];
}

/* The other way. */
static void spread(const float *pixels, size_t apart, float *planes, size_t plane, int width)
{
    int column = 0;
    for (; column + LANES <= width; column += LANES) {
        Lanes in[8], out[8];
        UNROLL for (int at = 0; at < 8; at++) in[at] = take(pixels + (column + at) * apart);
        turned(in, out);
        UNROLL for (int at = 0; at < 8; at++) put(planes + at * plane + column, out[at]);
    }
    for (; column < width; column++)
        for (int at = 0; at < LANES; at++) planes[at * plane + column] = pixels[column * apart + at];
}

/* 1 / sqrt(x): twelve bits by the processor's table and the rest by one step of Newton's, in a third of the time. */
ALWAYS Lanes one_over_root(Lanes value)
{
    Lanes about = _mm256_rsqrt_ps(value), half = _mm256_mul_ps(many(0.5f), value);
    return _mm256_mul_ps(about, _mm256_fnmadd_ps(_mm256_mul_ps(half, about), about, many(1.5f)));
}

/* x / sqrt(1 + |x|) */
ALWAYS Lanes softened(Lanes value)
{
    Lanes size = _mm256_andnot_ps(many(-0.0f), value);
    return _mm256_mul_ps(value, one_over_root(_mm256_add_ps(many(1), size)));
}

/* x / sqrt(1 + x^2) */
ALWAYS Lanes bounded(Lanes value)
{
    return _mm256_mul_ps(value, one_over_root(_mm256_fmadd_ps(value, value, many(1))));
}

/* The noise that is told of a pixel, for its eight channels: four of luma, four of chroma. */
ALWAYS Lanes told(const float *luma, size_t plane)
{
    return _mm256_set_m128(_mm_set1_ps(luma[plane]), _mm_set1_ps(luma[0]));
}

static float within(float value, float least, float most)
{
    return value > least ? value < most ? value : most : least; /* what is no number is the least */
}

/* The largest whole number that is not above a value. */
static int whole(float value) { return (int)value - (value < (int)value); }

static int clamped(int at, int count) { return at < 0 ? 0 : at < count ? at : count - 1; }

/* Weights of four samples, `after` the second one. Source: Keys 1981, "Cubic Convolution Interpolation", a = -0.75. */
static void keys(float after, float weights[4])
{
    const float a = -0.75f, from = after + 1, left = 1 - after;
    weights[0] = ((a * from - 5 * a) * from + 8 * a) * from - 4 * a;
    weights[1] = ((a + 2) * after - (a + 3)) * after * after + 1;
    weights[2] = ((a + 2) * left - (a + 3)) * left * left + 1;
    weights[3] = 1 - weights[0] - weights[1] - weights[2];
}

/* Two floats of one row and two of the next one. */
ALWAYS __m128 four(const float *above, const float *below)
{
    return _mm_loadh_pi(_mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)above), (const __m64 *)below);
}

/* A place in a plane and the three beside, below and across from it, all sampled by as much, cubically; the last sample
 * of a line goes on beyond it. Of luma these are four samples, of colours, two together at a place (`both`), two. */
ALWAYS __m128 sampled(const float *plane, int rows, int columns, float x, float y, const int both)
{
    float across[4], down[4];
    x = within(x, -8, columns + 8), y = within(y, -8, rows + 8);
    const int left = whole(x), top = whole(y), column = left - 1, row = top - 1, step = both ? 2 : 1;
    keys(x - left, across);
    keys(y - top, down);
    __m128 sum = _mm_setzero_ps();
    if (column >= 0 && row >= 0 && column + 3 + !both < columns && row + 4 < rows) {
        const size_t pitch = (size_t)columns * step;
        const float *from = plane + row * pitch + (size_t)column * step;
        UNROLL for (int line = 0; line < 4; line++, from += pitch) {
            __m128 part = _mm_setzero_ps();
            UNROLL for (int at = 0; at < 4; at++)
                part = _mm_fmadd_ps(_mm_set1_ps(across[at]), four(from + at * step, from + at * step + pitch), part);
            sum = _mm_fmadd_ps(_mm_set1_ps(down[line]), part, sum);
        }
        return sum;
    }
    for (int line = 0; line < 4; line++)
        for (int at = 0; at < 4; at++) {
            const float *above = plane + (size_t)clamped(row + line, rows) * columns * step;
            const float *below = plane + (size_t)clamped(row + line + 1, rows) * columns * step;
            const int one = clamped(column + at, columns) * step;
            const int other = both ? one + 1 : clamped(column + at + 1, columns);
            __m128 value = _mm_set_ps(below[other], below[one], above[other], above[one]);
            sum = _mm_fmadd_ps(_mm_set1_ps(across[at] * down[line]), value, sum);
        }
    return sum;
}

/* Luma's four samples and the colours' four become a packed pixel: of colours each one's two lines together. */
ALWAYS Lanes packed(__m128 luma, __m128 colours)
{
    return _mm256_set_m128(_mm_shuffle_ps(colours, colours, 0xd8), luma);
}

/* The state at a place, sampled linearly. */
static void state_at(const Step *step, float x, float y, float *target)
{
    x = within(x, 0, step->width - 1), y = within(y, 0, step->height - 1);
    const int column = (int)x, row = (int)y, hidden = step->hidden;
    const size_t right = column + 1 < step->width ? hidden : 0;
    const size_t below = row + 1 < step->height ? (size_t)step->width * hidden : 0;
    const float *from = step->state + ((size_t)row * step->width + column) * hidden;
    const float across = x - column, down = y - row;
    for (int channel = 0; channel < hidden; channel += LANES, from += LANES) {
        Lanes above = plus_times(take(from), _mm256_sub_ps(take(from + right), take(from)), across);
        Lanes under = plus_times(
            take(from + below), _mm256_sub_ps(take(from + below + right), take(from + below)), across);
        put(target + channel, plus_times(above, _mm256_sub_ps(under, above), down));
    }
}

/* One row of the picture, and of what is known from the one before, carried to where things are now. */
static void carry(const Step *step, const Stage *stage, int row)
{
    const int width = step->width, height = step->height, hidden = step->hidden, inputs = stage->outputs;
    const size_t plane = (size_t)height * width, at = (size_t)row * width;
    const float *motion = step->motion + 2 * at;
    float *now = step->now_pixels + at * LANES, *carried = step->carried_pixels + at * LANES;
    float *state = stage->target + (row + 1) * pitch(width, inputs) + inputs + 2 * LANES;
    gathered(step->now + at, plane, now, LANES, width);
    for (int column = 0; column < width; column++, carried += LANES, state += inputs, motion += 2) {
        if (step->fresh) {
            put(carried, take(now + (size_t)column * LANES));
            for (int channel = 0; channel < hidden; channel += LANES) put(state + channel, _mm256_setzero_ps());
            continue;
        }
        const float x = column + motion[0], y = row + motion[1];
        if (motion[0] == 0 && motion[1] == 0) {
            const float *luma = step->luma + 4 * at + 2 * column, *colours = step->colours + 4 * at + 2 * column;
            put(carried, packed(four(luma, luma + 2 * width), four(colours, colours + 2 * width)));
        } else
            put(carried, packed(sampled(step->luma, 2 * height, 2 * width, 2 * x, 2 * y, 0),
                                sampled(step->colours, 2 * height, width, x, 2 * y, 1)));
        state_at(step, x, y, state);
    }
}

/* One row of what the first layer reads: the picture less its local mean and what is carried less the picture, in the
 * noise and drawn in, and what is told of the noise; the state is there already. */
static void prepare(const Step *step, const Stage *stage, int row, float *scratch)
{
    const int width = step->width, inputs = stage->outputs;
    const size_t plane = (size_t)step->height * width, at = (size_t)row * width;
    const int from = row < WINDOW ? 0 : row - WINDOW, to = at_most(row + WINDOW, step->height - 1);
    float *sums = scratch + WINDOW * LANES, *target = stage->target + (row + 1) * pitch(width, inputs) + inputs;
    for (int column = 0; column < WINDOW; column++) {
        put(scratch + column * LANES, _mm256_setzero_ps());
        put(sums + (size_t)(width + column) * LANES, _mm256_setzero_ps());
    }
    for (int column = 0; column < width; column++) {
        Lanes sum = take(step->now_pixels + ((size_t)from * width + column) * LANES);
        for (int line = from + 1; line <= to; line++)
            sum = _mm256_add_ps(sum, take(step->now_pixels + ((size_t)line * width + column) * LANES));
        put(sums + (size_t)column * LANES, sum);
    }
    for (int column = 0; column < width; column++) {
        Lanes sum = take(sums + ((ptrdiff_t)column - WINDOW) * LANES);
        UNROLL for (int shift = 1 - WINDOW; shift <= WINDOW; shift++)
            sum = _mm256_add_ps(sum, take(sums + ((ptrdiff_t)column + shift) * LANES));
        const int beside = at_most(column + WINDOW, width - 1) - (column < WINDOW ? 0 : column - WINDOW) + 1;
        Lanes mean = _mm256_mul_ps(sum, many(1.0f / (float)((to - from + 1) * beside)));
        Lanes now = take(step->now_pixels + (at + column) * LANES);
        Lanes carried = take(step->carried_pixels + (at + column) * LANES);
        Lanes sharpness = _mm256_div_ps(many(step->scale), told(step->noise + at + column, plane));
        float *to_here = target + (size_t)column * inputs;
        put(to_here, softened(_mm256_mul_ps(_mm256_sub_ps(now, mean), sharpness)));
        put(to_here + LANES, softened(_mm256_mul_ps(_mm256_sub_ps(carried, now), sharpness)));
        for (int channel = 0; channel < 3; channel++)
            to_here[2 * LANES + step->hidden + channel] = step->noise[channel * plane + at + column];
    }
}

/* One row of what the last layer gives: residual, gate and state become the restored picture and the next state. */
static void finish(const Step *step, const Stage *stage, int row)
{
    const int width = step->width, outputs = stage->outputs;
    const size_t plane = (size_t)step->height * width, at = (size_t)row * width;
    float *given = stage->target + (row + 1) * pitch(width, outputs) + outputs;
    for (int column = 0; column < width; column++) {
        float *here = given + (size_t)column * outputs;
        Lanes now = take(step->now_pixels + (at + column) * LANES);
        Lanes carried = take(step->carried_pixels + (at + column) * LANES);
        Lanes unit = told(step->noise + at + column, plane);
        Lanes change = _mm256_mul_ps(_mm256_sub_ps(carried, now), _mm256_div_ps(many(step->scale), unit));
        Lanes share = _mm256_mul_ps(_mm256_add_ps(bounded(take(here + LANES)), many(1)), many(0.5f));
        Lanes wanted = _mm256_mul_ps(_mm256_fmadd_ps(share, change, take(here)), many(1 / step->scale));
        Lanes restored = _mm256_fmadd_ps(unit, bounded(wanted), now);
        /* in this order what is no number stays none */
        restored = _mm256_min_ps(many(1), _mm256_max_ps(_mm256_setzero_ps(), restored));
        put(here, restored);
        const __m128 luma = _mm256_castps256_ps128(restored), colours = _mm256_extractf128_ps(restored, 1);
        float *first = step->luma + 4 * at + 2 * column, *both = step->colours + 4 * at + 2 * column;
        _mm_storel_pi((__m64 *)first, luma);
        _mm_storeh_pi((__m64 *)(first + 2 * width), luma);
        _mm_storel_pi((__m64 *)both, _mm_shuffle_ps(colours, colours, 0xd8));
        _mm_storeh_pi((__m64 *)(both + 2 * width), _mm_shuffle_ps(colours, colours, 0xd8));
        for (int channel = 0; channel < step->hidden; channel += LANES)
            put(step->state + (at + column) * step->hidden + channel, bounded(take(here + 2 * LANES + channel)));
    }
    spread(given, outputs, step->output + at, plane, width);
}

/* ---- a step ----------------------------------------------------------------------------------------------------- */

static int items_of(const Stage *stage)
{
    return stage->kind == CONVOLVE || stage->kind == LAST ? tiles_of(stage->rows)
         : stage->kind == DOWN                            ? stage->rows / 2
                                                          : stage->rows;
}

static void item(const Run *run, const Stage *stage, int number, float *scratch)
{
    switch (stage->kind) {
    case CARRY: carry(run->step, stage, number); break;
    case PREPARE: prepare(run->step, stage, number, scratch); break;
    case CONVOLVE: convolve(stage, number, scratch); break;
    case DOWN: down(stage, number, scratch); break;
    case UP: up(stage, number, scratch); break;
    case LAST:
        convolve(stage, number, scratch);
        for (int row = number * TILE; row < at_most(number * TILE + TILE, stage->rows); row++)
            finish(run->step, stage, row);
        break;
    }
}

static void *work(void *argument)
{
    Run *run = argument;
    pthread_mutex_lock(&run->gate);
    pthread_mutex_unlock(&run->gate);
    float *scratch = run->scratch + (size_t)atomic_fetch_add(&run->worker, 1) * run->scratch_floats;
    for (int number = 0; number < run->count; number++) {
        const Stage *stage = run->stages + number;
        const int items = items_of(stage);
        for (int next; (next = atomic_fetch_add(&run->next[number], 1)) < items;) item(run, stage, next, scratch);
        pthread_barrier_wait(&run->reached);
    }
    return NULL;
}

/* Takes a picture through a plan; `scratch` holds `scratch_floats` for each thread. Where the machine has no more threads
 * to give, those that there are do it. Returns 0, or -1 for a plan that is too long. */
int nearset_step(
    const Stage *stages, int32_t count, const Step *step, float *scratch, uint64_t scratch_floats, int32_t threads)
{
    if (count > STAGES) return -1;
    Run run = {.stages = stages, .step = step, .count = count, .scratch = scratch, .scratch_floats = scratch_floats,
               .gate = PTHREAD_MUTEX_INITIALIZER};
    pthread_t others[THREADS];
    int made = 0;
    pthread_mutex_lock(&run.gate);
    while (made < at_most(threads, THREADS) - 1 && pthread_create(&others[made], NULL, work, &run) == 0) made++;
    pthread_barrier_init(&run.reached, NULL, (unsigned)made + 1);
    pthread_mutex_unlock(&run.gate);
    work(&run);
    for (int other = 0; other < made; other++) pthread_join(others[other], NULL);
    pthread_barrier_destroy(&run.reached);
    return 0;
}

/* Sizes of the structures: Python writes them. */
int nearset_layout(void) { return (int)(sizeof(Stage) * 1000 + sizeof(Step)); }

/* Whether this processor can run it, and whether it has bfloat16. */
int nearset_able(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
int nearset_bfloat16(void) { return __builtin_cpu_supports("avx512bf16"); }
