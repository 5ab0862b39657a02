import CVectorKernels
import TensorCore

/// One side of a product, split into parts of bfloat16 and laid out in tiles (TileProducts.h).
struct PackedTiles {
  /// Rows of the left side, or columns of the right.
  let lines: Int
  let terms: Int
  /// How many parts are not all 0.
  var parts: Int32 = 1
  /// Two bfloat16s an element.
  var numbers: Tensor

  init(lines: Int, terms: Int) {
    (self.lines, self.terms) = (lines, terms)
    let groups = (lines + 31) / 32 * 2
    numbers = Tensor(
      uninitialized: [groups * packed_tile_steps(terms) * Int(PACKED_TILE_STEP) / 2])
  }

  /// Of 16 lines.
  private var groupStride: Int { packed_tile_steps(terms) * Int(PACKED_TILE_STEP) }

  /// From a line on, which is a multiple of 32.
  func tiles(_ numbers: UnsafePointer<Float>, from line: Int) -> packed_tiles {
    packed_tiles(
      numbers: UnsafeRawPointer(numbers).assumingMemoryBound(to: UInt16.self)
        + line / 16 * groupStride, group_stride: groupStride, parts: parts)
  }

  /// Fills `numbers`, several tasks at a time, each its own places. Functions return how many parts are
  /// not all 0.
  var writer: Writer { Writer(lines: lines, terms: terms, groupStride: groupStride) }

  struct Writer {
    let lines, terms, groupStride: Int

    /// Rows of the left side, of which `matrix` has the first; `rows` says where they belong.
    func packRows(
      of matrix: Matrix, _ rows: Range<Int>, into numbers: UnsafeMutablePointer<Float>
    ) -> Int32 {
      pack_tiles(
        matrix.elements, matrix.stride, matrix.isTransposed ? 0 : 1, rows.count, terms, 0,
        bfloat16s(numbers) + rows.lowerBound / 16 * groupStride, groupStride)
    }

    /// Columns of the right side, of which `matrix` has the first.
    func packColumns(
      of matrix: Matrix, _ columns: Range<Int>, into numbers: UnsafeMutablePointer<Float>
    ) -> Int32 {
      pack_tiles(
        matrix.elements, matrix.stride, matrix.isTransposed ? 1 : 0, columns.count, terms, 1,
        bfloat16s(numbers) + columns.lowerBound / 16 * groupStride, groupStride)
    }

    /// Up to 32 terms of all columns of the right side, of which `matrix` has the first.
    func packTerms(
      of matrix: Matrix, _ terms: Range<Int>, into numbers: UnsafeMutablePointer<Float>
    ) -> Int32 {
      pack_tiles(
        matrix.elements, matrix.stride, matrix.isTransposed ? 1 : 0, lines, terms.count, 1,
        bfloat16s(numbers) + terms.lowerBound / 32 * Int(PACKED_TILE_STEP), groupStride)
    }

    private func bfloat16s(_ numbers: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<UInt16> {
      UnsafeMutableRawPointer(numbers).assumingMemoryBound(to: UInt16.self)
    }
  }
}
