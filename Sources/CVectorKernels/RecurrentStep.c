#include "RecurrentStep.h"
#include "Vectors.h"

enum { LANES = 16, BLOCK = 4 };

// `count` vectors of 16 columns, whose sums stay in registers.
INLINE void step_block(const float *queries, float scale, const float *decays, long decay_step,
                       const float *writes, const float *reading, const float *keys,
                       const float *value, const float *state, float *next, float *output,
                       long rows, long columns, const int count) {
#pragma clang fp contract(fast)
  f16 sums[BLOCK], v[BLOCK], e[BLOCK];
  for (int b = 0; b < count; b++) {
    sums[b] = 0;
    v[b] = LOAD(value + b * LANES);
    e[b] = reading ? LOAD(reading + b * LANES) : (f16)0;
  }
  for (long c = 0; c < rows; c++) {
    const float decay = decays[c * decay_step], key = keys[c], query = scale * queries[c];
    const float write = writes ? writes[c] : 0;
    for (int b = 0; b < count; b++) {
      f16 x = key * v[b];
      if (state) x = decay * LOAD(state + c * columns + b * LANES) + x;
      if (reading) x = write * e[b] + x;
      STORE(next + c * columns + b * LANES, x);
      sums[b] = query * x + sums[b];
    }
  }
  for (int b = 0; b < count; b++) STORE(output + b * LANES, sums[b]);
}

CLONES void vk_recurrent_step(const float *queries, float scale, const float *decays,
                              long decay_step, const float *writes, const float *reading,
                              const float *keys, const float *value, const float *state,
                              float *next, float *output, long rows, long columns) {
#pragma clang fp contract(fast)
  long i = 0;
#define STEP(count)                                                                                \
  step_block(queries, scale, decays, decay_step, writes, reading ? reading + i : 0, keys,          \
             value + i, state ? state + i : 0, next + i, output + i, rows, columns, count)
  for (; i + BLOCK * LANES <= columns; i += BLOCK * LANES) STEP(BLOCK);
  for (; i + LANES <= columns; i += LANES) STEP(1);
#undef STEP
  for (; i < columns; i++) {
    float sum = 0;
    for (long c = 0; c < rows; c++) {
      float x = keys[c] * value[i];
      if (state) x = decays[c * decay_step] * state[c * columns + i] + x;
      if (reading) x = writes[c] * reading[i] + x;
      next[c * columns + i] = x;
      sum = scale * queries[c] * x + sum;
    }
    output[i] = sum;
  }
}

CLONES void vk_row_combination(const float *weights, const float *matrix, float *output, long rows,
                               long columns) {
#pragma clang fp contract(fast)
  long i = 0;
  for (; i + BLOCK * LANES <= columns; i += BLOCK * LANES) {
    f16 sums[BLOCK] = {0, 0, 0, 0};
    for (long c = 0; c < rows; c++)
      for (int b = 0; b < BLOCK; b++)
        sums[b] = weights[c] * LOAD(matrix + c * columns + i + b * LANES) + sums[b];
    for (int b = 0; b < BLOCK; b++) STORE(output + i + b * LANES, sums[b]);
  }
  for (; i + LANES <= columns; i += LANES) {
    f16 sum = 0;
    for (long c = 0; c < rows; c++) sum = weights[c] * LOAD(matrix + c * columns + i) + sum;
    STORE(output + i, sum);
  }
  for (; i < columns; i++) {
    float sum = 0;
    for (long c = 0; c < rows; c++) sum += weights[c] * matrix[c * columns + i];
    output[i] = sum;
  }
}
