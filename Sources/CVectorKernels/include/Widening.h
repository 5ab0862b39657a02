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
