// Products of matrices of floats on the processor's tiles of bfloat16 (AMX), at least as exact as
// products of floats. Every float is the sum of three bfloat16s (8 + 8 + 8 bits of its 24), so a
// product of two is nine products of parts; the six that reach beyond 2^-24 of it are taken, and
// fewer where a matrix has no third or second part: three for weights stored as bfloat16. A tile
// instruction sums 32 terms before it rounds into the result. Root mean square error of [1024, 576]
// times [576, 512] over the result's: 1.9e-7, OpenBLAS's SkylakeX kernels 3.1e-7. Parts below 2^-126
// count as 0. What is not finite gives something that is not finite.
#pragma once

/// 1 where the processor has such tiles, the system lets this process use them, and a trial product
/// is that of plain loops; 0 otherwise. Asks once.
int tile_products_are_available(void);

/// Steps of 32 terms that a packed line has, each of `PACKED_TILE_STEP` numbers for 16 lines.
long packed_tile_steps(long terms);
enum { PACKED_TILE_STEP = 3 * 16 * 32 };

/// Splits a side of a product into its parts, in the order in which tiles are loaded: groups of 16
/// lines, `group_stride` numbers apart, in them the steps. A line is a row of the left side or a
/// column of the right, its terms run along the sum.
///
/// @param lines_are_rows whether a line lies along a row of `x`, whose rows are `stride` floats apart.
/// @param packed room for `lines` rounded up to 32, 64-byte aligned; what is missing becomes 0.
/// @return how many parts are not all 0, at least 1.
int pack_tiles(const float *x, long stride, int lines_are_rows, long lines, long terms,
               int is_right, unsigned short *packed, long group_stride);

/// Packs a right side of stored weights as it is multiplied: blocks of 32 small integers, which are
/// bfloat16s exactly, and a factor for each. With three parts of the left side that is three products
/// for weights that have up to 24 bits. What is added to a block (`block_offsets_TYPE`) is not in it.
///
/// @param rows the tensor's first row, at any alignment; rows are `row_bytes` apart and are the columns
///   of the right side, `terms` of each from `rows` on; a multiple of 32.
/// @param order the stored row of each of the `lines` rows; NULL: they stand in order.
/// @param packed room for `lines` rounded up to 32; groups are `terms * 16` numbers apart.
/// @param factors `[lines rounded up to 32 / 16, terms / 32, 16]`.
#define PACK_TILE_BLOCKS(type)                                                                     \
  void pack_tile_blocks_##type(const void *rows, long row_bytes, const int *order, long lines,     \
                               long terms, unsigned short *packed, float *factors)

PACK_TILE_BLOCKS(q8_0);
PACK_TILE_BLOCKS(q4_0);
PACK_TILE_BLOCKS(q4_1);
PACK_TILE_BLOCKS(q5_0);
PACK_TILE_BLOCKS(q5_1);
PACK_TILE_BLOCKS(q4_k);
PACK_TILE_BLOCKS(q5_k);
PACK_TILE_BLOCKS(iq4_nl);
PACK_TILE_BLOCKS(iq4_xs);

/// What `pack_tiles` or, with factors, `pack_tile_blocks_TYPE` has written.
struct packed_tiles {
  const unsigned short *numbers;
  long group_stride;
  /// The largest that was returned for any of it.
  int parts;
  /// Of a right side in blocks; NULL otherwise.
  const float *factors;
};

/// `c[m, n] = alpha * a[m, k] b[k, n] + beta * c`, row-major, in the calling thread. An element's bits
/// depend on its row of `a`, its column of `b` and `k`, not on `m` and `n`: a product may be split
/// in both. Where `beta` is 0, what `c` held is not read.
void multiply_packed_tiles(long m, long n, long k, float alpha, struct packed_tiles a,
                           struct packed_tiles b, float beta, float *c, long c_stride);
