import CVectorKernels
import TensorCore

/// Lines of a block, and terms of a step.
private let edge = 32

/// Row-major products of floats on the processor's tiles of bfloat16 (TileProducts.h), over all
/// workers: both sides are packed once, then the result's blocks are summed. Tasks are many and small:
/// of a shared machine's cores one may be half as fast as the other, at one time this, then that.
struct TileProduct {
  /// Of one side of a product, rows that can be read in any order.
  enum Right {
    /// `[k, n]`, or `[n, k]` read transposed.
    case matrix(Matrix)
    /// Weights in their stored type, `[k, n]`, or `[n, k]` read transposed.
    case stored(StoredTensor, transposed: Bool)
    /// The blocks of factored weights, `[n, k]` read transposed, without their offsets.
    case blocks(StoredTensor)

    var isTransposed: Bool {
      switch self {
      case .matrix(let matrix): matrix.isTransposed
      case .stored(_, let isTransposed): isTransposed
      case .blocks: true
      }
    }

    var isFactored: Bool {
      if case .blocks = self { return true }
      return false
    }

    /// A multiple at which its terms may be parted.
    var termsEdge: Int {
      if case .blocks(let weights) = self { return weights.elementType.blockLength }
      return edge
    }
  }

  /// Whether products are taken on tiles. Whoever asks for OpenBLAS's kernels by their name gets
  /// them: to have another machine's numbers, say.
  static let isAvailable =
    !OpenBLASInformation.isRequested && tile_products_are_available() != 0

  /// Whether tiles are faster for a right side of `[k, n]`. The left side's rows do not matter, so that
  /// a sequence in parts has the bits of the whole.
  static func pays(n: Int, k: Int) -> Bool {
    isAvailable && min(n, k) >= 64 && n * k >= 1 << 15
  }

  /// Terms, rows and columns that are packed at a time: 24 MB of the left side, 6 of the right.
  private static let (maximumTerms, maximumLeft, maximumRight) = (4096, 4 << 20, 1 << 20)
  /// What a task multiplies: its columns stay in the second-level cache.
  private static let (taskRows, taskColumns) = (256, 512)

  let m, n, k: Int
  let left: Matrix
  let right: Right
  var alpha: Float = 1
  /// What is there counts as often.
  var beta: Float = 0

  /// `c[m, n] = alpha * left[m, k] * right[k, n] + beta * c`.
  func write(to c: UnsafeMutablePointer<Float>, stride: Int) {
    for terms in portions(k, of: Self.maximumTerms, edge: right.termsEdge) {
      for rows in portions(m, of: Self.maximumLeft / terms.count) {
        var packedLeft = PackedTiles(.left, lines: rows.count, terms: terms.count)
        for columns in portions(n, of: Self.maximumRight / terms.count) {
          var packedRight = PackedTiles(
            .right, lines: columns.count, terms: terms.count, isFactored: right.isFactored)
          pack(
            left: columns.lowerBound == 0 ? rows : 0..<0, columns, terms, into: &packedLeft,
            &packedRight)
          multiply(
            packedLeft, packedRight, beta: terms.lowerBound == 0 ? beta : 1,
            into: c + rows.lowerBound * stride + columns.lowerBound, stride: stride)
        }
      }
    }
  }

  /// Both sides in one go: a task packs what 32 stored rows hold.
  private func pack(
    left rows: Range<Int>, _ columns: Range<Int>, _ terms: Range<Int>,
    into packedLeft: inout PackedTiles, _ packedRight: inout PackedTiles
  ) {
    let leftTasks = portions(rows.count, of: edge)
    let rightTasks = portions(right.isTransposed ? columns.count : terms.count, of: edge)
    let (leftWriter, rightWriter) = (packedLeft.writer, packedRight.writer)
    let parts = withPointers(
      writing(&packedLeft.numbers), writing(&packedRight.numbers), writing(&packedRight.factors)
    ) { packedLeft, packedRight, factors in
      WorkerPool.shared.parallelMap(leftTasks.count + rightTasks.count) { task in
        if task < leftTasks.count {
          let lines = leftTasks[task]
          return leftWriter.pack(
            lines: lines,
            of: left.from(rows.lowerBound + lines.lowerBound, terms.lowerBound), into: packedLeft)
        }
        return packRight(
          rightTasks[task - leftTasks.count], columns, terms, rightWriter, into: packedRight,
          factors: factors)
      }
    }
    packedLeft.parts = max(packedLeft.parts, parts.prefix(leftTasks.count).max() ?? 1)
    packedRight.parts = parts.dropFirst(leftTasks.count).max() ?? 1
  }

