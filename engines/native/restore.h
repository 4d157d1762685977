/* What the parts of a step share: the structures that Python fills in, and eight channels at a time.
 *
 * Tensors are pixel after pixel, a multiple of eight channels each, inside a border of zeros (`tensors.py`).
 */

#ifndef NEARSET_RESTORE_H
#define NEARSET_RESTORE_H

#pragma GCC target("avx2,fma")

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 8 /* channels that are worked on at once */
#define TILE 4  /* pixels of a tile, each way */

enum { CARRY, PREPARE, CONVOLVE, DOWN, UP, LAST, BEGIN, COMPARE, LEAN };

/* One stage. `rows`, `columns` are those of what is read, `height`, `width` of the picture; pointers that a stage
 * has no use for are not looked at. */
typedef struct {
    int32_t kind, rows, columns, inputs, used, outputs;
    float slope;
    const float *source, *skip, *weights, *bias;
    float *target;
} Stage;

/* What a step reads and writes around the layers. Planar `[C, h, w]`, as the service has it: the picture, what is told
 * of its noise, the restored one, and that in whole codes where they are wanted. `motion` is where each packed pixel
 * was, less where it is, `[h, w, 2]`. Pixel after pixel: the picture and the one before, carried to where things are
 * now. What is kept from step to step: luma `[2h, 2w]` and both colours `[2h, w, 2]` of the restored picture, and the
 * state; `fresh` where there is none yet. */
typedef struct {
    int32_t height, width, hidden, fresh;
    float scale;
    const float *now, *noise, *motion;
    float *output, *now_pixels, *carried_pixels, *luma, *colours, *state;
    uint16_t *codes;
} Step;

/* What going back over a shot reads and writes. `own` and `leant` are whole codes, planar `[8, h, w]`, `motion` is that
 * of the next picture from this one `[h, w, 2]`; `luma` and `colours` are the next picture's, codes / 1023 that are not
 * rounded, and become this one's. The numbers are those of `hindsight.py`, `lasts` and `odd` less where noise is coarse;
 * `per_move` is 1 / MOVES. */
typedef struct {
    int32_t height, width;
    float standing, moving, per_move, tolerance, lasts, odd, every_detail, weighed, shot, read, least;
    const uint16_t *own;
    const float *motion;
    uint16_t *leant;
    float *luma, *colours, *difference, *apart, *lasting, *detail, *most;
} Lean;

/* Layers (layers.c): one row of tiles of a 3x3 convolution, one row of what changes the raster. */
void convolve(const Stage *stage, int row, float *scratch);
void down(const Stage *stage, int row, float *scratch);
void up(const Stage *stage, int row, float *scratch);

/* What stands around them (around.c), a row each. */
void carry(const Step *step, const Stage *stage, int row);
void prepare(const Step *step, const Stage *stage, int row, float *scratch);
void finish(const Step *step, const Stage *stage, int row);

/* Going back over a shot (hindsight.c), a row each. */
void begin(const Lean *lean, int row, float *scratch);
void compare(const Lean *lean, int row, float *scratch);
void lean_on(const Lean *lean, int row, float *scratch);

typedef __m256 Lanes;

#define ALWAYS static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

ALWAYS Lanes many(float value) { return _mm256_set1_ps(value); }
ALWAYS Lanes take(const float *from) { return _mm256_loadu_ps(from); }
ALWAYS void put(float *to, Lanes value) { _mm256_storeu_ps(to, value); }
ALWAYS Lanes plus_times(Lanes sum, Lanes one, float other) { return _mm256_fmadd_ps(one, many(other), sum); }

ALWAYS int at_most(int one, int other) { return one < other ? one : other; }
ALWAYS int tiles_of(int pixels) { return (pixels + TILE - 1) / TILE; }

/* Floats from one row of a tensor to the next one. */
ALWAYS size_t pitch(int columns, int channels) { return (size_t)(tiles_of(columns) * TILE + 2) * channels; }

#endif
