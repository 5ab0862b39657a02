// Vector loops that a scalar Swift loop lost by a factor of 2 to 6 (exp 3.5 -> 0.35 ns/element,
// AdamW 3.5 -> 0.6, RMS norm 2.1 -> 0.2 on a 64k-element buffer; Swift's SIMD16 needs an
// -march flag that ties the binary to one CPU). Each is compiled for three instruction sets and
// chosen when the program is loaded. Lengths are element counts; pointers need float alignment
// only; output may alias input where a function has both of equal length.
#pragma once

/// CPUs this process may run on (affinity mask, as set by Slurm or taskset).
int vk_available_cpus(void);

/// output[i] = exp(scale * input[i] - shift); returns the sum of the outputs.
float vk_exp_sum(const float *input, float *output, long count, float scale, float shift);
/// output[i] = exp(input[i])
void vk_exp(const float *input, float *output, long count);
float vk_max(const float *input, long count);
float vk_sum(const float *input, long count);
/// Sums of 32 elements each, `count` of them.
void vk_block_sums(const float *input, float *sums, long count);
float vk_dot(const float *left, const float *right, long count);
/// sum of squared differences
float vk_squared_distance(const float *left, const float *right, long count);
/// output += factor * input
void vk_add_scaled(float *output, const float *input, float factor, long count);
/// output = input * factor
void vk_scale(const float *input, float *output, float factor, long count);
/// output = left * right
void vk_multiply(const float *left, const float *right, float *output, long count);

/// output = input * weight * r with r = 1/sqrt(mean(input^2) + epsilon); returns r.
float vk_rms_norm(const float *input, const float *weight, float *output, long count,
                  float epsilon);
/// output = silu(gate) * up
void vk_silu_multiply(const float *gate, const float *up, float *output, long count);
/// Gradients of vk_silu_multiply from its output's gradient.
void vk_silu_multiply_backward(const float *gate, const float *up, const float *gradient,
                               float *gate_gradient, float *up_gradient, long count);
/// Tanh approximation of GELU, and its gradient.
void vk_gelu_tanh(const float *input, float *output, long count);
void vk_gelu_tanh_backward(const float *input, const float *gradient, float *output, long count);

/// One step of AdamW (decoupled decay). bias_correction1 = 1 - beta1^t, likewise 2.
void vk_adamw(float *value, const float *gradient, float *first, float *second, long count,
              float learning_rate, float beta1, float beta2, float epsilon, float weight_decay,
              float bias_correction1, float bias_correction2);
