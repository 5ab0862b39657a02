// Loops over the pairs of tokens of a chunk of gated linear attention. Made of one call of a vector
// kernel for every pair and step, forward and backward of a head of 64 at 1,024 tokens took 0.46
// and 1.35 ms; with these 0.31 and 0.83 ms. Rows are `width` apart.
#pragma once

/// For every row j below count: current_j = previous_j * decay, products[j] = query . current_j.
/// current may be previous.
void vk_gated_pairs(const float *query, const float *decay, const float *previous, float *current,
                    float *products, long count, long width);

/// For every row j below count: lines_j += weights[j] * query,
/// query_gradient += weights[j] * pairs_j, decay_gradient += lines_j * pairs_j, lines_j *= decay.
void vk_gated_pair_gradients(const float *query, const float *decay, const float *weights,
                             const float *pairs, float *lines, float *query_gradient,
                             float *decay_gradient, long count, long width);

/// output += left * right
void vk_multiply_add(const float *left, const float *right, float *output, long count);
