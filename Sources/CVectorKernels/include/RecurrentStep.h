// One token of a linear recurrence, in one pass over the state. With the loops of VectorKernels.h,
// row by row from Swift, a token of a delta rule of 9 heads of 64 dimensions took 27.6 us on one
// thread; with these 14.4 us.
#pragma once

/// For every row c of `rows`: next_c = decays[c * decay_step] * state_c + writes[c] * reading
/// + keys[c] * value, and output = sum_c scale * queries[c] * next_c. A state or reading that is
/// null counts as 0; `next` may be `state`. All rows have `columns` elements.
void vk_recurrent_step(const float *queries, float scale, const float *decays, long decay_step,
                       const float *writes, const float *reading, const float *keys,
                       const float *value, const float *state, float *next, float *output,
                       long rows, long columns);

/// output = sum_c weights[c] * matrix_c.
void vk_row_combination(const float *weights, const float *matrix, float *output, long rows,
                        long columns);
