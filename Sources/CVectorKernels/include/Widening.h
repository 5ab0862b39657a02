// Stored weights to 32-bit floats. A frozen weight is widened again in every step, so this stands
// beside the matrix products. Thousand million elements a second on one thread, cached, C and
// scalar Swift: F16 14.5 and 0.28, Q8_0 20 and 4.2, Q4_1 12 and 2.3. `source` may be unaligned,
// `count` is a multiple of the block length. Results equal the reference's to the bit: every
// product of a half-precision scale and a few-bit integer is exact.
#pragma once

void widen_f16(const void *source, float *output, long count);
void widen_bf16(const void *source, float *output, long count);
void widen_q8_0(const void *source, float *output, long count);
void widen_q4_0(const void *source, float *output, long count);
void widen_q4_1(const void *source, float *output, long count);
void widen_q5_0(const void *source, float *output, long count);
void widen_q5_1(const void *source, float *output, long count);
void widen_q4_k(const void *source, float *output, long count);
void widen_q5_k(const void *source, float *output, long count);
void widen_q6_k(const void *source, float *output, long count);
void widen_q2_k(const void *source, float *output, long count);
void widen_q3_k(const void *source, float *output, long count);
void widen_iq4_nl(const void *source, float *output, long count);
void widen_iq4_xs(const void *source, float *output, long count);

// What is added to every block of 32 elements of some rows, `[count, inputs / 32]`: of types that have
// it, a weight is factor * integer + offset.
//
// @param rows, row_bytes, order as for the products below.
#define BLOCK_OFFSETS(type)                                                                       \
  void block_offsets_##type(const void *rows, long row_bytes, const int *order, long count,       \
                            long inputs, float *offsets)

BLOCK_OFFSETS(q4_1);
BLOCK_OFFSETS(q5_1);
BLOCK_OFFSETS(q4_k);
BLOCK_OFFSETS(q5_k);

// Products of one vector with rows of weights that stay in their stored type: y[r] = Σ_i w[r][i] x[i].
// What decoding spends its time on. The weights are those above, number for number, but they
// go from the stored bytes into registers and never into memory; 32 partial sums a row, one of every
// 32 elements each, whatever the type.
// Nanoseconds a weight by type: docs/performance.md.

/// @param rows the tensor's first row, at any alignment; rows are `row_bytes` apart.
/// @param order the stored row of each of the `count` rows; NULL: they stand in order.
/// @param x `inputs` floats; a multiple of the type's block.
/// @param y `count` floats, overwritten.
#define ROW_PRODUCT(type)                                                                         \
  void multiply_rows_##type(const void *rows, long row_bytes, const int *order, const float *x,  \
                            float *y, long count, long inputs)

ROW_PRODUCT(f32);
ROW_PRODUCT(f16);
ROW_PRODUCT(bf16);
ROW_PRODUCT(q8_0);
ROW_PRODUCT(q4_0);
ROW_PRODUCT(q4_1);
ROW_PRODUCT(q5_0);
ROW_PRODUCT(q5_1);
ROW_PRODUCT(q4_k);
ROW_PRODUCT(q5_k);
ROW_PRODUCT(q6_k);
ROW_PRODUCT(q2_k);
ROW_PRODUCT(q3_k);
ROW_PRODUCT(iq4_nl);
ROW_PRODUCT(iq4_xs);

// The same for several vectors: y[c][r] = Σ_i w[r][i] x[c][i], each to the bit what it is alone. The
// weights are read, and unpacked, once for up to eight vectors.

/// @param x `columns` vectors, `x_stride` floats apart.
/// @param y one row of `count` floats a vector, `y_stride` apart, overwritten.
#define COLUMN_PRODUCT(type)                                                                      \
  void multiply_columns_##type(const void *rows, long row_bytes, const int *order, const float *x, \
                               long x_stride, long columns, float *y, long y_stride, long count,   \
                               long inputs)

COLUMN_PRODUCT(f32);
COLUMN_PRODUCT(f16);
COLUMN_PRODUCT(bf16);
COLUMN_PRODUCT(q8_0);
COLUMN_PRODUCT(q4_0);
COLUMN_PRODUCT(q4_1);
COLUMN_PRODUCT(q5_0);
COLUMN_PRODUCT(q5_1);
COLUMN_PRODUCT(q4_k);
COLUMN_PRODUCT(q5_k);
COLUMN_PRODUCT(q6_k);
COLUMN_PRODUCT(q2_k);
COLUMN_PRODUCT(q3_k);
COLUMN_PRODUCT(iq4_nl);
COLUMN_PRODUCT(iq4_xs);
