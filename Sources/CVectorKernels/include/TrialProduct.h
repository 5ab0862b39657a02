// Whether a library's or a processor's products of matrices are right, asked before they are used.
#pragma once

/// `c[m, n] = op(a)[m, k] op(b)[k, n]`, row-major; strides are those between the stored rows.
typedef void matrix_product(long m, long n, long k, const float *a, long a_stride,
                            int a_transposed, const float *b, long b_stride, int b_transposed,
                            float *c, long c_stride);

/// Terms of a sum in a trial.
enum { TRIAL_TERMS = 71 };

/// Tries all four forms, in sizes that fill no kernel's tile, so that every edge of it is used.
///
/// @param bound of an element's error, over the sum of its terms' magnitudes.
/// @return 1 where the products are those of plain loops in double precision, 0 otherwise.
int products_are_right(matrix_product *multiply, double bound);
