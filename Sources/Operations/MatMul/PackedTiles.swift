import CVectorKernels
import TensorCore

/// One side of a product, split into parts of bfloat16 and laid out in tiles (TileProducts.h).
struct PackedTiles {
  enum Side { case left, right }

  let side: Side
  /// Rows of the left side, or columns of the right.
  let lines: Int
  let terms: Int
  /// How many parts are not all 0.
  var parts: Int32 = 1
  /// Two bfloat16s a float.
  var numbers: Tensor
  /// Of a right side in blocks of 32 terms, one each; empty where there are none.
  var factors: Tensor
  /// Of 16 lines, in bfloat16s.
  private let groupStride: Int

  /// - Parameter isFactored: whether the side is stored in blocks that have a factor each.
  init(_ side: Side, lines: Int, terms: Int, isFactored: Bool = false) {
    (self.side, self.lines, self.terms) = (side, lines, terms)
    let blocks = (lines + 31) / 32
    groupStride = isFactored ? terms * 16 : packed_tile_steps(terms) * Int(PACKED_TILE_STEP)
    numbers = Tensor(uninitialized: [blocks * groupStride])
    factors = Tensor(uninitialized: [isFactored ? blocks * terms : 0])
  }

  /// From a line on, which is a multiple of 32.
  func tiles(
    _ numbers: UnsafePointer<Float>, _ factors: UnsafePointer<Float>, from line: Int
  ) -> packed_tiles {
    packed_tiles(
      numbers: UnsafeRawPointer(numbers).assumingMemoryBound(to: UInt16.self)
        + line / 16 * groupStride, group_stride: groupStride, parts: parts,
      factors: self.factors.count == 0 ? nil : factors + line / 32 * terms)
  }

  /// Fills `numbers`, several tasks at a time, each its own places. Functions return how many parts are
  /// not all 0.
  var writer: Writer { Writer(side: side, lines: lines, terms: terms, groupStride: groupStride) }

  struct Writer {
    let side: Side
    let lines, terms, groupStride: Int

    /// All terms of some lines, of which `matrix` has the first; `range` says where they belong.
    func pack(
      lines range: Range<Int>, of matrix: Matrix, into numbers: UnsafeMutablePointer<Float>
    ) -> Int32 {
      pack(
        matrix, lines: range.count, terms: terms,
        into: numbers, at: range.lowerBound / 16 * groupStride)
    }

    /// Some terms of some rows of weights, as `range` of the lines.
    func pack(
      lines range: Range<Int>, of weights: StoredTensor, rows: Range<Int>, terms: Range<Int>,
      into numbers: UnsafeMutablePointer<Float>, factors: UnsafeMutablePointer<Float>
    ) {
      weights.packTileBlocks(
        rows: rows, terms: terms,
        into: UnsafeMutableRawPointer(numbers).assumingMemoryBound(to: UInt16.self)
          + range.lowerBound / 16 * groupStride,
        factors: factors + range.lowerBound / 32 * self.terms)
    }

    /// Up to 32 terms of all lines, of which `matrix` has the first.
    func pack(
      terms range: Range<Int>, of matrix: Matrix, into numbers: UnsafeMutablePointer<Float>
    ) -> Int32 {
      pack(
        matrix, lines: lines, terms: range.count,
        into: numbers, at: range.lowerBound / 32 * Int(PACKED_TILE_STEP))
    }

    private func pack(
      _ matrix: Matrix, lines: Int, terms: Int, into numbers: UnsafeMutablePointer<Float>,
      at place: Int
    ) -> Int32 {
      let linesAreRows = matrix.isTransposed == (side == .right)
      return pack_tiles(
        matrix.elements, matrix.stride, linesAreRows ? 1 : 0, lines, terms, side == .right ? 1 : 0,
        UnsafeMutableRawPointer(numbers).assumingMemoryBound(to: UInt16.self) + place, groupStride)
    }
  }
}
