// What one chunk of a delta rule with diagonal decay does pair by pair of its tokens; see
// Sources/Operations/DeltaRule. With the loops of VectorKernels.h, row by row from Swift, forward
// and backward of 1,024 tokens of one head of 64 dimensions took 0.98 and 2.77 ms on one thread;
// with these 0.63 and 1.52 ms.
//
// count <= 16 tokens; the rows of every operand are its stride apart, those of the gradients
// `gradient_stride`; decays [count, dim] are dense. products and their gradients are
// [2 count, 2 count]: rows of removals, then of queries, columns of writes, then of keys. D[t, s] is
// the product of the decays of tokens s + 1 ... t.
#pragma once

/// products[t, s] = sum_c reader_t read_s D, with D[t - 1, s] and s < t for removals, D[t, s] and
/// s <= t for queries; other elements are left alone. `scratch`: 2 * dim.
void vk_delta_rule_products(const float *queries, long query_stride, const float *removals,
                            long removal_stride, const float *writes, long write_stride,
                            const float *keys, long key_stride, const float *decays,
                            float *products, float *scratch, long count, long dim);

/// Adds what the products' gradients give the operands and the logarithms of the decays.
void vk_delta_rule_product_gradients(
    const float *queries, long query_stride, const float *removals, long removal_stride,
    const float *writes, long write_stride, const float *keys, long key_stride,
    const float *decays, const float *product_gradients, float *query_gradients,
    float *removal_gradients, float *write_gradients, float *key_gradients, float *decay_gradients,
    long gradient_stride, long count, long dim);
