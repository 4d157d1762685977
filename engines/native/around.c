/* What stands around the layers: the past, carried to where things are now; what the first layer reads; what becomes of
 * what the last one gives.
 */

#include "places.h"

#define WINDOW 4 /* pixels to each side of which the mean is taken: half of MEAN_SIDE */

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
        put(carried, moved(step->luma, step->colours, height, width, row, column, motion[0], motion[1], 4));
        state_at(step, column + motion[0], row + motion[1], state);
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
        unpacked(restored, step->luma + 4 * at + 2 * column, step->colours + 4 * at + 2 * column, 2 * width);
        for (int channel = 0; channel < step->hidden; channel += LANES)
            put(step->state + (at + column) * step->hidden + channel, bounded(take(here + 2 * LANES + channel)));
    }
    spread(given, outputs, step->output + at, plane, width);
    if (!step->codes) return;
    for (int column = 0; column < width; column++) {
        float *here = given + (size_t)column * outputs;
        put(here, whole_codes(take(here), take(step->now_pixels + (at + column) * LANES)));
    }
    spread_codes(given, outputs, step->codes + at, plane, width);
}

