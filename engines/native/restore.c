/* A network of restoration through one picture, in float32, on a processor with AVX2: the stages of a plan one after
 * another, the rows of each shared out among threads as they come free.
 */

#include "restore.h"

#include <pthread.h>
#include <stdatomic.h>

#define STAGES 32  /* most stages of a plan */
#define THREADS 64 /* most threads of a step */
#define FOR_PYTHON __attribute__((visibility("default")))

typedef struct {
    const Stage *stages;
    const Step *step;
    const Lean *lean;
    int32_t count;
    atomic_int next[STAGES];
    pthread_mutex_t gate; /* held until it is known how many threads there are */
    pthread_barrier_t reached;
    float *scratch;
    size_t scratch_floats;
    atomic_int worker;
} Run;

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
    case BEGIN: begin(run->lean, number, scratch); break;
    case COMPARE: compare(run->lean, number, scratch); break;
    case LEAN: lean_on(run->lean, number, scratch); break;
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

/* Has threads do a run. Where the machine has no more threads to give, those that there are do it. */
static void shared_out(Run *run, int threads)
{
    pthread_t others[THREADS];
    int made = 0;
    pthread_mutex_init(&run->gate, NULL);
    pthread_mutex_lock(&run->gate);
    while (made < at_most(threads, THREADS) - 1 && pthread_create(&others[made], NULL, work, run) == 0) made++;
    pthread_barrier_init(&run->reached, NULL, (unsigned)made + 1);
    pthread_mutex_unlock(&run->gate);
    work(run);
    for (int other = 0; other < made; other++) pthread_join(others[other], NULL);
    pthread_barrier_destroy(&run->reached);
    pthread_mutex_destroy(&run->gate);
}

/* Takes a picture through a plan; `scratch` holds `scratch_floats` for each thread. Returns 0, or -1 for a plan that is
 * too long. */
FOR_PYTHON int nearset_step(
    const Stage *stages, int32_t count, const Step *step, float *scratch, uint64_t scratch_floats, int32_t threads)
{
    if (count > STAGES) return -1;
    Run run = {.stages = stages, .step = step, .count = count, .scratch = scratch, .scratch_floats = scratch_floats};
    shared_out(&run, threads);
    return 0;
}

/* Has a picture lean on the next one; the last picture of a shot, which `begins`, is only taken note of. */
FOR_PYTHON void nearset_lean(
    const Lean *lean, int32_t begins, float *scratch, uint64_t scratch_floats, int32_t threads)
{
    const Stage first = {.kind = BEGIN, .rows = lean->height};
    const Stage others[] = {{.kind = COMPARE, .rows = lean->height}, {.kind = LEAN, .rows = lean->height}};
    Run run = {.stages = begins ? &first : others, .lean = lean, .count = begins ? 1 : 2, .scratch = scratch,
               .scratch_floats = scratch_floats};
    shared_out(&run, threads);
}

/* Sizes of the structures: Python writes them. */
FOR_PYTHON int nearset_layout(void) { return (int)((sizeof(Stage) * 1000 + sizeof(Step)) * 1000 + sizeof(Lean)); }

/* Whether this processor can run it, and whether it has bfloat16. */
FOR_PYTHON int nearset_able(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
FOR_PYTHON int nearset_bfloat16(void) { return __builtin_cpu_supports("avx512bf16"); }
