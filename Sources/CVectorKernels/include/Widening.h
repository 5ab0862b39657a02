// Stored weights to 32-bit floats. A frozen weight is widened again in every step, so this stands
// beside the matrix products: the C loops read one cache line a nanosecond, a scalar Swift loop
// over Q4_1 a fifth of that, over F16 a fiftieth (12, 2.3; 14.5, 0.28 thousand million elements/s, cached). `source` may be unaligned,
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
