/* What stands around the layers: the past, carried to where things are now; what the first layer reads; what becomes of
 * what the last one gives.
 */

#include "restore.h"

#define WINDOW 4 /* pixels to each side of which the mean is taken: half of MEAN_SIDE */

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
void carry(const Step *step, const Stage *stage, int row)
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
void prepare(const Step *step, const Stage *stage, int row, float *scratch)
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
void finish(const Step *step, const Stage *stage, int row)
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

