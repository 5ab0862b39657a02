import CVectorKernels
import TensorCore

/// Rows of one head of an operand, `stride` apart. Row 0 is the first of a segment.
struct HeadRows {
  let start: UnsafePointer<Float>
  let stride: Int

  init(_ start: UnsafePointer<Float>, stride: Int) {
    self.start = start
    self.stride = stride
  }

  /// - Parameters:
  ///   - operand: the first element of `[rows, heads * dim]`.
  ///   - queryHead: of `queryHeads`, which share the operand's heads in order.
  init(
    _ operand: UnsafePointer<Float>, heads: Int, dim: Int, queryHead: Int, of queryHeads: Int,
    firstRow: Int
  ) {
    let head = queryHead / (queryHeads / heads)
    self.init(operand + (firstRow * heads + head) * dim, stride: heads * dim)
  }

  subscript(row: Int) -> UnsafePointer<Float> { start + row * stride }

  func dropFirst(_ rows: Int) -> HeadRows { HeadRows(self[rows], stride: stride) }

  var matrix: Matrix { Matrix(start, stride: stride) }

  func matrix(from row: Int) -> Matrix { Matrix(self[row], stride: stride) }
}

/// Rows of one query head of a result, `stride` apart.
struct MutableHeadRows {
  let start: UnsafeMutablePointer<Float>
  let stride: Int

  init(_ start: UnsafeMutablePointer<Float>, stride: Int) {
    self.start = start
    self.stride = stride
  }

  /// - Parameter result: the first element of `[rows, heads * dim]`.
  init(
    _ result: UnsafeMutablePointer<Float>, heads: Int, dim: Int, head: Int, firstRow: Int
  ) {
    self.init(result + (firstRow * heads + head) * dim, stride: heads * dim)
  }

  subscript(row: Int) -> UnsafeMutablePointer<Float> { start + row * stride }
}

/// The decay of one head of one segment.
enum HeadDecay {
  case none
  case fixed(Float)
  /// One log decay a row.
  case head(HeadRows)
  /// `keyDim` log decays a row.
  case channel(HeadRows)

  var isPerChannel: Bool {
    if case .channel = self { true } else { false }
  }

  /// Log decays of a head, given the elements of the decay's operand if it has one.
  init(
    _ decay: RecurrentDecay<Tensor>, _ operand: UnsafePointer<Float>?, shape: RecurrentShape,
    head: Int, firstRow: Int
  ) {
    let rows = { (dim: Int) in
      HeadRows(
        operand!, heads: shape.queryHeads, dim: dim, queryHead: head, of: shape.queryHeads,
        firstRow: firstRow)
    }
    switch decay {
    case .none: self = .none
    case .fixed(let logDecays): self = .fixed(logDecays[head])
    case .head: self = .head(rows(1))
    case .channel: self = .channel(rows(shape.keyDim))
    }
  }

  /// Decays of rows, one after another: `keyDim` of each per channel, else one.
  func decays(
    _ rows: Range<Int>, into target: UnsafeMutablePointer<Float>, keyDim: Int
  ) {
    switch self {
    case .none:
      target.update(repeating: 1, count: rows.count)
    case .fixed(let logDecay):
      target.update(repeating: exponential(logDecay), count: rows.count)
    case .head(let logDecays):
      for (index, row) in rows.enumerated() { target[index] = exponential(logDecays[row][0]) }
    case .channel(let logDecays):
      for (index, row) in rows.enumerated() {
        vk_exp(logDecays[row], target + index * keyDim, keyDim)
      }
    }
  }
}

extension RecurrentDecay where Operand == Tensor {
  func check(_ shape: RecurrentShape, rows: Int) {
    switch self {
    case .none: return
    case .fixed(let logDecays):
      precondition(
        logDecays.count == shape.queryHeads && logDecays.allSatisfy { $0 <= 0 },
        "fixed log decays \(logDecays) for \(shape)")
    case .head(let operand):
      precondition(
        operand.shape == [rows, shape.queryHeads], "decays \(operand.shape) a head for \(shape)")
    case .channel(let operand):
      precondition(
        operand.shape == [rows, shape.queryWidth], "decays \(operand.shape) a channel for \(shape)")
    }
  }
}

/// Rows of every chunk of `count` rows that continue a sequence at `firstPosition`. Chunks end where
/// the position is a multiple of their length, so that a sequence fed in pieces is summed in the
/// same order.
func chunkRanges(_ count: Int, of length: Int, firstPosition: Int) -> [Range<Int>] {
  var ranges: [Range<Int>] = []
  var start = 0
  while start < count {
    let end = min(count, start + length - (firstPosition + start) % length)
    ranges.append(start..<end)
    start = end
  }
  return ranges
}