  /// - Parameter portion: of the stored rows, counted from the first that belongs to `columns` or
  ///   `terms`.
  private func packRight(
    _ portion: Range<Int>, _ columns: Range<Int>, _ terms: Range<Int>, _ writer: PackedTiles.Writer,
    into packed: UnsafeMutablePointer<Float>, factors: UnsafeMutablePointer<Float>
  ) -> Int32 {
    if case .blocks(let weights) = right {
      let rows = columns.lowerBound + portion.lowerBound..<columns.lowerBound + portion.upperBound
      writer.pack(
        lines: portion, of: weights, rows: rows, terms: terms, into: packed, factors: factors)
      return 1
    }
    let start = right.isTransposed ? columns.lowerBound : terms.lowerBound
    return right.withRows(start + portion.lowerBound..<start + portion.upperBound) { stored in
      right.isTransposed
        ? writer.pack(
          lines: portion, of: stored.from(0, terms.lowerBound).transposed, into: packed)
        : writer.pack(terms: portion, of: stored.from(0, columns.lowerBound), into: packed)
    }
  }

  private func multiply(
    _ left: PackedTiles, _ right: PackedTiles, beta: Float, into c: UnsafeMutablePointer<Float>,
    stride: Int
  ) {
    let columns = portions(right.lines, of: Self.taskColumns)
    let least = 4 * WorkerPool.shared.workers / columns.count
    let rows = portions(
      left.lines, of: min(Self.taskRows, max(2 * edge, left.lines / max(1, least))))
    withPointers(left.numbers, right.numbers, right.factors) { leftNumbers, rightNumbers, factors in
      WorkerPool.shared.parallel(rows.count * columns.count) { task in
        let (rows, columns) = (rows[task / columns.count], columns[task % columns.count])
        multiply_packed_tiles(
          rows.count, columns.count, left.terms, alpha,
          left.tiles(leftNumbers, factors, from: rows.lowerBound),
          right.tiles(rightNumbers, factors, from: columns.lowerBound), beta,
          c + rows.lowerBound * stride + columns.lowerBound, stride)
      }
    }
  }

  /// Equal portions of whole edges, each of at most `size`.
  private func portions(_ count: Int, of size: Int, edge: Int = edge) -> [Range<Int>] {
    let edges = (count + edge - 1) / edge
    let parts = (edges + max(1, size / edge) - 1) / max(1, size / edge)
    return (0..<parts).map { part in
      edges * part / parts * edge..<min(count, edges * (part + 1) / parts * edge)
    }
  }
}

extension Matrix {
  /// The element at `row` and `column` first.
  fileprivate func from(_ row: Int, _ column: Int) -> Matrix {
    Matrix(
      elements + (isTransposed ? column * stride + row : row * stride + column), stride: stride,
      transposed: isTransposed)
  }
}

extension TileProduct.Right {
  /// Rows as they are stored, widened to floats: of `k`, or of `n` where it is read transposed.
  fileprivate func withRows(_ rows: Range<Int>, _ body: (Matrix) -> Int32) -> Int32 {
    switch self {
    case .matrix(let matrix):
      body(Matrix(matrix.elements + rows.lowerBound * matrix.stride, stride: matrix.stride))
    case .stored(let weights, _), .blocks(let weights):
      withWidenedRows(of: weights, rows) { body(Matrix($0, stride: weights.rowLength)) }
    }
  }
}
